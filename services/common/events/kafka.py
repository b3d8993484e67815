"""The broker port over Kafka, by confluent-kafka: an idempotent producer, and the groups of kafka_group beside it."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError

from services.common.events.broker import Deliver
from services.common.events.event import Message
from services.common.events.kafka_group import Group, Health, Subscription
from services.common.events.kafka_lag import LagGauge
from services.common.events.kafka_producer import KafkaProducer
from services.common.events.kafka_stats import ClientStats

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger
    from services.common.runtime.metrics import Metrics

DELIVERY_SECONDS = 10
# The shortest that a broker accepts unless it is told otherwise (group.min.session.timeout.ms).
SESSION_SECONDS = 6.0


class KafkaBroker:
    """Publishes with an idempotent producer; acknowledges what it consumed only after the effect."""

    def __init__(self, servers: str, client: str, instance: str, metrics: "Metrics", log: "Logger") -> None:
        self._servers, self._client, self._instance = servers, client, instance
        self._log = log
        self._groups: list[Group] = []
        self._lag = metrics.gauge(
            "shop_consumer_lag_messages", "Messages not yet consumed", ["group", "topic", "partition"]
        )
        self._stats = ClientStats(metrics)
        self._health = Health()
        self._producer: KafkaProducer | None = None

    async def start(self) -> None:
        """Start the producer and every group; the broker may come later."""
        self._producer = KafkaProducer(self._producer_config(), self._health, self._log)
        self._producer.start()
        for group in self._groups:
            group.start(asyncio.get_running_loop())

    async def publish(self, message: Message) -> None:
        """Hand the message to the broker and wait until it is held there."""
        assert self._producer is not None
        await self._producer.publish(message)

    def subscribe(self, topics: Sequence[str], group: str, deliver: Deliver, at_once: int = 1) -> None:
        """Hand every message of the topics to the group."""
        subscription = Subscription(self._consumer_config(group), list(topics), deliver, at_once)
        self._groups.append(Group(subscription, self._health, LagGauge(self._lag, group), self._log))

    async def stop_consuming(self) -> None:
        """Finish the messages in hand, commit, and end the consumer threads."""
        await asyncio.gather(*(group.stop() for group in self._groups))

    async def close(self) -> None:
        """Stop consuming, flush for a bounded time, and disconnect."""
        await self.stop_consuming()
        if self._producer is not None:
            await self._producer.close()

    def is_up(self) -> bool:
        """Say whether the broker answered lately."""
        return self._health.is_up

    def _common(self) -> dict[str, Any]:
        return {
            "bootstrap.servers": self._servers,
            "client.id": self._client,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.refresh.interval.ms": 10_000,
            "allow.auto.create.topics": False,
            "error_cb": self._on_error,
        }

    def _producer_config(self) -> dict[str, Any]:
        config = self._common()
        del config["allow.auto.create.topics"]
        return (
            config
            | self._stats.config("producer")
            | {
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": DELIVERY_SECONDS * 1000,
                "linger.ms": 1,
            }
        )

    def _consumer_config(self, group: str) -> dict[str, Any]:
        return (
            self._common()
            | self._stats.config(group)
            | {
                "group.id": group,
                # A member that comes back under its name gets its partitions at once, also after kill -9.
                "group.instance.id": f"{group}-{self._instance}",
                "session.timeout.ms": int(SESSION_SECONDS * 1000),
                "heartbeat.interval.ms": 1000,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 500,
                "fetch.error.backoff.ms": 100,
            }
        )

    def _on_error(self, error: KafkaError) -> None:
        self._health.on_error(error)
