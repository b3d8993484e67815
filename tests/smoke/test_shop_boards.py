"""No panel of any board is empty once the shop was used: run by `devctl smoke` after the other checks.

Nobody is blamed for an empty panel: the contract names the service whose metric is missing.
"""

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BOARDS = Path(__file__).parents[2] / "dashboards"
VARIABLES = {"$__rate_interval": "2m", "$service": ".*"}
SCRAPED_SECONDS = 90  # several scrapes and evaluations, and a machine that is busy with other things


def questions() -> Iterator[tuple[str, str, str]]:
    """Yield board, panel and query of all that must show something; `empty.toml` says what need not."""
    may_be_empty = tomllib.loads((BOARDS / "empty.toml").read_text())
    for file in sorted(BOARDS.glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            if (
                panel["title"] in may_be_empty.get(file.stem, {})
                or panel.get("datasource", {}).get("type") != "prometheus"
            ):
                continue
            for target in panel.get("targets", []):
                if query := target.get("expr"):
                    for variable, value in VARIABLES.items():
                        query = query.replace(variable, value)
                    yield file.stem, panel["title"], query


def test_no_panel_of_any_board_is_empty(stack: Any, metrics: Any, eventually: Callable[..., Any]) -> None:
    if not stack.has("promql"):
        pytest.skip("no Prometheus runs here")
    empty = set(questions())
    assert empty

    def are_all_filled() -> bool:
        empty.difference_update([question for question in empty if metrics.query(question[2])])
        assert not empty, f"empty panels: {sorted(question[:2] for question in empty)}"
        return True

    eventually(are_all_filled, within=SCRAPED_SECONDS, every=1.0, what="every panel shows something")
