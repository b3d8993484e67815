"""Reading text files of a project: bounded in size, UTF-8 and nothing else."""

from __future__ import annotations

from pathlib import Path

from devctl.manifest.problems import Location, Problems

MAX_BYTES = 1 << 20


def read_text(path: Path, name: str, problems: Problems, *, hint: str = "") -> str | None:
    """Return the text of a file of at most MAX_BYTES, or None with the reason (and `hint`) among `problems`."""
    location = Location(name)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        problems.add(location, f"cannot be read: {error.strerror}", hint=hint)
        return None
    if len(raw) > MAX_BYTES:
        problems.add(location, f"is larger than {MAX_BYTES >> 20} MiB")
        return None
    return decode(raw, name, problems)


def decode(raw: bytes, name: str, problems: Problems) -> str | None:
    """Return the text of UTF-8 bytes without the byte order mark, or None with the reason among `problems`."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.add(Location(name), "is UTF-16", hint="save it as UTF-8")
        return None
    if (at := raw.find(b"\0")) >= 0:
        problems.add(_place_of(raw, at, name), "a NUL byte: not a text file")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.add(_place_of(raw, error.start, name), "is not UTF-8", hint="save it as UTF-8")
        return None


def _place_of(raw: bytes, at: int, name: str) -> Location:
    return Location(name, raw.count(b"\n", 0, at) + 1, at - raw.rfind(b"\n", 0, at))
