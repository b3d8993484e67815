"""What `devctl why` asks: why services are not good, from the session where the stack runs, else from the record.

It runs in the process that asks, so that no question holds up the supervisor's loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from devctl.clock import Clock, SystemClock
from devctl.core.plan import check_names
from devctl.core.spec import to_json
from devctl.diagnosis.causes import explain
from devctl.diagnosis.evidence import read_evidence
from devctl.diagnosis.views import WhyView
from devctl.masking import mask_text, secrets_in
from devctl.paths import StackPaths
from devctl.session.protocol import SnapshotView


class SnapshotSource(Protocol):
    """Where the snapshot comes from: the client of a session, or the record of a stack that is down."""

    def snapshot(self) -> SnapshotView:
        """Return the stack as it is now, or as it was before it was taken down."""
        ...


def why(
    source: SnapshotSource, paths: StackPaths, names: Sequence[str] = (), clock: Clock | None = None
) -> list[WhyView]:
    """Explain each of `names` (none: each service that people see and that is not good)."""
    evidence = read_evidence(source.snapshot(), paths, (clock or SystemClock()).monotonic())
    if evidence.snapshot.spec.services:
        check_names(evidence.snapshot.spec.services, names)
    secrets = secrets_in(to_json(evidence.snapshot.spec))
    return [_masked(view, secrets) for view in explain(evidence, names)]


def _masked(view: WhyView, secrets: set[str]) -> WhyView:
    """Return an answer without the secrets of the stack; what its services wrote may hold them, too."""
    for cause in view["chain"]:
        cause["says"] = mask_text(cause["says"], secrets)
        cause["next"] = mask_text(cause["next"], secrets)
        cause["answer"] = mask_text(cause["answer"], secrets)
        cause["lines"] = [mask_text(line, secrets) for line in cause["lines"]]
    return view
