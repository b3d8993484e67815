"""The other recipes against the real programs: they come up, listen on loopback alone, and keep what they should."""

from __future__ import annotations

import contextlib
import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.tools import variants
from tests.reference.go_programs import CONSUL, JAEGER, GoProgram, NotBuildable, find_or_build

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts a reference program on the PATH under a name, or skips where there is none."""

    def put(program: GoProgram, name: str) -> None:
        try:
            built = find_or_build(program)
        except NotBuildable as reason:
            pytest.skip(str(reason))
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / name).symlink_to(built)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return put


def get(running: variants.Running, port: str, path: str) -> Any:
    with urllib.request.urlopen(running.url(port, path), timeout=5) as answer:
        return json.loads(answer.read() or b"null")


def put(running: variants.Running, path: str, body: bytes) -> Any:
    request = urllib.request.Request(running.url("http", path), body, method="PUT")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def listens_on(running: variants.Running) -> set[str]:
    process = psutil.Process(running.process.pid)
    connections: list[Any] = []
    for each in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a child that ended meanwhile
            connections += each.net_connections("inet")
    return {
        c.laddr.ip.removeprefix("::ffff:") for c in connections if c.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    }


def test_consul_is_a_loopback_server_that_keeps_its_keys(on_path: Any, tmp_path: Path) -> None:
    on_path(CONSUL, "consul")
    variant = variants.expand("consul", "native", {}, variants.context("consul", tmp_path))
    with variants.running("consul", variant, tmp_path) as first:
        variants.until(first, lambda: get(first, "http", "/v1/catalog/services"))
        assert put(first, "/v1/kv/colour", b"green") is True
        assert listens_on(first) == {"127.0.0.1"}
        agent = get(first, "http", "/v1/agent/self")["DebugConfig"]
        assert (agent["EnableRemoteScriptChecks"], agent["EnableLocalScriptChecks"]) == (False, False)
        assert agent["DisableUpdateCheck"] is True
        first.kill()
    with variants.running("consul", variant, tmp_path) as again:
        variants.until(again, lambda: get(again, "http", "/v1/catalog/services"))
        assert get(again, "http", "/v1/kv/colour")[0]["Value"] == "Z3JlZW4="


def test_an_all_in_one_jaeger_listens_on_loopback_alone_and_takes_spans(on_path: Any, tmp_path: Path) -> None:
    on_path(JAEGER, "jaeger-all-in-one")
    variant = variants.expand("jaeger", "native", {}, variants.context("jaeger", tmp_path))
    with variants.running("jaeger", variant, tmp_path) as jaeger:
        variants.until(jaeger, lambda: get(jaeger, "ui", "/api/services"))
        send_span(jaeger)
        variants.until(jaeger, lambda: "order" in (get(jaeger, "ui", "/api/services")["data"] or []))
        assert listens_on(jaeger) == {"127.0.0.1"}


def send_span(jaeger: variants.Running) -> None:
    span = {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "POST /orders", "kind": 2,
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000100000000",
    }  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "order"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    request = urllib.request.Request(
        jaeger.url("otlp", "/v1/traces"), json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


async def test_postgres_has_its_databases_behind_a_password_and_survives_a_kill(tmp_path: Path) -> None:
    import asyncpg

    variant = variants.expand("postgres", "native", {"databases": ("shop",)}, variants.context("postgres", tmp_path))
    home = tmp_path / "postgres"

    async def connect(running: variants.Running, **more: Any) -> Any:
        return await asyncpg.connect(
            host="127.0.0.1", port=running.ports["postgres"], user="postgres", database="shop", **more
        )

    with variants.running("postgres", variant, tmp_path) as first:
        variants.until(first, lambda: "ready to accept connections" in first.output())
        client = await connect(first, passfile=home / "pgpass")
        await client.execute("CREATE TABLE orders (id int); INSERT INTO orders VALUES (42)")
        await client.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await connect(first, password="postgres")
        assert listens_on(first) == {"127.0.0.1"}
        assert {(home / name).stat().st_mode & 0o777 for name in ("password", "pgpass")} == {0o600}
        first.kill()
    variant = variants.expand(
        "postgres", "native", {"databases": ("shop", "more")}, variants.context("postgres", tmp_path)
    )
    with variants.running("postgres", variant, tmp_path) as again:
        variants.until(again, lambda: again.output().count("ready to accept connections") == 2)
        client = await connect(again, passfile=home / "pgpass")
        assert await client.fetchval("SELECT id FROM orders") == 42
        assert await client.fetchval("SELECT count(*) FROM pg_database WHERE datname = 'more'") == 1
        await client.close()
