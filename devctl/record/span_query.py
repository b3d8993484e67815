"""Which spans are looked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sign:
    """What makes a row worth decoding, any one of it: `fragments` in the bytes of span or resource, an error, a
    kind, a text in the scope."""

    fragments: tuple[bytes, ...] = ()
    error: bool = False
    kind: int | None = None
    scope: bytes = b""

    def where(self) -> tuple[str, list[Any]]:
        """Return the SQL condition and its values."""
        clauses = ["instr(s.data, ?)"] * len(self.fragments) + ["s.error"] * self.error
        values: list[Any] = [*self.fragments]
        if self.kind is not None:
            clauses.append("s.kind = ?")
            values.append(self.kind)
        origins = ["instr(resource, ?)"] * len(self.fragments) + ["instr(scope, ?)"] * bool(self.scope)
        values += [*self.fragments, *([self.scope] if self.scope else [])]
        clauses.append(f"s.origin IN (SELECT id FROM origins WHERE {' OR '.join(origins)})")  # noqa: S608  fixed texts
        clauses += ["s.origin = 0"] * bool(self.scope)  # its scope stands in the span itself
        return f"({' OR '.join(clauses)})", values


@dataclass(frozen=True, slots=True)
class SpanQuery:
    """Which spans are looked for; empty means any. Times and durations are nanoseconds."""

    service: str = ""
    operation: str = ""
    kind: int | None = None
    since_ns: int = 0
    until_ns: int = (1 << 63) - 1
    min_duration_ns: int = 0
    max_duration_ns: int = (1 << 63) - 1
    errors: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    signs: tuple[Sign, ...] = ()
    limit: int = 20
