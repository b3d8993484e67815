"""Tokens: only what the user service signed, for us, now, is believed."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from services.common.http.auth import ALGORITHM, AUDIENCE, ISSUER, BadTokenError, Tokens
from services.common.http.problems import ProblemError
from services.common.runtime import telemetry
from tests.waiting import eventually_async

KEY = Ed25519PrivateKey.generate()
FOREIGN = Ed25519PrivateKey.generate()


def key_set(key: Ed25519PrivateKey = KEY, kid: str = "k1") -> dict[str, Any]:
    public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [public | {"kid": kid, "alg": ALGORITHM, "use": "sig"}]}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    full = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "iat": now, "exp": now + 60, "roles": ["admin"]} | changes
    return {name: value for name, value in full.items() if value is not None}


def token(key: Any = KEY, kid: str = "k1", algorithm: str = ALGORITHM, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid})


async def fetch() -> dict[str, Any]:
    return key_set()


async def away() -> dict[str, Any]:
    raise OSError("the user service is away")


def public_bytes() -> bytes:
    return KEY.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def unsigned() -> str:
    parts = [{"alg": "none", "typ": "JWT", "kid": "k1"}, claims()]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def with_other_payload() -> str:
    head, _payload, signature = token().split(".")
    payload = base64.urlsafe_b64encode(json.dumps(claims(sub="u2")).encode()).decode().rstrip("=")
    return f"{head}.{payload}.{signature}"


ATTACKS: dict[str, Callable[[], str]] = {
    "no algorithm": unsigned,
    "the public key as a shared secret": lambda: token(public_bytes(), algorithm="HS256"),
    "a foreign key under our key's name": lambda: token(FOREIGN),
    "another key's name": lambda: token(FOREIGN, kid="k2"),
    "a path as the key's name": lambda: token(kid="../../dev/null"),
    "expired": lambda: token(exp=int(time.time()) - 60),
    "from the future": lambda: token(iat=int(time.time()) + 3600),
    "without an end": lambda: token(exp=None),
    "without a subject": lambda: token(sub=None),
    "for somebody else": lambda: token(aud="bank"),
    "from somebody else": lambda: token(iss="evil"),
    "another payload": with_other_payload,
    "not a token": lambda: "abc",
    "empty parts": lambda: "..",
    "huge": lambda: "a" * 100_000,
}


async def test_a_good_token_says_who_calls() -> None:
    caller = await Tokens(fetch).check(token())
    assert (caller.user_id, caller.is_admin) == ("u1", True)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_every_other_token_is_refused(attack: str) -> None:
    tokens = Tokens(fetch)
    await tokens.check(token())
    with pytest.raises(BadTokenError):
        await tokens.check(ATTACKS[attack]())


async def test_keys_outlive_the_user_service_and_our_own_restart(tmp_path: Path) -> None:
    cache = tmp_path / "keys.json"
    first = Tokens(fetch, cache)
    await first.check(token())
    first.fetch_from(away)
    assert (await first.check(token(sub="u2"))).user_id == "u2"
    assert (await Tokens(away, cache).check(token(sub="u3"))).user_id == "u3"


async def test_the_keys_are_there_before_anybody_asks() -> None:
    was_fetched = asyncio.Event()

    async def fetch_and_tell() -> dict[str, Any]:
        was_fetched.set()
        return key_set()

    tokens = Tokens(fetch_and_tell)
    refreshing = asyncio.create_task(tokens.keep_fresh())
    await asyncio.wait_for(was_fetched.wait(), 5)
    tokens.fetch_from(away)
    assert (await tokens.check(token())).user_id == "u1"
    refreshing.cancel()


async def test_without_any_key_ever_it_is_a_503_and_no_verdict() -> None:
    with pytest.raises(ProblemError) as caught:
        await Tokens(away).check(token())
    assert caught.value.status == 503
    assert caught.value.headers["Retry-After"]


async def test_a_withdrawn_key_is_not_believed_from_memory() -> None:
    tokens = Tokens(fetch)
    old = token()
    await tokens.check(old)
    tokens._replace_keys(key_set(FOREIGN, "k2"))
    tokens.fetch_from(away)
    with pytest.raises(BadTokenError):
        await tokens.check(old)


async def test_waiting_for_the_keys_at_the_start_leaves_no_trace_and_a_request_that_waits_does() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer, answers = provider.get_tracer("test"), iter([away, fetch, fetch])
    sent: list[str] = []

    async def traced() -> dict[str, Any]:
        with telemetry.entered(telemetry.start(tracer, "GET", SpanKind.CLIENT, {})):
            sent.append(telemetry.outgoing()["traceparent"])
            return await next(answers)()

    tokens = Tokens(traced)
    keeping = asyncio.create_task(tokens.keep_fresh())
    await eventually_async(lambda: _done(bool(sent)))
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert sent[0].endswith("-00")
    assert not exporter.get_finished_spans()
    assert (await tokens.check(token())).user_id == "u1"
    assert [span.name for span in exporter.get_finished_spans()] == ["GET"]
    provider.shutdown()


async def _done(value: bool) -> bool:
    return value
