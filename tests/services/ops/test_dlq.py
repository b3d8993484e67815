"""Dead letters without a broker: poison asked for on demand is buried in a file, listed and replayed by command."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.common.events.dead_letters import DeadLetterFile
from services.common.events.event import Event, Message, to_message
from services.common.runtime.ids import new_id
from services.ops.dlq import once_each
from tests.services.harness import TestShop, running_shop
from tests.waiting import eventually_async

pytestmark = pytest.mark.asyncio(loop_scope="session")
TOPIC = "shop.order.v1"


@pytest_asyncio.fixture(loop_scope="session")
async def lonely(tmp_path: Path) -> AsyncIterator[TestShop]:
    """Return a shop whose dead letters are nobody else's."""
    async with running_shop(tmp_path) as shop:
        yield shop


async def dlq(folder: Path, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.ops.dlq", *arguments, "--data", str(folder),
        stdout=asyncio.subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def letters(folder: Path) -> list[dict[str, Any]]:
    code, output = await dlq(folder, "list", "--json")
    assert code == 0
    return [json.loads(line) for line in output.splitlines()]


async def test_poison_on_demand_is_buried_and_counted_and_orders_flow_on(lonely: TestShop, tmp_path: Path) -> None:
    payment = lonely.inside("payment")
    assert (await payment.put("/faults", json=[{"kind": "poison"}])).status_code == 200
    page = (await payment.get("/metrics")).text
    assert 'shop_faults_injected_total{kind="poison"} 1.0' in page
    assert 'shop_dead_letters_total{group="payment",topic="shop.order.v1"} 1.0' in page
    assert {(letter["topic"], letter["group"], letter["reason"]) for letter in await letters(tmp_path)} >= {
        (TOPIC, "payment", "malformed")
    }
    member, product = await lonely.member(), await lonely.product()
    order = (await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 1}]})).json()
    assert (await lonely.settled(member, order["id"]))["status"] == "confirmed"


async def test_a_dead_letter_of_the_monolith_is_replayed_once_by_command(lonely: TestShop, tmp_path: Path) -> None:
    key = new_id()
    lame = to_message(Event("order.created", TOPIC, key, {"orderId": key, "userId": "u"}, source="/shop/order"))
    await lonely.shop.broker.publish(lame)
    (first,) = await letters(tmp_path)
    assert (first["key"], first["group"], first["tries"]) == (key, "payment", "5")
    assert await dlq(tmp_path, "replay") == (0, "replayed 1\n")

    async def is_given_up_again() -> bool:
        return len(DeadLetterFile(tmp_path).messages()) == 2

    await eventually_async(is_given_up_again, what="the replayed message among the dead letters again")
    (second,) = await letters(tmp_path)
    assert (second["event_id"], second["offset"]) == (first["event_id"], 1)


async def test_bytes_that_are_no_text_are_kept_as_they_were(tmp_path: Path) -> None:
    file = DeadLetterFile(tmp_path)
    file.add(Message("a.dlq", "k", b"\xff\x00\n{", {"ce_id": "1"}))
    (back,) = file.messages()
    assert (back.value, back.key, back.offset) == (b"\xff\x00\n{", "k", 0)


async def test_what_several_groups_gave_up_is_replayed_once() -> None:
    event_id, position = new_id(), {"dlq_partition": "0", "dlq_offset": "7"}
    dead = [
        Message(f"{TOPIC}.dlq", "k", value, {"dlq_group": group, **headers})
        for group in ("payment", "notification")
        for value, headers in ((b"?", position), (b"?", position | {"dlq_offset": "8"}), (b"{}", {"ce_id": event_id}))
    ]
    assert once_each(dead) == [
        Message(TOPIC, "k", b"?", {}), Message(TOPIC, "k", b"?", {}), Message(TOPIC, "k", b"{}", {"ce_id": event_id})
    ]  # fmt: skip


async def test_an_unknown_id_or_folder_is_a_failure_and_makes_nothing(tmp_path: Path) -> None:
    assert await dlq(tmp_path, "replay", "--id", new_id()) == (1, "")
    assert await dlq(tmp_path / "typo", "list") == (3, "")
    assert list(tmp_path.iterdir()) == []
