"""The middleware of every service: errors look the same everywhere, and answers come in time."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.common.http.auth import Admin, Service, User
from services.common.http.problems import ExactError
from services.common.http.schemas import Request, Text
from services.common.runtime import logs
from services.common.runtime.settings import Environment, Settings
from services.common.service import Runtime, asgi
from services.common.service import Service as Definition


class Body(Request):
    name: Text
    how_many: int = 1


def build(runtime: Runtime) -> FastAPI:
    app = runtime.application("Test")

    @app.post("/things", status_code=201)
    async def make(body: Body) -> Body:
        return body

    @app.get("/things/{number}")
    async def get(number: int) -> dict[str, int]:
        return {"number": number}

    @app.delete("/things/{number}", status_code=204)
    async def delete(number: int) -> None:
        pass

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("the secret of the house")

    @app.get("/exact")
    async def exact() -> None:
        raise ExactError(400, "Insufficient stock")

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.Event().wait()

    @app.get("/mine")
    async def mine(caller: User) -> str:
        return caller.user_id

    @app.get("/admins")
    async def admins(caller: Admin) -> str:
        return caller.user_id

    @app.get("/inside")
    async def inside(_caller: Service) -> str:
        return "in"

    return app


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    values = {"DATA_DIR": str(tmp_path / "x"), "REQUEST_TIMEOUT_SECONDS": "0.2", "FAULTS": "on", "PORT": "1"}
    made = Runtime(Definition("test", build), Settings.read("test", Environment(values)))
    yield made
    await made.transport.aclose()


@pytest_asyncio.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    app = httpx.ASGITransport(asgi(runtime.service, runtime))
    async with httpx.AsyncClient(transport=app, base_url="http://test") as made:
        yield made


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("DELETE", "/things", {}, 405),
        ("POST", "/things", {"content": b"{", "headers": JSON}, 400),
        ("POST", "/things", {"content": b"\xff\xfe", "headers": JSON}, 400),
        ("POST", "/things", {"content": b'{"name": ' + b"[" * 100_000, "headers": JSON}, 400),
        ("POST", "/things", {"content": b"a=1", "headers": {"content-type": "text/plain"}}, 415),
        ("POST", "/things", {"content": b"{}"}, 415),
        ("POST", "/things", {"content": b" " * 300_000, "headers": JSON}, 413),
        ("POST", "/things", {"json": {}}, 422),
        ("POST", "/things", {"json": {"name": 5}}, 422),
        ("POST", "/things", {"json": {"name": "x", "howMany": "2"}}, 422),
        ("POST", "/things", {"json": {"name": "x", "howMany": True}}, 422),
        ("POST", "/things", {"json": {"name": "x", "role": "admin"}}, 422),
        ("POST", "/things", {"json": {"name": "a\x00b"}}, 422),
        ("POST", "/things", {"content": b'{"name": "\\ud800"}', "headers": JSON}, 422),
        ("POST", "/things", {"content": b'{"name": "x", "howMany": NaN}', "headers": JSON}, 422),
        ("GET", "/things/seven", {}, 422),
        ("GET", "/boom", {}, 500),
        ("GET", "/slow", {}, 503),
        ("GET", "/mine", {}, 401),
        ("GET", "/mine", {"headers": {"authorization": "Basic abc"}}, 401),
        ("GET", "/mine", {"headers": {"authorization": "Bearer nonsense"}}, 401),
        ("GET", "/inside", {}, 403),
        ("GET", "/inside", {"headers": {"x-service-token": "guess"}}, 403),
    ],
    ids=str,
)
async def test_errors_are_problem_documents(
    client: httpx.AsyncClient, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answer = await client.request(method, path, **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["instance"]) == (status, path)
    assert body["error"]
    assert body["title"]
    assert "secret of the house" not in answer.text
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_a_wrong_method_is_told_every_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.put("/things/7", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, DELETE")


async def test_a_body_in_chunks_is_limited_too(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    answer = await client.post("/things", content=chunks(), headers=JSON)
    assert answer.status_code == 413


async def test_the_body_of_a_contract_is_exact(client: httpx.AsyncClient) -> None:
    answer = await client.get("/exact")
    assert (answer.status_code, answer.json()) == (400, {"error": "Insufficient stock"})


async def test_a_callers_deadline_shortens_ours_and_never_lengthens_it(client: httpx.AsyncClient) -> None:
    loop = asyncio.get_running_loop()
    for header, longest in (("20", 0.15), ("60000", 2.0), ("nonsense", 2.0)):
        began = loop.time()
        answer = await client.get("/slow", headers={"x-timeout-ms": header})
        assert answer.status_code == 503
        assert loop.time() - began < longest


async def test_the_request_keeps_its_id_and_a_bad_one_is_replaced(client: httpx.AsyncClient) -> None:
    good = await client.get("/things/1", headers={"x-request-id": "abc-12345"})
    assert good.headers["x-request-id"] == "abc-12345"
    bad = await client.get("/things/1", headers={"x-request-id": 'x" onload="'})
    assert len(bad.headers["x-request-id"]) == 36


async def test_a_service_shows_its_credential_and_is_let_in(runtime: Runtime, client: httpx.AsyncClient) -> None:
    answer = await client.get("/inside", headers={"x-service-token": runtime.token})
    assert answer.status_code == 200


async def test_metrics_name_routes_and_never_paths(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.get(f"/things/{number}")
        await client.get(f"/nothing/{number}")
    page = (await client.get("/metrics")).text
    assert 'http_route="/things/{number}"' in page
    assert 'http_route="unmatched"' in page
    assert "/things/2" not in page
    assert "/nothing" not in page


async def test_a_line_of_the_log_is_json_and_says_which_request(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info")
    await client.get("/boom", headers={"x-request-id": "abc-12345"})
    logs.configure("error")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["request_id"] for line in lines} == {"abc-12345"}
    assert {line["service"] for line in lines} == {"test"}
    assert [line["message"] for line in lines] == ["unexpected error", "GET /boom 500"]
    assert "RuntimeError" in lines[0]["exception"]


async def test_the_page_of_the_document_needs_nothing_from_the_network(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "/things/{number}" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


async def test_faults_can_be_set_seen_counted_and_cleared(client: httpx.AsyncClient) -> None:
    fault = {"kind": "error", "route": "GET /things/*", "rate": 0.5, "status": 503, "seed": 1, "durationSeconds": 60}
    assert (await client.put("/faults", json=[fault])).status_code == 200
    answers = [(await client.get("/things/1")).status_code for _ in range(40)]
    hits = answers.count(503)
    assert 5 < hits < 35
    (state,) = (await client.get("/faults")).json()["items"]
    assert state["hits"] == hits
    page = (await client.get("/metrics")).text
    assert f'shop_faults_injected_total{{kind="error"}} {hits}.0' in page
    assert (await client.post("/things", json={"name": "x"})).status_code == 201
    assert (await client.delete("/faults")).status_code == 204
    assert (await client.get("/things/1")).status_code == 200


@pytest.mark.parametrize("environment", [{}, {"FAULTS": "off"}])
async def test_without_faults_on_there_are_no_faults_to_set(tmp_path: Path, environment: dict[str, str]) -> None:
    values = {"DATA_DIR": str(tmp_path / "off"), "PORT": "1", **environment}
    made = Runtime(Definition("test", build), Settings.read("test", Environment(values)))
    app = httpx.ASGITransport(asgi(made.service, made))
    async with httpx.AsyncClient(transport=app, base_url="http://test") as outside:
        answers = [await outside.request(method, "/faults", json=[]) for method in ("GET", "PUT", "DELETE")]
    await made.transport.aclose()
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_a_slow_and_a_cut_connection_are_faults_too(client: httpx.AsyncClient) -> None:
    await client.put("/faults", json=[{"kind": "latency", "milliseconds": 1000}])
    assert (await client.get("/things/1")).status_code == 503
    await client.put("/faults", json=[{"kind": "reset"}])
    with pytest.raises(ConnectionResetError):
        await client.get("/things/1")


@pytest.mark.parametrize(
    ("fault", "method", "path", "route"),
    [
        ({"kind": "error", "status": 500}, "GET", "/things/1", "/things/{number}"),
        ({"kind": "latency", "milliseconds": 1000}, "DELETE", "/things/2", "/things/{number}"),
        ({"kind": "reset"}, "POST", "/things", "/things"),
    ],
    ids=str,
)
async def test_what_a_fault_ends_before_the_router_keeps_its_route(
    client: httpx.AsyncClient, fault: dict[str, Any], method: str, path: str, route: str
) -> None:
    await client.put("/faults", json=[fault])
    with contextlib.suppress(ConnectionResetError):
        await client.request(method, path, json={"name": "x"})
    page = (await client.get("/metrics")).text
    counted = [line for line in page.splitlines() if line.startswith("http_server_request_duration_seconds_count")]
    assert [line for line in counted if f'"{method}"' in line and f'http_route="{route}"' in line]
    assert "unmatched" not in page


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"{}", {"content-type": "text/plain"}), (b" " * 300_000, JSON), (b"{}", {**JSON, "content-encoding": "gzip"})],
    ids=["type", "size", "coding"],
)
async def test_a_body_that_is_refused_unread_keeps_its_route(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str]
) -> None:
    await client.post("/things", content=content, headers=headers)
    assert 'http_route="/things"' in (await client.get("/metrics")).text
