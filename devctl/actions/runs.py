"""What can be told of a run from its record alone."""

from __future__ import annotations

import json
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.record.store import Run


def specified_services(run: Run) -> set[str]:
    """Return the services of the run's specification, also those that never wrote a line."""
    return set(_specified(run))


def specified_instances(run: Run) -> set[str]:
    """Return the instances of those services of the run's specification that shall have several."""
    counts = {name: service.get("replicas", 1) for name, service in _specified(run).items()}
    return {f"{name}.{number}" for name, count in counts.items() if count > 1 for number in range(1, count + 1)}


def _specified(run: Run) -> dict[str, Any]:
    try:
        services = json.loads(run.spec_file.read_bytes())["services"]
        return {name: service for name, service in services.items() if isinstance(service, dict)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
