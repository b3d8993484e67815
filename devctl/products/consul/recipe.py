"""Consul: one server on loopback that keeps its state, or devctl's emulator of its HTTP API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from devctl.core.checks import HttpCheck
from devctl.core.spec import File, Port, Variant, placeholder
from devctl.core.status import Kind
from devctl.products.base import Context, Product, Recipe
from devctl.products.common import address, json_text
from devctl.products.consul.tools import TOOLS

LEADER = HttpCheck(port="http", path="/v1/catalog/services")


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of Consul."""

    config: dict[str, Any] = field(default_factory=dict)
    """Further keys of Consul's own configuration."""


def native(settings: Settings, context: Context) -> Variant:
    """Return the real Consul."""
    home = f"{context.data}/native"
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(placeholder("tools.consul"), "agent", f"-config-file={home}/consul.json"),
        working_dir=home,
        check=LEADER,
        ports=(Port("rpc"), Port("serf")),
        files=(File(f"{home}/consul.json", config(home, context.service, settings.config)),),
        folders=(home,),
        tools=("consul",),
    )


def config(home: str, service: str, further: dict[str, Any]) -> str:
    """Return consul.json: a single server, loopback only, no scripts as checks, no calls home."""
    ports = ("http", "rpc", "serf")
    marks = {name: f"@{name}@" for name in ports}
    text = json_text(
        {
            "server": True,
            "bootstrap_expect": 1,
            "data_dir": f"{home}/data",
            "node_name": "devctl",
            "bind_addr": "127.0.0.1",
            "advertise_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "ports": {
                "http": marks["http"], "server": marks["rpc"], "serf_lan": marks["serf"],
                "serf_wan": -1, "dns": -1, "grpc": -1, "https": -1,
            },
            "ui_config": {"enabled": True},
            "log_level": "warn",
            "performance": {"raft_multiplier": 1},
            "disable_update_check": True,
            "disable_remote_exec": True,
            "enable_script_checks": False,
            "enable_local_script_checks": False,
            "telemetry": {"disable_hostname": True, "prometheus_retention_time": "60s"},
            **further,
        }
    )  # fmt: skip
    for name, mark in marks.items():  # numbers, so they stand without quotes
        text = text.replace(f'"{mark}"', placeholder(f"services.{service}.{name}.port"))
    return text


def embedded(_: Settings, context: Context) -> Variant:
    """Return devctl's emulator."""
    home = f"{context.data}/embedded"
    return Variant(
        name="embedded",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.embedded.consul",
            "--listen", address(context.service, "http"), "--data", home,
        ),
        working_dir=home,
        check=LEADER,
        folders=(home,),
        note="devctl's emulator of Consul's HTTP API",
    )  # fmt: skip


PRODUCT = Product(
    name="consul",
    summary="Consul, a single server",
    settings=Settings,
    example={"config": {"log_level": "DEBUG"}},
    ports=(Port("http", 8500),),
    variants={
        "native": Recipe(native),
        "embedded": Recipe(
            embedded,
            limitations="DNS, ACLs, service mesh (Connect), prepared queries, transactions over several keys, "
            "more than one server",
        ),
    },
    images=(r"(.*/)?consul",),
    tools=TOOLS,
    page="http",
    remedy="install Consul 1.12 or newer, or connect once to the network",
)
