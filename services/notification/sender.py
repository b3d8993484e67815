"""The worker of notification: sends messages at once when they are queued, and later when that failed."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from opentelemetry import trace

from services.common.runtime.background import Background
from services.common.runtime.clock import Clock
from services.common.runtime.metrics import Metrics
from services.notification import handlers
from services.notification.domain import Channel, Message, State
from services.notification.ports import Delivery, NotificationStore

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger


class Sender:
    """Sends the messages that are queued."""

    def __init__(
        self,
        store: NotificationStore,
        channels: Mapping[Channel, Delivery],
        clock: Clock,
        metrics: Metrics,
        log: "Logger",
    ) -> None:
        self._store, self._channels, self._clock, self._log = store, channels, clock, log
        self.background = Background("sending of a message", log)
        self._tried = metrics.counter("shop_notifications", "Tries to send a message", ["type", "channel", "result"])

    def send(self, messages: Sequence[Message]) -> None:
        """Send these messages soon."""
        for message in messages:
            self.background.start(message.id, partial(self._send, message), message_id=message.id)

    async def sweep(self) -> None:
        """Send the messages whose time has come again."""
        self.send(await handlers.take_due(store=self._store, clock=self._clock))

    async def _send(self, queued: Message) -> None:
        message = await handlers.send(queued, store=self._store, channels=self._channels, clock=self._clock)
        if message is None:
            return
        if message.order_id:
            trace.get_current_span().set_attribute("shop.order.id", message.order_id)
        self._tried.labels(message.type.value, message.channel.value, message.state.value).inc()
        fields = {"order_id": message.order_id, "type": message.type.value, "channel": message.channel.value}
        if message.state is State.SENT:
            self._log.info("message sent", **fields)
        else:
            self._log.warning("message not sent", **fields, state=message.state.value, error=message.error)
