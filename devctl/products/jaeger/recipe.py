"""Jaeger: an all-in-one 1.x or Jaeger 2 on loopback, or devctl's emulator over the stack's own record of spans."""

from __future__ import annotations

from dataclasses import dataclass

from devctl.core.checks import HttpCheck
from devctl.core.spec import File, Port, Variant, placeholder
from devctl.core.status import Kind
from devctl.products.base import Context, Product, Recipe
from devctl.products.common import address, json_text
from devctl.products.jaeger.tools import TOOLS

READY = HttpCheck(port="ui", path="/api/services")
FURTHER_PORTS = ("otlp_grpc", "collector_grpc", "health")
NOBODYS = "127.0.0.1:0"
"""For listeners that Jaeger insists on and nobody in the stack uses: any port of loopback."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of Jaeger."""

    max_traces: int = 50_000
    """How many traces it keeps in memory; the record of the stack keeps them anyway."""
    config: str = ""
    """A configuration of Jaeger 2 beside the manifest, instead of devctl's; it must listen on the stack's ports."""


def native(settings: Settings, context: Context) -> Variant:
    """Return the real Jaeger, 1.x or 2."""
    home = f"{context.data}/native"
    second = context.read(settings.config) if settings.config else second_config(settings, context.service)
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.products.jaeger.start",
            "--program", placeholder("tools.jaeger"), "--config", f"{home}/jaeger.yaml",
        ),
        environment=first_environment(settings, context.service),
        working_dir=home,
        check=READY,
        ports=tuple(Port(name) for name in FURTHER_PORTS),
        files=(File(f"{home}/jaeger.yaml", second),),
        folders=(home,),
        tools=("jaeger",),
    )  # fmt: skip


def first_environment(settings: Settings, service: str) -> dict[str, str]:
    """Return the settings of a 1.x all-in-one: every listener on loopback. Unknown ones are ignored by each version."""
    listeners = {
        "QUERY_HTTP_SERVER_HOST_PORT": "ui",
        "COLLECTOR_OTLP_HTTP_HOST_PORT": "otlp",
        "COLLECTOR_OTLP_GRPC_HOST_PORT": "otlp_grpc",
        "COLLECTOR_GRPC_SERVER_HOST_PORT": "collector_grpc",
        "REPORTER_GRPC_HOST_PORT": "collector_grpc",
        "ADMIN_HTTP_HOST_PORT": "health",
    }
    unused = (
        "QUERY_GRPC_SERVER_HOST_PORT",
        "COLLECTOR_HTTP_SERVER_HOST_PORT",
        "HTTP_SERVER_HOST_PORT",
        "PROCESSOR_JAEGER_COMPACT_SERVER_HOST_PORT",
        "PROCESSOR_JAEGER_BINARY_SERVER_HOST_PORT",
        "PROCESSOR_ZIPKIN_COMPACT_SERVER_HOST_PORT",
    )
    return {
        **{variable: address(service, port) for variable, port in listeners.items()},
        **dict.fromkeys(unused, NOBODYS),
        "COLLECTOR_OTLP_ENABLED": "true",
        "SPAN_STORAGE_TYPE": "memory",
        "MEMORY_MAX_TRACES": str(settings.max_traces),
        "LOG_LEVEL": "warn",
        "OTEL_TRACES_SAMPLER": "always_off",
    }


def second_config(settings: Settings, service: str) -> str:
    """Return Jaeger 2's configuration (JSON, which is YAML): every listener on loopback, traces in memory."""
    return json_text(
        {
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
                "pipelines": {
                    "traces": {
                        "receivers": ["otlp"],
                        "processors": ["batch"],
                        "exporters": ["jaeger_storage_exporter"],
                    }
                },
                "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
            },
            "extensions": {
                "jaeger_storage": {"backends": {"main": {"memory": {"max_traces": settings.max_traces}}}},
                "jaeger_query": {
                    "storage": {"traces": "main"},
                    "http": {"endpoint": address(service, "ui")},
                    "grpc": {"endpoint": NOBODYS},
                },
                "healthcheckv2": {"use_v2": True, "http": {"endpoint": address(service, "health")}},
            },
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {"endpoint": address(service, "otlp_grpc")},
                        "http": {"endpoint": address(service, "otlp")},
                    }
                }
            },
            "processors": {"batch": {}},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "main"}},
        }
    )


def embedded(_: Settings, context: Context) -> Variant:
    """Return devctl's emulator."""
    home = f"{context.data}/embedded"
    return Variant(
        name="embedded",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.embedded.jaeger",
            "--listen", address(context.service, "ui"), "--record", f"{placeholder('run.folder')}/record.db",
        ),
        working_dir=home,
        check=READY,
        folders=(home,),
        note="devctl's emulator of Jaeger's query API, over the spans of this run",
        unserved=("otlp",),
    )  # fmt: skip


PRODUCT = Product(
    name="jaeger",
    summary="Jaeger, which shows the traces that the hub passes on",
    settings=Settings,
    example={"max_traces": 100_000},
    ports=(Port("ui", 16686), Port("otlp")),
    variants={
        "native": Recipe(native, provides={"spans": "otlp", "jaeger": "ui"}),
        # It reads the record of the stack itself: nobody passes spans on to it.
        "embedded": Recipe(
            embedded,
            provides={"jaeger": "ui"},
            limitations="the original's web pages (a small page of its own instead), the service performance monitor, "
            "/api/v3",
        ),
    },
    images=(r"(.*/)?(all-in-one|jaeger)",),
    tools=TOOLS,
    page="ui",
    remedy="install jaeger-all-in-one 1.35 or newer or Jaeger 2, or connect once to the network",
)
