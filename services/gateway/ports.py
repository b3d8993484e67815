"""What the handlers of gateway need from the outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from services.common.http.addresses import Instance
from services.gateway.domain import Split


class UpstreamError(Exception):
    """A service did not answer. `was_sent` is false when it cannot have noticed the call."""

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        super().__init__(reason)
        self.was_sent = was_sent


class Reply(Protocol):
    """The answer of a service, whose body is still on its way."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    served_by: str  # the service and, where that is known, its version

    def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, untouched."""

    async def close(self) -> None:
        """Release the connection."""


class Upstream(Protocol):
    """Sends a request to one instance."""

    async def send(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        seconds: float,
    ) -> Reply:
        """Return once the head of the answer is there; raise UpstreamError if it does not come in time."""


class Finder(Protocol):
    """Knows which instances of a service are healthy."""

    def instances(self, service: str) -> Sequence[Instance]:
        """Return them."""


class Splits(Protocol):
    """Keeps how traffic is divided."""

    def get(self, service: str) -> Split | None:
        """Return the split of a service."""

    def all(self) -> Mapping[str, Split]:
        """Return every split."""

    def put(self, service: str, split: Split | None) -> None:
        """Set the split of a service, or take it away."""
