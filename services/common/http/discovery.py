"""Where the other services are, by the environment and by Consul.

While Consul is away, the last known addresses stay in use.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.common.http.addresses import Instance, Registry


@dataclass
class Discovery:
    """Addresses of services; those from the environment come first unless `consul_first`."""

    urls: Mapping[str, str]
    consul: Registry | None = None
    consul_first: bool = False
    _known_instances: dict[str, tuple[Instance, ...]] = field(default_factory=dict)
    _healthy: dict[str, int] = field(default_factory=dict)
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def instances(self, service: str) -> Sequence[Instance]:
        """Return every address of a service that is known now."""
        discovered = self._known_instances.get(service, ())
        configured = (Instance(self.urls[service]),) if service in self.urls else ()
        return (discovered or configured) if self.consul_first else (configured or discovered)

    def pick(self, service: str) -> str:
        """Return the next base URL of a service, or nothing."""
        instances = self.instances(service)
        return instances[next(self._turn) % len(instances)].url if instances else ""

    def healthy(self, service: str) -> int:
        """Return how many instances Consul holds for healthy now; where it is not asked, how many are known."""
        return self._healthy.get(service, len(self.instances(service)))

    async def watch(self, services: Sequence[str]) -> None:
        """Follow Consul for the services whose address is not fixed, for ever."""
        if self.consul is None:
            return
        names = [name for name in services if self.consul_first or name not in self.urls]
        await asyncio.gather(*(self._follow(self.consul, name) for name in names))

    async def _follow(self, consul: Registry, service: str) -> None:
        index = 0
        while True:
            index, instances = await consul.healthy(service, index)
            self._healthy[service] = len(instances)
            if instances or not self._known_instances.get(service):
                self._known_instances[service] = tuple(instances)
