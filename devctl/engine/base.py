"""What is said of container engines: where one may be, the one that answers, or why none does. Does nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine may listen. `url` begins with unix:// or tcp://; `origin` is who names it."""

    url: str
    origin: str

    @property
    def socket_path(self) -> str:
        """The path of its Unix socket, empty for another kind of address."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answered. `api_version` is the newest that it speaks, which is the one that is used."""

    address: Address
    name: str
    version: str
    api_version: str
    is_rootless: bool = False
    is_virtual: bool = False  # it runs in a virtual machine: neither its processes nor its networks are this machine's
    memory_bytes: int = 0
    cores: int = 0

    @property
    def title(self) -> str:
        """The engine in a few words, for people."""
        kind = (", rootless" if self.is_rootless else "") + (", in a virtual machine" if self.is_virtual else "")
        return f"{self.name} {self.version}{kind}"


@dataclass(frozen=True, slots=True)
class NoEngine:
    """Why no engine can be used, and what would remedy it."""

    reason: str
    remedy: str
