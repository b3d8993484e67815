"""What a request says of its body is held to: what we do not read as it is meant is refused, never read otherwise."""

import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from services.common.http import body_claims
from services.common.http.problems import ProblemError, install, problem_response

DOCUMENT = {"name": "M\u00fcsli"}
BODY = json.dumps(DOCUMENT, ensure_ascii=False).encode()
JSON = ("content-type", "application/json")


class Edge:
    """The part of the middleware that looks at bodies, alone."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Request(scope).headers
        try:
            body_claims.check(scope, headers)
            await self._app(scope, await body_claims.verified(receive, headers), send)
        except ProblemError as problem:
            await problem_response(problem, "/")(scope, receive, send)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app)

    @app.api_route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def take(body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        return body

    async with httpx.AsyncClient(transport=httpx.ASGITransport(Edge(app)), base_url="http://test") as made:
        yield made


def digest(algorithm: str, body: bytes = BODY) -> str:
    return base64.b64encode(hashlib.new(algorithm, body).digest()).decode()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        pytest.param(415, BODY, [JSON, ("content-encoding", "gzip")], id="gzip that is none"),
        pytest.param(415, gzip.compress(BODY), [JSON, ("content-encoding", "gzip")], id="gzip"),
        pytest.param(415, BODY, [JSON, ("content-encoding", "br")], id="br"),
        pytest.param(415, BODY, [JSON, ("content-encoding", "identity, deflate")], id="two codings"),
        pytest.param(415, BODY, [JSON, ("content-encoding", "identity"), ("content-encoding", "x")], id="two lines"),
        pytest.param(415, BODY, [("content-type", "application/json; charset=utf-16")], id="utf-16 that is utf-8"),
        pytest.param(415, BODY, [("content-type", 'application/json;v=1; charset="latin1"')], id="latin1"),
        pytest.param(415, BODY, [("content-type", "application/json; charset=")], id="no charset"),
        pytest.param(400, BODY.decode().encode("utf-16"), [JSON], id="utf-16"),
        pytest.param(400, BODY.decode().encode("utf-16-le"), [JSON], id="utf-16-le"),
        pytest.param(400, BODY.decode().encode("utf-32-be"), [JSON], id="utf-32-be"),
        pytest.param(400, BODY.decode().encode("latin-1"), [JSON], id="latin1 without a word"),
        pytest.param(400, BODY, [JSON, ("content-type", "text/plain")], id="two types"),
        pytest.param(400, BODY, [JSON, ("content-range", "bytes 0-9/100")], id="a part"),
        pytest.param(400, BODY, [JSON, ("content-digest", f"sha-256=:{digest('sha256', b'x')}:")], id="content-digest"),
        pytest.param(400, BODY, [JSON, ("repr-digest", f"sha-512=:{digest('sha512', b'x')}:")], id="repr-digest"),
        pytest.param(400, BODY, [JSON, ("digest", f"SHA-256={digest('sha256', b'x')}")], id="digest"),
        pytest.param(400, BODY, [JSON, ("content-md5", digest("md5", b"x"))], id="content-md5"),
        pytest.param(400, BODY, [JSON, ("content-digest", "sha-256=:no base64:")], id="no digest"),
        pytest.param(400, BODY, [JSON, ("idempotency-key", "a"), ("idempotency-key", "b")], id="two keys"),
        pytest.param(400, BODY, [JSON, ("transfer-encoding", "gzip, chunked")], id="gzip on the way"),
        pytest.param(417, BODY, [JSON, ("expect", "a miracle")], id="expect"),
    ],
)
async def test_a_claim_that_is_not_held_is_refused(
    client: httpx.AsyncClient, method: str, status: int, body: bytes, headers: list[tuple[str, str]]
) -> None:
    answer = await client.request(method, "/", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        [JSON],
        [("content-type", "application/json; charset=utf-8")],
        [("content-type", 'Application/JSON ; profile=x; Charset="UTF-8"')],
        [JSON, ("content-encoding", "identity")],
        [JSON, ("content-digest", f"sha-256=:{digest('sha256')}:, sha-512=:{digest('sha512')}:, unixsum=:MQ==:")],
        [JSON, ("content-md5", digest("md5"))],
        [JSON, ("expect", "100-continue")],
    ],
    ids=str,
)
async def test_a_claim_that_is_true_costs_nothing(client: httpx.AsyncClient, headers: list[tuple[str, str]]) -> None:
    answer = await client.post("/", content=BODY, headers=headers)
    assert (answer.status_code, answer.json()) == (200, DOCUMENT)


async def test_a_body_that_may_be_left_out_is_held_to_its_claims_when_it_comes(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/", headers={"content-encoding": "gzip"})).status_code == 200
    answer = await client.request("DELETE", "/", content=BODY, headers=[JSON, ("content-encoding", "gzip")])
    assert answer.status_code == 415


async def test_a_coding_that_is_refused_is_told_what_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.post("/", content=BODY, headers=[JSON, ("content-encoding", "gzip")])
    assert answer.headers["accept-encoding"] == "identity"


async def test_the_document_that_a_digest_names_may_come_in_pieces(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in BODY:
            yield bytes([byte])

    headers = [JSON, ("content-digest", f"sha-256=:{digest('sha256')}:")]
    assert (await client.post("/", content=pieces(), headers=headers)).json() == DOCUMENT
