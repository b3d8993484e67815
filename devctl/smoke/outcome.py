"""How each item of a smoke run ended. Plain data for reports, bundles and history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devctl.queries.compare import Difference

PASSED, FAILED, FLAKY, SKIPPED = "passed", "failed", "flaky", "skipped"
PHASES = ("start", "health", "checks", "tests", "contract")
"""The phases in the order in which they run: each is a suite of the report."""


@dataclass(slots=True)
class Outcome:
    """One item: a step of the start, a check, a line of the contract, or a test of the project.

    `service` is the one that is to blame when it failed. `attempts` are the texts of failures before it passed or
    failed for good. `evidence` is for people: the waterfall of its trace with the log lines in it.
    """

    phase: str
    name: str
    status: str = PASSED
    seconds: float = 0.0
    message: str = ""
    text: str = ""
    service: str = ""
    trace_id: str = ""
    evidence: str = ""
    file: str = ""
    attempts: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def is_bad(self) -> bool:
        return self.status == FAILED

    @property
    def key(self) -> str:
        """By what the item is known from run to run."""
        return f"{self.phase}: {self.name}"

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `smoke --json`."""
        return asdict(self)


@dataclass(slots=True)
class Coverage:
    """What no check touched: services, operations (`service name`) and calls (`a -> b`)."""

    services: Sequence[str] = ()
    routes: Sequence[str] = ()
    edges: Sequence[str] = ()
    touched_services: int = 0
    touched_routes: int = 0
    touched_edges: int = 0


@dataclass(slots=True)
class Report:
    """A whole smoke run: what reports are written from."""

    stack: str
    run: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    overhead_seconds: float = 0.0
    properties: dict[str, str] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)
    history: dict[str, str] = field(default_factory=dict)
    """By an outcome's key: how it ended in earlier runs."""
    green_run: str = ""
    """The last green run before, with which this one is compared; empty where there is none."""
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.is_bad]

    @property
    def flaky(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.status == FLAKY]

    @property
    def verdict(self) -> str:
        """`failed`, `interrupted`, `flaky` or `passed`."""
        if self.failed:
            return FAILED
        if self.interrupted:
            return "interrupted"
        return FLAKY if self.flaky else PASSED
