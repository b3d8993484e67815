"""RabbitMQ: one node on loopback with its management page and metrics; the broker's own diagnostics are its check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from devctl.core.checks import CommandCheck
from devctl.core.spec import File, Port, Variant, placeholder
from devctl.core.status import Kind
from devctl.products.base import Context, Product, Recipe
from devctl.products.common import address, port_number
from devctl.products.rabbitmq.tools import TOOLS

PLUGINS = ("rabbitmq_management", "rabbitmq_prometheus")


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of RabbitMQ."""

    user: str = "guest"
    """The user that is made at the first start, with all rights and a random password, which stands in the file
    `${volumes.NAME}/password`."""
    plugins: tuple[str, ...] = ()
    """Further plug-ins that ship with RabbitMQ (`rabbitmq_shovel`, `rabbitmq_mqtt`, …)."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """From which level up RabbitMQ logs."""
    config: dict[str, str] = field(default_factory=dict)
    """Further lines of rabbitmq.conf."""


def native(settings: Settings, context: Context) -> Variant:
    """Return the real RabbitMQ. Its cookie, its password and its data lie in the volume of the service."""
    home = context.data
    node = (
        "--programs", placeholder("tools.rabbitmq"), "--home", home,
        "--epmd", port_number(context.service, "epmd"), "--distribution", port_number(context.service, "distribution"),
    )  # fmt: skip
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(context.python, "-m", "devctl.products.rabbitmq.start", *node),
        working_dir=home,
        check=CommandCheck(
            argv=(
                context.python, "-m", "devctl.products.rabbitmq.check", *node,
                "--broker", port_number(context.service, "amqp"),
            ),
            # Asking the diagnostics starts an Erlang VM: about a second of CPU.
            interval_seconds=30.0,
            timeout_seconds=20.0,
            start_interval_seconds=0.5,
            start_period_seconds=120.0,
        ),
        ports=(Port("epmd"), Port("distribution")),
        files=(
            File(f"{home}/conf.d/10-stack.conf", config(settings, context.service)),
            File(f"{home}/enabled_plugins", f"[{','.join((*PLUGINS, *settings.plugins))}].\n"),
        ),
        folders=(home, f"{home}/conf.d", f"{home}/mnesia", f"{home}/log"),
        tools=("rabbitmq",),
    )  # fmt: skip


def config(settings: Settings, service: str) -> str:
    """Return rabbitmq.conf: every listener on loopback, the log on standard output."""
    lines = {
        "listeners.tcp.1": address(service, "amqp"),
        "management.tcp.ip": "127.0.0.1",
        "management.tcp.port": port_number(service, "http"),
        "prometheus.tcp.ip": "127.0.0.1",
        "prometheus.tcp.port": port_number(service, "prometheus"),
        "log.console": "true",
        "log.console.level": settings.log_level,
        "log.file": "false",
        "default_user": settings.user,
        **settings.config,
    }
    return "".join(f"{key} = {value}\n" for key, value in lines.items())


PRODUCT = Product(
    name="rabbitmq",
    summary="RabbitMQ, a single node with its management page",
    settings=Settings,
    compose_settings={"RABBITMQ_DEFAULT_USER": "user"},
    example={"plugins": ["rabbitmq_shovel"], "config": {"channel_max": "200"}},
    ports=(Port("amqp", 5672), Port("http", 15672), Port("prometheus", 15692)),
    variants={"native": Recipe(native, provides={"amqp": "amqp", "metrics": "prometheus"})},
    images=(r"(.*/)?rabbitmq",),
    tools=TOOLS,
    page="http",
    metrics="/metrics",
    remedy="install RabbitMQ 3.8 or newer with its Erlang",
    stop_grace_seconds=20.0,
)
