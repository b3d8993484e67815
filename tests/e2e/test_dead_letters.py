"""Poison on a real Kafka: it goes to the dead letters with its reason, the rest flows on, and it can be replayed."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from confluent_kafka import Producer

from services.common.events.event import Event, Message, to_message
from services.common.runtime.ids import new_id
from tests.e2e.shop import ROOT, Shopper, Stack
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
TOPIC = "shop.order.v1"


def _send(stack: Stack, *messages: Message) -> None:
    producer = Producer({"bootstrap.servers": stack.address("kafka", "broker")})
    for message in messages:
        headers = [(name, text.encode()) for name, text in message.headers.items()]
        producer.produce(message.topic, message.value, message.key.encode(), headers=headers)
    assert producer.flush(20) == 0


def _dlq(stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.ops.dlq", *arguments, "--broker", stack.address("kafka", "broker")],
        cwd=ROOT,
        env=dict(os.environ),
        text=True,
        capture_output=True,
        timeout=60,
    )


def _letters(stack: Stack, *keys: str) -> list[dict[str, Any]]:
    listed = [json.loads(line) for line in _dlq(stack, "list", "--json", "--topic", TOPIC).stdout.splitlines()]
    return [letter for letter in listed if letter["key"] in keys]


def test_poison_is_buried_with_its_reason_and_the_messages_behind_it_flow(stack: Stack, shopper: Shopper) -> None:
    noise, lame = new_id(), new_id()
    wrong = to_message(
        Event("order.created", TOPIC, lame, {"orderId": lame, "userId": "u", "amount": "ten"}, source="/shop/order")
    )
    not_json = Message(TOPIC, noise, b"\x00 not JSON", {**wrong.headers, "ce_id": new_id(), "ce_partitionkey": noise})
    _send(stack, not_json, wrong)
    orders = [shopper.order().json()["id"] for _ in range(6)]
    for order_id in orders:
        assert shopper.settled(order_id)["status"] == "confirmed"

    def buried() -> list[dict[str, Any]]:
        letters = _letters(stack, noise, lame)
        return letters if len(letters) >= 3 else []

    letters = eventually(buried, within=60, every=0.5, what="the poison among the dead letters")
    by_group = {(letter["key"], letter["group"]): letter for letter in letters}
    # What nobody can read is given up by both groups at once; a wrong amount only by payment, after five tries.
    assert {group for key, group in by_group if key == noise} == {"payment", "notification"}
    assert by_group[noise, "payment"]["reason"] == "malformed"
    assert by_group[lame, "payment"]["tries"] == "5"
    assert "whole number" in by_group[lame, "payment"]["detail"]


def test_a_dead_letter_is_replayed_to_the_group_that_gave_it_up(stack: Stack, shopper: Shopper) -> None:
    key = new_id()
    bad = Event("order.created", TOPIC, key, {"orderId": key, "userId": "u"}, source="/shop/order")
    _send(stack, to_message(bad))
    (letter,) = eventually(lambda: _letters(stack, key), within=60, every=0.5, what="the dead letter")
    assert letter["event_id"] == bad.id
    assert "amount" in letter["detail"]
    replayed = _dlq(stack, "replay", "--id", bad.id, "--topic", TOPIC)
    assert (replayed.returncode, replayed.stdout.strip()) == (0, "replayed 1"), replayed.stderr
    eventually(lambda: len(_letters(stack, key)) == 2, within=60, every=0.5, what="it is given up again")
    assert shopper.settled(shopper.order().json()["id"])["status"] == "confirmed"
