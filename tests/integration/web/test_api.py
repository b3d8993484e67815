"""The viewer's addresses: Grafana's own, what is refused, how often Prometheus is asked."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time

import httpx
import pytest

from devctl.http.server import Request, Response
from devctl.web.app import Application
from devctl.web.boards.library import Library
from devctl.web.data.prometheus import AT_ONCE, Prometheus, Refused
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


def test_a_frozen_prometheus_keeps_one_turn_of_panels_waiting_and_no_more() -> None:
    async def ask(address: str) -> list[str]:
        source = Prometheus(address, timeout_seconds=0.2)
        answers = await asyncio.gather(*(source.instant(f"up{n}", 0) for n in range(20)), return_exceptions=True)
        return [str(answer) for answer in answers]

    with socket.create_server(("127.0.0.1", 0)) as silent:
        messages = asyncio.run(ask(f"127.0.0.1:{silent.getsockname()[1]}"))
    assert sum("does not answer within" in message for message in messages) == AT_ONCE
    assert sum("is asked again in a moment" in message for message in messages) == 20 - AT_ONCE


def test_a_query_that_takes_too_long_leaves_the_other_panels_alone(viewer: Viewer) -> None:
    async def slow(request: Request) -> Response:
        if request.query.get("query") == ["slow"]:
            await asyncio.Event().wait()
        return await viewer.prometheus(request)

    async def ask(address: str) -> int:
        source = Prometheus(address, timeout_seconds=1)
        with pytest.raises(Refused, match="does not answer this query within 1 s"):
            await source.instant("slow", 0)
        return len(await source.instant("up", 0))

    with served(slow) as address:
        assert asyncio.run(ask(address)) == 3


def test_a_tab_that_comes_while_an_answer_is_still_awaited_shares_it() -> None:
    begun, may_end = threading.Event(), threading.Event()
    fake = FakePrometheus()

    async def slow(request: Request) -> Response:
        begun.set()
        await asyncio.to_thread(may_end.wait, 30)
        return await fake(request)

    async def ask(address: str) -> None:
        source = Prometheus(address, kept_seconds=0)
        first = asyncio.create_task(source.instant("up", 0))
        await asyncio.to_thread(begun.wait, 30)
        second = asyncio.create_task(source.instant("up", 0))
        await asyncio.sleep(0)
        may_end.set()
        assert await first == await second
        assert (source.counts.sent, source.counts.shared) == (1, 1)

    with served(slow) as address:
        asyncio.run(ask(address))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>502</html>", "answers 200 and no JSON"),
        (b"[1]", "answers 200 and no object of JSON"),
        (b'{"status": "error", "error": "too many samples"}', "refuses the query: too many samples"),
        (b'{"status": "success", "data": null}', "without a result"),
        (b'{"status": "success", "data": {"resultType": "vector", "result": [{"histogram": [1, {}]}]}}', "native"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_an_answer_that_nobody_can_read_is_told_in_its_panel(viewer: Viewer, body: bytes, reason: str) -> None:
    async def odd(request: Request) -> Response:
        return Response(200, body, "application/json")

    with served(odd) as metrics:
        application = Application(Library(viewer.boards), Prometheus(metrics), None, lambda: None)
        with served(application) as address:
            panel = httpx.get(f"http://{address}/api/viewer/boards/every/panels/1", timeout=60).json()
    assert reason in panel["problems"][0]


def test_a_panel_is_reached_by_the_large_id_of_its_board(viewer: Viewer) -> None:
    panel = {"id": 1672817065, "type": "stat", "title": "one of many", "targets": [{"expr": "up"}]}
    (viewer.boards / "large-ids.json").write_text(json.dumps({"uid": "large-ids", "panels": [panel]}))
    board = httpx.get(viewer.url("/api/viewer/boards/large-ids?viewPanel=1672817065")).json()
    assert [each["id"] for each in board["panels"]] == ["1672817065"]
    assert httpx.get(viewer.url("/api/viewer/boards/large-ids/panels/1672817065")).status_code == 200
