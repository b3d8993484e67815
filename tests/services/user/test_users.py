"""Accounts, sessions and their dangers, through the gateway."""

import asyncio
import json
import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import inspect, update

from services.common.http.auth import BadTokenError, Tokens
from services.user.domain import Account, Attempts
from services.user.key_ring import KeyRing
from services.user.passwords import Argon2
from services.user.tables import login_attempts
from tests.services.harness import PASSWORD, TestShop
from tests.waiting import eventually_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADDRESS = {"name": "Ada", "street": "1 Main St", "city": "Berlin", "postalCode": "10115", "country": "DE"}


async def test_an_address_has_one_account_however_it_is_written(shop: TestShop) -> None:
    member = await shop.member()
    body = {"email": member.email.upper(), "password": PASSWORD, "name": "Eve"}
    assert (await shop.client().post("/api/v1/users", json=body)).status_code == 409


async def test_a_role_cannot_be_asked_for(shop: TestShop) -> None:
    body = {"email": "mallory@example.org", "password": PASSWORD, "name": "M", "roles": ["admin"]}
    assert (await shop.client().post("/api/v1/users", json=body)).status_code == 422
    member = await shop.member()
    assert (await member.client.patch("/api/v1/users/me", json={"name": "M", "roles": ["admin"]})).status_code == 422


async def test_a_wrong_password_and_an_unknown_address_look_the_same(shop: TestShop) -> None:
    member = await shop.member()
    answers = [
        await shop.client().post("/api/v1/sessions", json={"email": email, "password": "wrong password"})
        for email in (member.email, "nobody@example.org")
    ]
    bodies = [{**answer.json(), "traceId": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("is_known", [True, False])
async def test_five_failures_lock_an_address_for_a_minute(shop: TestShop, is_known: bool) -> None:
    email = (await shop.member()).email if is_known else f"nobody{id(shop)}@example.org"
    client = shop.client()
    wrong = {"email": email, "password": "wrong password"}
    assert [(await client.post("/api/v1/sessions", json=wrong)).status_code for _ in range(5)] == [401] * 5
    locked = await client.post("/api/v1/sessions", json={"email": email, "password": PASSWORD})
    assert locked.status_code == 429
    assert 55 <= int(locked.headers["retry-after"]) <= 60


async def test_a_lock_opens_by_itself(shop: TestShop) -> None:
    member = await shop.member()
    client = shop.client()
    for _ in range(5):
        await client.post("/api/v1/sessions", json={"email": member.email, "password": "wrong password"})
    async with shop.shop.runtimes["user"].database.transaction() as connection:
        long_ago = Attempts().with_failure(_an_hour_ago()).last_at
        await connection.execute(update(login_attempts).values(last_at=long_ago))
    await shop.log_in(member.email)


async def test_a_refresh_token_works_once_and_its_second_use_ends_the_session(shop: TestShop) -> None:
    member = await shop.member()
    client = shop.client()
    first = await client.post("/api/v1/sessions/refresh", json={"refreshToken": member.refresh_token})
    assert first.status_code == 201
    again = await client.post("/api/v1/sessions/refresh", json={"refreshToken": member.refresh_token})
    assert again.status_code == 401
    newest = first.json()["refreshToken"]
    assert (await client.post("/api/v1/sessions/refresh", json={"refreshToken": newest})).status_code == 401
    page = (await shop.client("user").get("/metrics")).text
    assert re.search(r"^shop_refresh_tokens_reused_total [1-9]", page, re.MULTILINE)


async def test_of_many_who_show_one_refresh_token_at_once_one_at_most_gets_new_ones(shop: TestShop) -> None:
    member = await shop.member()
    client = shop.client()
    body = {"refreshToken": member.refresh_token}
    answers = await asyncio.gather(*(client.post("/api/v1/sessions/refresh", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers).count(201) <= 1


async def test_logging_out_ends_this_session_and_with_all_every_one(shop: TestShop) -> None:
    member = await shop.member()
    other, third = await shop.log_in(member.email), await shop.log_in(member.email)
    client = shop.client()

    async def refreshes(token: str) -> bool:
        answer = await client.post("/api/v1/sessions/refresh", json={"refreshToken": token})
        return answer.status_code == 201

    assert (await member.client.delete("/api/v1/sessions")).status_code == 204
    assert not await refreshes(member.refresh_token)
    assert await refreshes(other.refresh_token)
    assert (await other.client.delete("/api/v1/sessions?all=true")).status_code == 204
    assert not await refreshes(third.refresh_token)


async def test_a_new_password_ends_the_sessions_and_the_old_one_is_needed_for_it(shop: TestShop) -> None:
    member = await shop.member()
    body = {"currentPassword": "wrong password", "newPassword": "another password"}
    assert (await member.client.put("/api/v1/users/me/password", json=body)).status_code == 403
    body["currentPassword"] = PASSWORD
    assert (await member.client.put("/api/v1/users/me/password", json=body)).status_code == 204
    refresh = await shop.client().post("/api/v1/sessions/refresh", json={"refreshToken": member.refresh_token})
    assert refresh.status_code == 401
    await shop.log_in(member.email, "another password")


async def test_addresses_are_ones_own(shop: TestShop) -> None:
    ada, eve = await shop.member(), await shop.member()
    made = (await ada.post("/api/v1/users/me/addresses", ADDRESS)).json()
    path = f"/api/v1/users/me/addresses/{made['id']}"
    assert (await eve.get("/api/v1/users/me/addresses")).json() == {"items": []}
    assert (await eve.client.put(path, json=ADDRESS)).status_code == 404
    assert (await eve.client.delete(path)).status_code == 404
    changed = await ada.client.put(path, json={**ADDRESS, "city": "Hamburg"})
    assert changed.json() == {**made, "city": "Hamburg"}
    assert (await ada.client.delete(path)).status_code == 204


async def test_export_shows_everything_and_deletion_leaves_nothing(shop: TestShop) -> None:
    member = await shop.member()
    await member.post("/api/v1/users/me/addresses", ADDRESS)
    export = (await member.get("/api/v1/users/me/export")).json()
    assert export["user"]["email"] == member.email
    assert [address["city"] for address in export["addresses"]] == ["Berlin"]
    assert len(export["sessions"]) == 1
    assert "argon2" not in json.dumps(export)
    assert (await member.client.delete("/api/v1/users/me")).status_code == 204
    assert (await member.get("/api/v1/users/me")).status_code == 404
    login = await shop.client().post("/api/v1/sessions", json={"email": member.email, "password": PASSWORD})
    assert login.status_code == 401


async def test_after_a_deletion_no_service_knows_who_it_was(shop: TestShop) -> None:
    member, product = await shop.member(), await shop.product()
    await member.client.put(f"/api/v1/cart/items/{product['id']}", json={"quantity": 1})
    order = (await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 1}]})).json()
    await shop.settled(member, order["id"])

    async def services_with(*texts: str) -> set[str]:
        kept = {name: await _kept(shop, name) for name in shop.shop.runtimes if name != "gateway"}
        return {name for name, text in kept.items() if any(text_sought in text for text_sought in texts)}

    async def has_heard() -> bool:
        return {"user", "notification"} <= await services_with(member.email)

    await eventually_async(has_heard, what="the services know the user")
    assert await services_with(member.id) >= {"cart", "order", "payment"}
    assert (await member.client.delete("/api/v1/users/me")).status_code == 204

    async def is_forgotten() -> bool:
        return not await services_with(member.email) and await services_with(member.id) <= {
            "order",
            "payment",
            "notification",
        }

    await eventually_async(is_forgotten, what="no address anywhere; the id only in the books and as a mark of deletion")


