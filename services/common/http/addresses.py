"""Where a service is: an instance, the port that finds instances, and the port that reports changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instance:
    """One running copy of a service."""

    url: str
    id: str = ""
    version: str = ""


class Finder(Protocol):
    """Knows the instances of services."""

    def pick(self, service: str) -> str:
        """Return the next base URL of a service, or nothing."""

    def leave_out(self, service: str, url: str) -> bool:
        """Pick others for a moment, since this one did not answer; return whether there is another."""

    def healthy(self, service: str) -> int:
        """Return how many instances of a service are healthy now, as far as is known."""


class Registry(Protocol):
    """Reports the healthy instances of services."""

    async def healthy(self, service: str, index: int) -> tuple[int, Sequence[Instance]]:
        """Return when the healthy instances differ from those at `index`."""
