"""etcd: one member on loopback that keeps its keys, with the JSON gateway beside gRPC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from devctl.core.checks import HttpCheck
from devctl.core.spec import Port, Variant, placeholder
from devctl.core.status import Kind
from devctl.products.base import Context, Product, Recipe
from devctl.products.common import address
from devctl.products.etcd.tools import TOOLS

MEMBER = "devctl"


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of etcd."""

    log_level: Literal["debug", "info", "warn", "error"] = "warn"
    """From which level up etcd logs."""
    config: dict[str, str] = field(default_factory=dict)
    """Further options in etcd's names, without the dashes (`quota-backend-bytes`, …)."""


def native(settings: Settings, context: Context) -> Variant:
    """Return the real etcd."""
    home = f"{context.data}/native"
    client, peer = (f"http://{address(context.service, port)}" for port in ("client", "peer"))
    advertised = f"http://{placeholder(f'services.{context.service}.client.advertised')}"
    options = {
        "name": MEMBER,
        "data-dir": f"{home}/data",
        "listen-client-urls": client,
        "advertise-client-urls": advertised,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"{MEMBER}={peer}",
        "logger": "zap",
        "log-level": settings.log_level,
        **settings.config,
    }
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(placeholder("tools.etcd"), *(f"--{name}={value}" for name, value in options.items())),
        working_dir=home,
        check=HttpCheck(port="client", path="/health"),
        ports=(Port("peer"),),
        folders=(home, f"{home}/data"),
        tools=("etcd",),
    )


PRODUCT = Product(
    name="etcd",
    summary="etcd, a single member",
    settings=Settings,
    example={"config": {"quota-backend-bytes": "1073741824"}},
    ports=(Port("client", 2379),),
    variants={"native": Recipe(native, provides={"etcd": "client", "metrics": "client"})},
    images=(r"(.*/)?etcd",),
    tools=TOOLS,
    metrics="/metrics",
    remedy="install etcd 3.4 or newer",
)
