"""The hub as a service of every stack: how its process is started and which exporters its file names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from devctl.core.checks import HttpCheck
from devctl.core.launch import HUB_GRPC_PORT, HUB_PORT
from devctl.core.spec import (
    HUB,
    Exporter,
    File,
    Port,
    RestartCondition,
    RestartPolicy,
    Service,
    Variant,
    placeholder,
)
from devctl.core.status import Kind
from devctl.products.common import json_text

PORT, GRPC_PORT = 4318, 4317  # OTLP over HTTP and over gRPC (OpenTelemetry protocol exporter specification)
SPAN_FORMATS = {"spans": "otlp", "zipkin": "zipkin"}
"""What a store of traces provides → the exporter that speaks to it, the better one first."""


def span_stores(services: Iterable[Service]) -> Iterator[dict[str, object]]:
    """Yield the exporters to those services of the stack that take spans, each once. One counts for the hub only
    while a variant runs that takes them."""
    for service in services:
        for capability, kind in SPAN_FORMATS.items():
            takers = [variant for variant in service.variants if capability in variant.provides]
            if takers:
                url = f"http://{placeholder(f'services.{service.name}.{takers[0].provides[capability]}')}"
                when = placeholder(f"services.{service.name}.variant")
                variants = [variant.name for variant in takers]
                yield {"name": service.name, "kind": kind, "url": url, "when": when, "variants": variants}
                break


def service(
    *,
    python: str,
    folder: str,
    exporters: Iterable[Exporter],
    stores: Iterable[dict[str, object]] = (),
    cap_bytes: int,
    is_isolated: bool = False,
) -> Service:
    """Return the hub's service. `folder` is where its configuration is written; `stores` are the exporters to
    services of the stack itself."""
    config = f"{folder}/hub.json"
    entries: list[dict[str, object]] = [
        {"name": e.name, "kind": e.kind, "url": e.url, "headers": e.headers} for e in exporters
    ]
    entries += stores
    content = json_text({"cap_bytes": cap_bytes, "exporters": entries})
    variant = Variant(
        name="process",
        kind=Kind.PROCESS,
        argv=(python, "-m", "devctl.hub", "--run", placeholder("run.folder"), "--config", config),
        working_dir=folder,
        check=HttpCheck(port=HUB_PORT, path="/health"),
        files=(File(config, content, live=True),),
        folders=(folder,),
    )
    return Service(
        name=HUB,
        variants=(variant,),
        ports=tuple(
            Port(name, 0 if is_isolated else number, inherited=True)
            for name, number in ((HUB_PORT, PORT), (HUB_GRPC_PORT, GRPC_PORT))
        ),
        restart=RestartPolicy(condition=RestartCondition.ALWAYS, max_attempts=20),
        metrics="/metrics",
        telemetry=False,
    )
