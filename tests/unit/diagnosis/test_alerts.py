"""What fires in Prometheus stands beside the causes: as evidence of an accused service, else as a note."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

from devctl.diagnosis.alerts import firing
from devctl.diagnosis.answer import answer
from devctl.diagnosis.blame import blame
from devctl.queries.prometheus import Alert
from tests.unit.diagnosis.test_rules import facts_after

SLOW = Alert("OrdersSlow", "firing", "warning", "orders take 2 s", {"service": "a"}, "2026-01-01T00:00:00Z")


def ask(*happenings: str) -> Any:
    facts = facts_after("a, b", "up", "a.1 started", "b.1 started", "a.1 ready", "b.1 ready", *happenings)
    facts.__dict__["alerts"] = [SLOW]
    return answer(facts, blame(facts))


def test_an_alert_alone_accuses_nobody_and_is_a_note() -> None:
    view = ask("wait 1")
    assert (view["state"], view["roots"]) == ("healthy", [])
    assert view["notes"] == ["the alert OrdersSlow fires: orders take 2 s (`devctl alerts`)"]


def test_an_alert_of_an_accused_service_is_evidence() -> None:
    view = ask("a.1 unready")
    (root,) = view["roots"]
    assert root["evidence"][-1]["text"] == "the alert OrdersSlow fires: orders take 2 s"
    assert root["evidence"][-1]["pointer"] == {"alert": "OrdersSlow", "since": "2026-01-01T00:00:00Z"}
    assert view["notes"] == []


@contextlib.contextmanager
def prometheus(body: bytes) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def entry(name: str, state: str) -> dict[str, Any]:
    return {"labels": {"alertname": name}, "annotations": {}, "state": state, "activeAt": "2026-01-01T00:00:00Z"}


def test_only_what_fires_is_told_by_name() -> None:
    alerts = [entry("B", "firing"), entry("Pending", "pending"), entry("A", "firing")]
    with prometheus(json.dumps({"data": {"alerts": alerts}}).encode()) as port:
        shown = [alert.name for alert in firing("127.0.0.1", port, within=30)]
    assert shown == ["A", "B"]


def test_what_is_no_prometheus_tells_of_no_alerts() -> None:
    with prometheus(b"<html>") as port:
        shown = firing("127.0.0.1", port, within=30)
    assert shown == []
    assert firing("127.0.0.1", port, within=30) == []  # nobody listens there now
