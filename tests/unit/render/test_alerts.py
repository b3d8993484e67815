"""An alert on a terminal says what it means, where to read on and what to type next."""

from __future__ import annotations

import io
from typing import Any

import pytest

from devctl.queries.prometheus import alert_of
from devctl.render import alerts
from devctl.render.terminal import Terminal

LETTERS = {
    "state": "firing",
    "activeAt": "2026-01-02T03:04:05.678Z",
    "labels": {"alertname": "DeadLetters", "severity": "warning", "group": "payment"},
    "annotations": {
        "summary": "payment gave messages up",
        "description": "They lie in a topic.",
        "runbook": "docs/runbooks.md#deadletters",
        "next": "devctl events --dead",
    },
}


def shown(*entries: dict[str, Any]) -> list[str]:
    return alerts.listing([alert_of(entry) for entry in entries], Terminal(io.StringIO(), io.StringIO(), {}))


def test_an_alert_shows_description_runbook_and_the_next_command() -> None:
    assert shown(LETTERS) == [
        "firing  warning  DeadLetters  group=payment  since 2026-01-02T03:04:05Z",
        "  payment gave messages up",
        "  They lie in a topic.",
        "  runbook  docs/runbooks.md#deadletters",
        "  next     devctl events --dead",
    ]


def test_alerts_are_apart_and_one_without_annotations_is_one_line() -> None:
    bare = {"state": "pending", "labels": {"alertname": "Mine"}}

    assert shown(bare, bare) == ["pending  Mine", "", "pending  Mine"]


@pytest.mark.parametrize(
    ("description", "labels", "command"),
    [
        ("Ask `devctl why order` first, or `devctl logs`.", {"service": "cart"}, "devctl why order"),
        ("Slow.", {"service": "cart"}, "devctl why cart"),
        ("Slow; see `top`.", {}, ""),
    ],
)
def test_rules_that_name_no_command_lead_on_all_the_same(
    description: str, labels: dict[str, str], command: str
) -> None:
    entry = {"state": "firing", "labels": labels, "annotations": {"description": description}}

    assert alert_of(entry).next == command
