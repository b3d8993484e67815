"""The shop as its user starts it: the monolith and the demo, dead letters on a broker."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx

from services.common.runtime.secrets import HEADER
from tests.services.processes import free_port, kafka, running
from tests.waiting import eventually


def command(module: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_monolith_serves_the_whole_shop_and_the_demo_shows_it(tmp_path: Path) -> None:
    with running("services.monolith", tmp_path) as shop:
        demo = command("services.ops.demo", GATEWAY_URL=shop.url)
        assert demo.returncode == 0, demo.stderr
        assert ": confirmed" in demo.stdout
        assert "order_confirmed" in demo.stdout
        assert "devctl journey " in demo.stdout
        page = httpx.get(f"{shop.url}/metrics").text
        assert 'service="order"' in page
        assert page.count("# TYPE http_server_request_duration_seconds histogram") == 1
        assert httpx.post(f"{shop.url}/inventory/check", json={"items": []}).status_code == 404
        assert httpx.get(f"{shop.url}/messages").status_code in (401, 403)
        token = (tmp_path / "services.monolith" / "secrets" / "service.token").read_text().strip()
        mailbox = httpx.get(f"{shop.url}/messages", headers={HEADER: token}).json()["items"]
        assert {mail["type"] for mail in mailbox} >= {"order_confirmed", "user_registered"}
        shop.process.terminate()
        assert shop.process.wait(10) == 0


def test_the_demo_says_what_to_do_when_there_is_no_shop() -> None:
    demo = command("services.ops.demo", GATEWAY_URL=f"http://127.0.0.1:{free_port()}")
    assert demo.returncode == 1
    assert "make up" in demo.stderr
    assert "Traceback" not in demo.stderr


def test_dead_letters_without_a_broker_say_so() -> None:
    result = command("services.ops.dlq", "list", "--broker", f"127.0.0.1:{free_port()}")
    assert result.returncode == 3
    assert "no answer from the broker" in result.stderr
    assert "Traceback" not in result.stderr


def test_dead_letters_are_listed_with_their_reason_and_replayed_once(tmp_path: Path) -> None:
    topics = {"shop.thing.v1": 2, "shop.thing.v1.dlq": 1}
    with kafka(tmp_path, topics) as address:
        _publish(address, "shop.thing.v1.dlq", {"dlq_reason": "ValueError", "dlq_group": "cart", "ce_id": "e1"})
        listed = command("services.ops.dlq", "list", "--json", "--broker", address)
        (letter,) = [json.loads(line) for line in listed.stdout.splitlines()]
        assert (letter["topic"], letter["reason"], letter["group"]) == ("shop.thing.v1", "ValueError", "cart")
        assert command("services.ops.dlq", "replay", "--broker", address).stdout == "replayed 1\n"
        assert command("services.ops.dlq", "replay", "--broker", address).stdout == "replayed 0\n"
        assert "no dead letters" in command("services.ops.dlq", "list", "--broker", address).stderr
        assert _read(address, "shop.thing.v1") == [(b"key", b"{}", [("ce_id", b"e1")])]


def _publish(address: str, topic: str, headers: dict[str, str]) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": address})
    producer.produce(topic, b"{}", b"key", headers=dict(headers))
    assert producer.flush(10) == 0


def _read(address: str, topic: str) -> list[object]:
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader"})
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(2)])
    message = eventually(lambda: consumer.poll(1.0), within=20)
    consumer.close()
    assert message is not None
    return [(message.key(), message.value(), message.headers())]
