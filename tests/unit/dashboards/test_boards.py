"""The boards are what the code makes, every query is PromQL, and no panel lacks what a reader needs."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import promql_parser
import pytest
import yaml

from dashboards.__main__ import built
from dashboards.links import stable_id

PROMETHEUS = {"type": "prometheus", "uid": "$datasource"}
SOURCES = [PROMETHEUS, {"type": "jaeger", "uid": "jaeger"}, {"type": "loki", "uid": "loki"}]
ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "dashboards").glob("*.json"))
RULES = sorted((ROOT / "stack" / "prometheus" / "rules").glob("*.yml"))
VARIABLES = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "15m", "$service": ".*"}


def panels(file: Path) -> Iterator[dict[str, Any]]:
    for panel in json.loads(file.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def queries(file: Path) -> Iterator[tuple[str, str]]:
    for panel in panels(file):
        for target in panel["targets"]:
            if panel["datasource"] == PROMETHEUS:
                yield panel["title"], target["expr"]


def rules() -> Iterator[dict[str, Any]]:
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def parse(expression: str) -> None:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    promql_parser.parse(expression)


def test_the_committed_boards_are_what_the_code_makes() -> None:
    made = built()
    assert sorted(made) == FILES
    for file, text in made.items():
        assert file.read_text() == text, f"{file.name}: run python -m dashboards --write"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_query_of_a_board_is_promql(file: Path) -> None:
    for _, expression in queries(file):
        parse(expression)


def test_every_rule_is_promql() -> None:
    for rule in rules():
        parse(rule["expr"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_panel_says_what_it_shows_in_which_unit(file: Path) -> None:
    titles = [panel["title"] for panel in panels(file)]
    assert len(titles) == len(set(titles))
    for panel in panels(file):
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] in SOURCES
        assert {target["refId"] for target in panel["targets"]}
        for target in panel["targets"]:
            if "rate(" in target.get("expr", "") and "[$" in target["expr"]:
                assert "[$__rate_interval]" in target["expr"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_board_is_fixed_and_leads_to_the_others(file: Path) -> None:
    board = json.loads(file.read_text())
    assert board["uid"] == file.stem
    assert board["editable"] is False
    assert not board.get("id")
    assert "version" not in board
    assert {link["title"] for link in board["links"]} == {"Boards", "Traces"}
    seconds = int(re.fullmatch(r"(\d+)s", board["refresh"])[1])  # type: ignore[index]
    assert seconds >= 10


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_panel_and_row_has_an_id_that_follows_from_its_title_alone(file: Path) -> None:
    document = json.loads(file.read_text())
    ids = [panel["id"] for panel in document["panels"]]

    assert len(ids) == len(set(ids))
    for panel in document["panels"]:
        kind = "row" if panel["type"] == "row" else "panel"
        assert panel["id"] == stable_id(kind, panel["title"]) > 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_board_marks_restarts_wire_faults_alerts_and_new_versions(file: Path) -> None:
    marks = json.loads(file.read_text())["annotations"]["list"]

    assert [mark["name"] for mark in marks] == ["Restarts", "Wire faults", "Alerts", "New versions"]
    for mark in marks:
        assert mark["enable"]
        assert mark["datasource"] == PROMETHEUS
        parse(mark["expr"])


@pytest.mark.parametrize("board", ["service", "gateway", "shop-overview", "kafka-events", "slo", "devctl"])
def test_points_of_a_board_lead_to_traces(board: str) -> None:
    links = [
        link["url"]
        for panel in panels(ROOT / "dashboards" / f"{board}.json")
        for link in panel["fieldConfig"]["defaults"].get("links", [])
    ]

    assert links
    for link in links:
        panes = json.loads(parse_qs(urlsplit(link).query)["panes"][0])
        assert panes["traces"]["datasource"] == "jaeger"
        assert panes["traces"]["range"] == {"from": "${__from}", "to": "${__to}"}
        assert panes["traces"]["queries"][0]["service"]


@pytest.mark.parametrize(
    ("board", "titles"),
    [
        ("gateway", {"Rate limits", "Retries", "Breakers", "Answers by version", "Slow traces"}),
        ("service", {"95th percentile by route", "Errors by route", "Garbage collection", "Python"}),
        ("service", {"Errors in the logs"}),
        ("devctl", {"Connections", "Bytes", "Refused", "Picks of each instance", "Drain time", "Wire faults in force"}),
        ("kafka-events", {"Requests to Kafka", "Answers of Kafka", "Bytes to and from Kafka"}),
    ],
)
def test_boards_have_the_panels_that_people_look_for(board: str, titles: set[str]) -> None:
    assert titles <= {panel["title"] for panel in panels(ROOT / "dashboards" / f"{board}.json")}


def test_panels_that_may_be_empty_exist_and_have_a_reason() -> None:
    reasons = tomllib.loads((ROOT / "dashboards" / "empty.toml").read_text())
    titles = {file.stem: {panel["title"] for panel in panels(file)} for file in FILES}
    titles["metrics"] = {name for file in FILES for _, query in queries(file) for name in re.findall(r"\w+", query)}
    for board, empty in reasons.items():
        for title, reason in empty.items():
            assert title in titles[board]
            assert reason.endswith(".")


def test_every_alert_has_a_case_in_which_it_fires_and_a_runbook() -> None:
    tests = yaml.safe_load((ROOT / "stack" / "prometheus" / "tests" / "alerts.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    firing = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    alerts = [rule for rule in rules() if "alert" in rule]
    assert {alert["alert"] for alert in alerts} == firing == silent
    for alert in alerts:
        assert alert["annotations"]["runbook"].removeprefix("docs/runbooks.md#") in {h.lower() for h in headings}
        assert alert["labels"]["severity"] in {"critical", "warning"}
        program, command, *_ = alert["annotations"]["next"].split()
        assert program == "devctl"
        assert (ROOT / "devctl" / "cli" / "commands" / f"{command}.py").exists()


def test_an_alert_that_counts_events_is_tested_from_before_its_series_exist() -> None:
    tests = yaml.safe_load((ROOT / "stack" / "prometheus" / "tests" / "alerts.yml").read_text())["tests"]
    begin_without = {
        case["alertname"]
        for test in tests
        if all(series["values"].startswith("_") for series in test["input_series"] if "_total" in series["series"])
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    counting = {rule["alert"] for rule in rules() if "alert" in rule and "increase(" in rule["expr"]}
    assert counting <= begin_without
