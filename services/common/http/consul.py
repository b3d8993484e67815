"""Consul by its HTTP API: register, deregister, follow who is healthy. Works on while Consul is away."""

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any

from services.common.http import client
from services.common.http.addresses import Instance
from services.common.http.transport import PlainTransport

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger
    from services.common.runtime.settings import Settings

WAIT_SECONDS = 30  # of a blocking query; Consul answers at once when something changes
_AGAIN_SECONDS = 10.0  # how late a Consul that lost its state knows this instance again
_LONGEST_PAUSE_SECONDS = 2.0  # between tries while Consul is away: an instance is back within the two seconds promised


class Consul:
    """One agent of Consul."""

    def __init__(self, address: str, log: "Logger", transport: client.Transport | None = None) -> None:
        self._base = address if "://" in address else f"http://{address}"
        self._log = log
        self._transport = transport or PlainTransport()
        self.is_up = False
        self._leaving = asyncio.Event()

    async def keep_registered(self, settings: "Settings", instance_id: str) -> None:
        """Register again and again, so that an agent that lost its state knows this instance; until it leaves."""
        body = _registration(settings, instance_id)
        pause = 0.1
        while not self._leaving.is_set():
            done = await self._put("/v1/agent/service/register", body)
            if self._leaving.is_set():  # the agent may have handled this after the deregistration
                await self.deregister(instance_id)
                return
            if done and not self.is_up:
                self._log.info("registered in Consul", instance=instance_id)
            self.is_up = done
            pause = _AGAIN_SECONDS if done else min(_LONGEST_PAUSE_SECONDS, pause * 2)
            await asyncio.sleep(pause)

    async def deregister(self, instance_id: str) -> None:
        """Deregister this instance for good, so that no more calls are sent here."""
        self._leaving.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self._put(f"/v1/agent/service/deregister/{instance_id}", None)

    async def healthy(self, service: str, index: int) -> tuple[int, list[Instance]]:
        """Return when the healthy instances differ from those at `index`; retry for ever."""
        pause = 0.1
        while True:
            try:
                answer = await client.send(
                    self._transport,
                    "GET",
                    f"{self._base}/v1/health/service/{service}",
                    params={"passing": "true", "index": str(index), "wait": f"{WAIT_SECONDS}s"},
                    seconds=WAIT_SECONDS + 10,
                )
                answer.raise_for_status()
                new = int(answer.headers.get("x-consul-index", 0))
                instances = [_instance(entry) for entry in answer.json()]
            except (client.HTTPError, ValueError, KeyError, TypeError):
                index = 0
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
                pause = min(_LONGEST_PAUSE_SECONDS, pause * 2)
                continue
            # An index that went back means a new agent: start over, as Consul's manual asks.
            return (new if new >= index else 0), instances

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _put(self, path: str, body: Any) -> bool:
        try:
            answer = await client.send(self._transport, "PUT", self._base + path, json=body)
        except client.HTTPError:
            return False
        return bool(answer.status_code == 200)


def _registration(settings: "Settings", instance_id: str) -> dict[str, Any]:
    address = f"http://{settings.advertised_host}:{settings.port}"
    return {
        "ID": instance_id,
        "Name": settings.service,
        "Address": settings.advertised_host,
        "Port": settings.port,
        "Tags": ["shop", f"v{settings.version}"],
        "Meta": {"version": settings.version},
        "Check": {
            "CheckID": f"{instance_id}-ready",
            "Name": "ready",
            "HTTP": f"{address}/health/ready",
            "Interval": "1s",  # a dead instance is out within this, one that hangs within this and the timeout
            "Timeout": "900ms",
            "Status": "passing",
            "DeregisterCriticalServiceAfter": "1m",
        },
    }


def _instance(entry: dict[str, Any]) -> Instance:
    service = entry["Service"]
    address = service["Address"] or entry["Node"]["Address"]
    version = (service.get("Meta") or {}).get("version", "")
    return Instance(f"http://{address}:{service['Port']}", service["ID"], version)
