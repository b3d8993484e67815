"""A consumer as a process of its own, to be frozen: `python -m tests.services.consuming ADDRESS TOPIC SECONDS FOLDER`.

Each effect takes so many seconds and then adds a line to FOLDER/done; FOLDER/metrics is what the process measures now.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from services.common.events.event import Message
from services.common.events.kafka import KafkaBroker
from services.common.runtime import logs
from services.common.runtime.metrics import Metrics

GROUP = "frozen"
_METRICS_SECONDS = 0.5


async def consume(address: str, topic: str, seconds: float, folder: Path) -> None:
    """Take messages in until killed."""
    metrics = Metrics(with_process=False)
    broker = KafkaBroker(address, "consuming", folder.name, metrics, logs.Logger("consuming"))

    async def deliver(messages: Sequence[Message]) -> None:
        (message,) = messages
        await asyncio.sleep(seconds)
        with (folder / "done").open("ab") as done:
            done.write(message.value + b"\n")

    broker.subscribe([topic], f"{GROUP}-{folder.name}", deliver)
    await broker.start()
    while True:
        (folder / "metrics.new").write_bytes(metrics.page())
        (folder / "metrics.new").replace(folder / "metrics")
        await asyncio.sleep(_METRICS_SECONDS)


if __name__ == "__main__":
    logs.configure("info")
    asyncio.run(consume(sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4])))
