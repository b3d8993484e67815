"""What a real program did in the scenarios of a conformance suite: seen now, or read from its recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parent / "recordings"


@dataclass(frozen=True)
class Reference:
    """The real program to compare with; `why_recorded` is empty when it really runs."""

    observe: Callable[[str], Any]
    why_recorded: str = ""


def recording(name: str) -> dict[str, Any]:
    """Read what was recorded of one program: observations by scenario."""
    loaded: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())
    return loaded


def write_recording(name: str, observations: dict[str, Any]) -> Path:
    """Keep observations by scenario; give the file."""
    path = RECORDINGS / f"{name}.json"
    path.write_text(json.dumps(observations, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return path


def as_json(observation: Any) -> Any:
    """Return an observation as it would come back from a file."""
    return json.loads(json.dumps(observation))


def at_once(first: Callable[[], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    """Observe two programs at the same time; give both observations as they would come back from a file."""
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(first), pool.submit(other)]
        first, second = (as_json(future.result()) for future in futures)
    return first, second