async def _kept(shop: TestShop, service: str) -> str:
    """Return all that a service's database holds, as text."""
    async with shop.shop.runtimes[service].database.reading() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        return repr([(await connection.exec_driver_sql(f'SELECT * FROM "{name}"')).all() for name in names])


async def test_a_new_key_is_published_before_it_signs_and_old_tokens_stay_good_until_it_is_withdrawn(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "keys"
    ring = KeyRing(folder, 900, 30)
    ada = Account("ada", "ada@example.org", "Ada", "hash", datetime.now(UTC))

    def token() -> str:
        return ring.sign(ada, "session", datetime.now(UTC))

    def key_of(signed: str) -> str:
        return str(jwt.get_unverified_header(signed)["kid"])

    async def fetch() -> dict[str, Any]:
        return ring.key_set()

    first = token()
    old, new = key_of(first), ring.rotate()
    assert {key["kid"] for key in ring.key_set()["keys"]} == {old, new}
    assert key_of(token()) == old
    _make_older(folder / f"{new}.pem", seconds=60)
    _anew(ring)
    second = token()
    assert key_of(second) == new
    checker = Tokens(fetch)
    assert [(await checker.check(signed)).user_id for signed in (first, second)] == ["ada", "ada"]
    assert not [path for path in folder.iterdir() if path.stat().st_mode & 0o077]
    _make_older(folder / f"{old}.pem", seconds=40 * 86_400)
    _anew(ring)
    ring.retire()
    _anew(ring)
    assert [key["kid"] for key in ring.key_set()["keys"]] == [new]
    with pytest.raises(BadTokenError):
        await Tokens(fetch).check(first)


def _make_older(path: Path, seconds: float) -> None:
    made_at = time.time() - seconds
    os.utime(path, (made_at, made_at))


def _anew(ring: KeyRing) -> None:
    """Have the ring look at its folder again, as it does by itself every few seconds."""
    ring._read_at = float("-inf")
    ring._keys.clear()


async def test_the_key_set_holds_public_parts_only(shop: TestShop) -> None:
    keys = (await shop.client().get("/.well-known/jwks.json")).json()["keys"]
    assert keys
    assert all(key["alg"] == "EdDSA" and "d" not in key for key in keys)
    member = await shop.member()
    assert jwt.get_unverified_header(member.token)["kid"] in {key["kid"] for key in keys}


async def test_passwords_are_hashed_as_owasp_asks_and_old_hashes_are_brought_up_to_date() -> None:
    today, former = Argon2(19 * 1024, 2), Argon2(8, 1)
    made = await today.hash("a password")
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert today.is_outdated(await former.hash("a password"))
    assert not today.is_outdated(made)
    assert await today.fits("a password", made)
    assert not await today.fits("another", made)
    assert not await today.fits("a password", None)


def _an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)
