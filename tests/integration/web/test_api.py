"""The viewer's addresses: Grafana's own, what is refused, how often Prometheus is asked."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from devctl.web.app import Application
from devctl.web.boards.library import Library
from devctl.web.data.prometheus import Prometheus
from tests.integration.web.conftest import Viewer
from tests.integration.web.serving import FakePrometheus, served, value


def test_health_search_and_board_answer_as_grafana_does(viewer: Viewer) -> None:
    health = httpx.get(viewer.url("/api/health")).json()
    assert health["database"] == "ok"
    assert "devctl" in health["viewer"]
    listed = {each["uid"]: each for each in httpx.get(viewer.url("/api/search")).json()}
    assert listed["every"]["url"] == "/d/every"
    assert httpx.get(viewer.url("/api/search?query=kind")).json()[0]["uid"] == "every"
    board = httpx.get(viewer.url("/api/dashboards/uid/every")).json()
    assert board["dashboard"]["title"] == "Every kind"
    assert board["meta"]["canSave"] is False
    assert httpx.get(viewer.url("/api/dashboards/uid/none")).status_code == 404


def test_a_query_answers_in_grafanas_frames(viewer: Viewer) -> None:
    source = {"type": "prometheus", "uid": "p"}
    queries = [{"refId": "A", "expr": 'requests{service="beta"}', "datasource": source, "maxDataPoints": 100}]
    body = {"from": "now-5m", "to": "now", "queries": queries}
    result = httpx.post(viewer.url("/api/ds/query"), json=body).json()["results"]["A"]
    times, values = result["frames"][0]["data"]["values"]
    assert values == pytest.approx([value("beta", moment / 1000) for moment in times], abs=1e-5)
    assert result["frames"][0]["schema"]["fields"][1]["labels"] == {"__name__": "requests", "service": "beta"}


def test_a_wrong_query_says_what_prometheus_said(viewer: Viewer) -> None:
    queries = [
        {"refId": "A", "expr": "syntax error", "datasource": {"type": "prometheus"}},
        {"refId": "B", "expr": "x", "datasource": {"type": "mysql"}},
    ]
    results = httpx.post(viewer.url("/api/ds/query"), json={"queries": queries}).json()["results"]
    assert "parse error" in results["A"]["error"]
    assert "mysql" in results["B"]["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(viewer: Viewer, method: str) -> None:
    for path in ("/api/dashboards/db", "/api/dashboards/uid/every", "/d/every", "/api/health"):
        assert httpx.request(method, viewer.url(path)).status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "http://evil.example", "content-type": "application/json"},
        {"content-type": "text/plain"},
    ],
)
def test_another_site_gets_no_answer(viewer: Viewer, headers: dict[str, str]) -> None:
    assert httpx.post(viewer.url("/api/ds/query"), content=b"{}", headers=headers).status_code == 403


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"from": "yesterday"}', b"[" * 100_000])
def test_a_body_that_is_no_query_is_refused(viewer: Viewer, body: bytes) -> None:
    answer = httpx.post(viewer.url("/api/ds/query"), content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/lib/../app.py", "/static/", "/etc/passwd", "/static/pages"],
)
def test_no_other_file_is_handed_out(viewer: Viewer, path: str) -> None:
    with httpx.Client() as client:
        request = client.build_request("GET", viewer.url("/"))
        request.url = request.url.copy_with(raw_path=path.encode())
        assert client.send(request).status_code == 404


def test_the_page_may_load_nothing_of_elsewhere_and_stands_in_no_frame(viewer: Viewer) -> None:
    headers = httpx.get(viewer.url("/d/every")).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_what_many_tabs_ask_at_once_is_asked_once() -> None:
    fake = FakePrometheus()

    async def ask(address: str) -> None:
        source = Prometheus(address)
        answers = await asyncio.gather(*(source.range("requests", 0, 100, 5) for _ in range(24)))
        assert all(answer == answers[0] and len(answer) == 3 for answer in answers)
        assert (source.counts.sent, source.counts.shared) == (1, 23)

    with served(fake) as address:
        asyncio.run(ask(address))
    assert list(fake.questions.values()) == [1]


def test_pages_of_one_moment_ask_the_same_whatever_their_width(viewer: Viewer) -> None:
    def targets(points: int) -> set[str]:
        before = set(viewer.prometheus.questions)
        httpx.get(viewer.url(f"/api/viewer/boards/every/panels/1?from=1773146000000&to=1773146900000&points={points}"))
        return {each for each in set(viewer.prometheus.questions) - before if "query_range" in each}

    assert [len(targets(points)) for points in (180, 200, 179)] == [1, 0, 0]


def test_a_panel_says_what_was_asked_and_what_is_not_done(viewer: Viewer) -> None:
    panel = httpx.get(viewer.url("/api/viewer/boards/every/panels/41")).json()
    assert panel["notices"] == ["the transformation regression is not applied here"]
    assert panel["asked"][0]["query"] == 'requests{service=~"(alpha|beta|gamma)"}'


def test_a_chosen_value_reaches_the_query(viewer: Viewer) -> None:
    panel = httpx.get(viewer.url("/api/viewer/boards/every/panels/1?var-service=beta")).json()
    assert [each["name"] for each in panel["series"]] == ["beta"]
    assert panel["asked"][0]["query"] == 'requests{service=~"beta"}'


def test_every_panel_of_the_hostile_board_answers(viewer: Viewer) -> None:
    board = httpx.get(viewer.url("/api/viewer/boards/hostile")).json()
    for panel in board["panels"]:
        answer = httpx.get(viewer.url(f"/api/viewer/boards/hostile/panels/{panel['id']}"))
        assert answer.status_code == 200, answer.text


def test_without_a_prometheus_the_panels_say_so(viewer: Viewer) -> None:
    application = Application(Library(viewer.boards), Prometheus(""), None, lambda: None)
    with served(application) as address:
        panel = httpx.get(f"http://{address}/api/viewer/boards/every/panels/1").json()
        assert panel["problems"] == ["A: this stack has no Prometheus"]
        assert httpx.get(f"http://{address}/lib/uPlot.iife.min.js").status_code == 404
        assert httpx.get(f"http://{address}/api/viewer/stack/status").status_code == 404


def test_a_prometheus_that_is_gone_is_named_and_asked_again_later() -> None:
    async def ask() -> list[str]:
        source = Prometheus("127.0.0.1:9")
        messages = []
        for _ in range(2):
            with pytest.raises(ValueError, match=r"Prometheus at 127\.0\.0\.1:9 is away") as refused:
                await source.instant("up", time.time())
            messages.append(str(refused.value))
        return messages

    assert len(asyncio.run(ask())) == 2


def test_metrics_tell_what_was_asked(viewer: Viewer) -> None:
    httpx.get(viewer.url("/api/viewer/boards/every/panels/1"))
    lines = httpx.get(viewer.url("/metrics")).text.splitlines()
    figures = dict(line.split() for line in lines if not line.startswith("#"))
    assert float(figures["devctl_web_prometheus_queries_total"]) >= 1
    assert float(figures["process_resident_memory_bytes"]) > 1e6
