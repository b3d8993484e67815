"""The framing of a chunked HTTP/1.1 body, followed while it passes: its last bytes alone do not tell its end."""

from __future__ import annotations

_MOST_LINE = 4096  # bytes of a chunk's size with its extensions, or of a trailer


class ChunkedBody:
    """Tells whether all of a chunked body has been seen. Whatever is no such body never becomes whole."""

    __slots__ = ("_in_trailer", "_is_broken", "_left", "_line", "is_whole")

    def __init__(self) -> None:
        self.is_whole = False
        self._is_broken = False
        self._in_trailer = False
        self._left = 0  # bytes of the present chunk that have not come yet, its line end among them
        self._line = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        at = 0
        while at < len(data) and not self._is_broken:
            if self.is_whole:  # something follows that belongs to nothing that was asked for
                self._break()
            elif self._left:
                taken = min(self._left, len(data) - at)
                self._left -= taken
                at += taken
            else:
                at = self._read_line(data, at)

    def _read_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at) + 1
        self._line += data[at : end or len(data)]
        if end:
            line, self._line = self._line.strip(), b""
            self._take(line)
        elif len(self._line) > _MOST_LINE:
            self._break()
        return end or len(data)

    def _take(self, line: bytes) -> None:
        if self._in_trailer:
            self.is_whole = not line
            return
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            self._break()
            return
        self._left = size + 2 if size > 0 else 0
        self._in_trailer = size == 0
        self._is_broken = size < 0

    def _break(self) -> None:
        self._is_broken, self.is_whole = True, False
