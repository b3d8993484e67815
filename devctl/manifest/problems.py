"""What is wrong with a manifest: each mistake with its place, what is allowed there and the nearest right word."""

import re
from collections.abc import Iterable
from dataclasses import replace

from devctl.errors import UsageError
from devctl.text import nearest
from devctl.values import dataclass

MAX_MISTAKES = 200
_SERVICE = re.compile(r"services\.([^.:]+)")
MANY = 8  # so many allowed words are still worth reading beside the nearest one


@dataclass(frozen=True, slots=True)
class Location:
    """A spot in a file; lines and columns count from 1, 0 means the whole file (or the command line)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake or, in `Loaded.warnings`, one thing worth a look."""

    location: Location
    message: str
    allowed: tuple[str, ...] = ()
    nearest: str = ""
    hint: str = ""

    @property
    def file(self) -> str:
        return self.location.file

    @property
    def line(self) -> int:
        return self.location.line

    @property
    def column(self) -> int:
        return self.location.column

    @property
    def advice(self) -> str:
        """What to do about it, in one line; may be empty."""
        parts = [f"did you mean {self.nearest}?"] if self.nearest else [self.hint] if self.hint else []
        if self.allowed and (not parts or (self.nearest and len(self.allowed) <= MANY)):
            parts.append(f"allowed: {', '.join(self.allowed)}")
        return " ".join(parts)

    def __str__(self) -> str:
        head = f"{self.location}: {self.message}" if self.location.file else self.message
        return f"{head} ({self.advice})" if self.advice else head


class ManifestError(UsageError):
    """The manifest cannot be used; `problems` holds every mistake, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        ordered = sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.message))
        self.problems = tuple(_told_once(ordered))
        first = self.problems[0]
        if len(self.problems) == 1:
            super().__init__(first.message, where=str(first.location), next=first.advice)
        else:
            lines = "\n".join(f"  {problem}" for problem in self.problems)
            super().__init__(f"{len(self.problems)} mistakes\n{lines}", where=first.file)


def _told_once(problems: Iterable[Problem]) -> Iterable[Problem]:
    """Fold a mistake that several services share through an anchor into one."""
    alike: dict[object, list[Problem]] = {}
    for problem in problems:
        shape = _SERVICE.sub("services.*", problem.message, count=1)
        alike.setdefault((problem.location, shape, problem.advice), []).append(problem)
    for first, *others in alike.values():
        names = [match[1] for other in others if (match := _SERVICE.match(other.message))]
        also = f", also of {', '.join(names)}" if names else ""
        yield replace(first, message=first.message + also)


class Problems:
    """Collects mistakes and warnings while the manifest is read."""

    def __init__(self) -> None:
        self.mistakes: list[Problem] = []
        self.warnings: dict[str, Problem] = {}

    def add(
        self, location: Location, message: str, *, allowed: Iterable[str] = (), nearest: str = "", hint: str = ""
    ) -> None:
        """Note a mistake; ManifestError when there are too many to go on."""
        self.mistakes.append(Problem(location, message, tuple(allowed), nearest, hint))
        if len(self.mistakes) >= MAX_MISTAKES:
            raise ManifestError(self.mistakes)

    def unknown(self, location: Location, what: str, word: str, allowed: Iterable[str], *, hint: str = "") -> None:
        """Note a word that is none of `allowed`, with the nearest of them."""
        candidates = tuple(allowed)
        self.add(location, f"{what} {shown(word)}", allowed=candidates, nearest=nearest(word, candidates), hint=hint)

    def warn(self, location: Location, message: str, *, hint: str = "") -> None:
        """Note, once, something that does not stop the manifest from being used."""
        self.warnings.setdefault(message, Problem(location, message, hint=hint))

    def stop(self) -> None:
        """Raise ManifestError when there are mistakes."""
        if self.mistakes:
            raise ManifestError(self.mistakes)


def shown(text: str) -> str:
    """Return a text from a manifest for use in a message: quoted, short, without control characters."""
    clean = "".join(c if c.isprintable() else "?" for c in text[:61])
    return f'"{clean[:60]}…"' if len(clean) > 60 else f'"{clean}"'
