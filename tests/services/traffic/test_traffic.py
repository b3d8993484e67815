"""The shoppers of services.traffic, without Locust: their command line, and where they go."""

import ast
import json
import re
from pathlib import Path

import pytest

from services.common.runtime.settings import Environment
from services.traffic import __main__ as traffic

ROUTES = Path(__file__).parents[3] / "services" / "contracts" / "openapi" / "gateway.json"


def test_the_environment_says_how_many_shoppers_go_where_and_for_how_long() -> None:
    env = {"GATEWAY_URL": "http://127.0.0.1:9", "TRAFFIC_USERS": "40", "TRAFFIC_SECONDS": "30"}
    texts = traffic.arguments(Environment(env))
    assert {"--host=http://127.0.0.1:9", "--users=40", "--run-time=30s", "--headless"} <= set(texts)


def test_its_page_is_on_loopback_and_on_the_port_that_it_is_given() -> None:
    texts = traffic.arguments(Environment({"TRAFFIC_WEB": "on", "PORT": "7000"}))
    assert {"--web-host=127.0.0.1", "--web-port=7000", "--autostart"} <= set(texts)
    assert "--headless" not in texts


def test_without_locust_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(traffic, "python", lambda: None)
    with pytest.raises(SystemExit) as ended:
        traffic.main()
    assert ended.value.code == 3
    assert "pip install" in capsys.readouterr().err


def test_shoppers_go_only_where_the_gateway_leads() -> None:
    routes = {re.sub(r"\{\w+\}", "[id]", path) for path in json.loads(ROUTES.read_text())["paths"]}
    tree = ast.parse(traffic.JOURNEYS.read_text())
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    paths = {text for text in texts if text.startswith("/") and " " not in text and not text.endswith("/")}
    assert len(paths) >= 8
    assert {path for path in paths if not path.startswith(("/timeline", "/cancel", "/[id]"))} <= routes | {"/orders"}
