"""What can be told of a run from its record alone."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.record.store import Run


def specified_services(run: Run) -> set[str]:
    """Return the services of the run's specification, also those that never wrote a line."""
    try:
        return set(json.loads(run.spec_file.read_bytes())["services"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
