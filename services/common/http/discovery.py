"""Where the other services are: healthy instances by Consul, and until it has answered the environment's addresses.

While Consul is away, the last known addresses stay in use. An instance that did not answer is left out for a moment, as
long as there is another.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.common.http.addresses import Instance, Registry

_LEFT_OUT_SECONDS = 1.0  # as long as Consul takes to notice: its checks run every second


@dataclass
class Discovery:
    """Addresses of services, in turn; `urls` are those of the environment."""

    urls: Mapping[str, str]
    consul: Registry | None = None
    now: Callable[[], float] = time.monotonic
    _known_instances: dict[str, tuple[Instance, ...]] = field(default_factory=dict)
    _healthy: dict[str, int] = field(default_factory=dict)
    _left_out: dict[str, float] = field(default_factory=dict)
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def instances(self, service: str) -> Sequence[Instance]:
        """Return every address of a service that is known now."""
        discovered = self._known_instances.get(service, ())
        configured = (Instance(self.urls[service]),) if service in self.urls else ()
        return discovered or configured

    def pick(self, service: str) -> str:
        """Return the next base URL of a service, or nothing."""
        choice = self._answering(service) or self.instances(service)
        return choice[next(self._turn) % len(choice)].url if choice else ""

    def leave_out(self, service: str, url: str) -> bool:
        """Pick others for a moment, since this one did not answer; return whether there is another."""
        self._left_out[url] = self.now() + _LEFT_OUT_SECONDS
        return bool(self._answering(service))

    def _answering(self, service: str) -> Sequence[Instance]:
        now = self.now()
        return [i for i in self.instances(service) if self._left_out.get(i.url, 0.0) <= now]

    def healthy(self, service: str) -> int:
        """Return how many instances Consul holds for healthy now; where it is not asked, how many are known."""
        return self._healthy.get(service, len(self.instances(service)))

    async def watch(self, services: Sequence[str]) -> None:
        """Follow Consul for these services, for ever."""
        if self.consul is not None:
            await asyncio.gather(*(self._follow(self.consul, name) for name in services))

    async def _follow(self, consul: Registry, service: str) -> None:
        index = 0
        while True:
            index, instances = await consul.healthy(service, index)
            self._healthy[service] = len(instances)
            if instances or not self._known_instances.get(service):
                self._known_instances[service] = tuple(instances)
