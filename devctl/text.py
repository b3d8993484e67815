"""Words for people: what is safe on a terminal, durations, sizes, and the nearest right word.

Standard library only, nothing heavy at import: `devctl status` loads this.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

# A control sequence as ECMA-48 has it: CSI, the string kinds (OSC, DCS, SOS, PM, APC) up to their end or the end
# of the text, charset and other short escapes. Seven-bit and eight-bit introducers alike.
_SEQUENCE = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|$)"
    r"|\x1b[ -/]*[0-~]?"
)
_SEQUENCE_BYTES = rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
_COLOUR = r"\x1b\[[0-9;:]*m"
# What sets colour or weight (ECMA-48, SGR): no 5 and 6, which blink, and no 8, which hides.
_COLOUR_CODES = frozenset(
    {0, 1, 2, 3, 4, 7, 9, *range(21, 26), 27, 29, *range(30, 38), *range(39, 48), 49, *range(90, 98), *range(100, 108)}
)
_LONG_COLOURS = {"38": {"5": 3, "2": 5}, "48": {"5": 3, "2": 5}}  # how many numbers a colour by index or by parts takes
# What is left and would move, hide or reorder text: C0 but tab, DEL, C1, line separators, bidi and zero-width marks.
_HIDDEN = (
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile at the first use: most commands never meet a text that needs it."""
    return re.compile(pattern)


@cache
def _compiled_bytes(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


def clean(text: str, *, colour: bool = False) -> str:
    """Return `text` as one line that is safe on a terminal: control sequences go, other hidden characters are
    shown as escapes. With `colour` the codes that only set colours and weight survive."""
    if text.isprintable() and text.isascii():
        return text
    if "\x1b" in text or not text.isascii():
        text = _compiled(_SEQUENCE).sub(_keep_colour if colour else "", text)
    text = text.rstrip("\r\n")
    return _compiled(_HIDDEN).sub(_show_unless_colour if colour else _show, text)


def clean_lines(text: str) -> str:
    """Return `text` of several lines with each made safe as `clean` does."""
    return "\n".join(clean(line) for line in text.split("\n"))


def visible(data: bytes) -> bytes:
    """Return the lines of a program's output as a person sees them: without control sequences."""
    if b"\x1b" not in data and b"\r\n" not in data:
        return data
    return _compiled_bytes(_SEQUENCE_BYTES).sub(b"", data).replace(b"\r\n", b"\n")


def _keep_colour(match: re.Match[str]) -> str:
    sequence = match.group()
    if not _compiled(_COLOUR).fullmatch(sequence):
        return ""
    codes = ";".join(_colours(sequence[2:-1].split(";")))
    return f"\x1b[{codes}m" if codes or sequence == "\x1b[m" else ""


def _colours(codes: list[str]) -> Iterator[str]:
    """Yield those of a sequence's numbers that set colour or weight."""
    while codes:
        first, *rest = codes
        count = _LONG_COLOURS.get(first, {}).get(rest[0] if rest else "", 1)
        if count > 1 or first.startswith(("38:", "48:")) or (first.isdigit() and int(first) in _COLOUR_CODES):
            yield ";".join(codes[:count])
        codes = codes[count:]


def _show(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _show_unless_colour(match: re.Match[str]) -> str:
    rest = match.string[match.start() :]
    return match.group() if match.group() == "\x1b" and _compiled(_COLOUR).match(rest) else _show(match)


DURATION_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_PART = rf"({_AMOUNT})(ns|us|µs|ms|s|m|h|d)"
DURATION = rf"(?:(?:{_AMOUNT})(?:ns|us|µs|ms|s|m|h|d))+"
DURATION_CHARACTERS = 40  # more digits than this are no time that anybody waits, and soon infinity


def parse_duration(text: str, *, units: Mapping[str, float] = DURATION_UNITS) -> float:
    """Return the seconds in `1h30m`, `250ms`, `.5s`; ValueError when it is none of these."""
    parts = _compiled(_PART).findall(text) if len(text) <= DURATION_CHARACTERS else []
    if not parts or "".join(number + unit for number, unit in parts) != text or any(u not in units for _, u in parts):
        raise ValueError(f"not a duration: {text[:DURATION_CHARACTERS]!r}")
    return sum(float(number) * units[unit] for number, unit in parts)


def parse_seconds(text: str) -> float:
    """Return the seconds in a duration as people type it: `42` is 42 s; ValueError when it is none."""
    text = text.strip()
    is_plain = bool(_compiled(_AMOUNT).fullmatch(text)) and len(text) <= DURATION_CHARACTERS
    return float(text) if is_plain else parse_duration(text)


def duration(seconds: float) -> str:
    """Return a short human form: `60 µs`, `8.3 ms`, `80 ms`, `1.25 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`."""
    if 0 < seconds < 0.0001:
        return f"{seconds * 1e6:.0f} µs"
    if 0 < seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 20 else f"{seconds:.0f} s"
    whole = int(seconds)
    for size, name, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {name} {rest} {small}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def size(count: float) -> str:
    """Return bytes in a short human form with decimal units: `812 B`, `43 MB`, `1.2 GB`."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            return f"{count:.1f} {unit}" if count < 9.95 else f"{count:.0f} {unit}"
    raise AssertionError("unreachable")


def count(number: int, singular: str, plural: str = "") -> str:
    """Return `1 service` or `3 services`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def listing(names: Iterable[str], last: str = "and") -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    *head, tail = list(names) or [""]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the one of `choices` that `word` most likely meant, empty when none is near."""
    import difflib  # only a mistake needs it

    by_lower = {choice.lower(): choice for choice in choices}
    lower = word[:80].lower()  # the comparison takes time by the square of the length
    if lower in by_lower:
        return by_lower[lower]
    close = difflib.get_close_matches(lower, by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else ""


def devctl_command(environ: Mapping[str, str] = os.environ, prefix: str = "", cwd: str = "") -> str:
    """Return what a person types here to run this devctl: `devctl` when the PATH leads to it, else its path."""
    import sys

    installed = os.path.join(prefix or sys.prefix, "bin", "devctl")  # noqa: PTH118  pathlib costs 10 ms here
    if not os.path.exists(installed):  # noqa: PTH110
        return "devctl"
    for folder in environ.get("PATH", "").split(os.pathsep):
        candidate = os.path.join(folder, "devctl")  # noqa: PTH118
        if os.access(candidate, os.X_OK):
            return "devctl" if os.path.realpath(candidate) == os.path.realpath(installed) else _short(installed, cwd)
    return _short(installed, cwd)


def _short(path: str, cwd: str) -> str:
    try:
        relative = os.path.relpath(path, cwd or os.getcwd())  # noqa: PTH109
    except FileNotFoundError:  # the working folder was deleted
        return path
    return relative if relative.count(os.sep) == 2 and not relative.startswith("..") else path


def typed(text: str, command: str = "") -> str:
    """Return `text` with each quoted command (`devctl up`) written as it must be typed here."""
    if "`devctl" not in text:
        return text
    return text.replace("`devctl", "`" + (command or devctl_command()))
