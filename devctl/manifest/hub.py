"""The hub as a service of every stack: how its process is started and which exporters its file names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from devctl.core.spec import (
    HUB,
    Check,
    CheckKind,
    Exporter,
    File,
    Port,
    RestartCondition,
    RestartPolicy,
    Service,
    Variant,
    reference,
)
from devctl.core.status import Kind
from devctl.products.common import json_text

PORT = 4318  # OTLP over HTTP (OpenTelemetry protocol exporter specification)
SPAN_FORMATS = {"spans": "otlp", "zipkin": "zipkin"}
"""What a store of traces provides → the exporter that speaks to it, the better one first."""


@dataclass(frozen=True, slots=True)
class SpanStore:
    """A service of the stack that takes spans on `port` while one of `variants` of it runs."""

    service: str
    kind: str
    port: str
    variants: tuple[str, ...]


def span_stores(services: Iterable[Service]) -> Iterator[SpanStore]:
    """Yield the services that take spans, each once."""
    for service in services:
        for capability, kind in SPAN_FORMATS.items():
            takers = [variant for variant in service.variants if capability in variant.provides]
            if takers:
                port = takers[0].provides[capability]
                yield SpanStore(service.name, kind, port, tuple(variant.name for variant in takers))
                break


def service(
    *,
    python: str,
    folder: str,
    exporters: Iterable[Exporter],
    stores: Iterable[SpanStore] = (),
    cap_bytes: int,
    port: int = PORT,
) -> Service:
    """Return the hub's service. `folder` is where its configuration is written; `stores` get the spans while one
    of their variants runs that takes them."""
    config = f"{folder}/hub.json"
    entries: list[dict[str, object]] = [
        {"name": e.name, "kind": e.kind, "url": e.url, "headers": e.headers} for e in exporters
    ]
    entries += [_entry(store) for store in stores]
    content = json_text({"cap_bytes": cap_bytes, "exporters": entries})
    variant = Variant(
        name="process",
        kind=Kind.PROCESS,
        argv=(python, "-m", "devctl.hub", "--run", reference("run.folder"), "--config", config),
        working_dir=folder,
        check=Check(CheckKind.HTTP, port="otlp", path="/health"),
        files=(File(config, content, live=True),),
        folders=(folder,),
    )
    return Service(
        name=HUB,
        variants=(variant,),
        ports=(Port("otlp", port, inherited=True),),
        restart=RestartPolicy(condition=RestartCondition.ALWAYS, max_attempts=20),
        metrics="/metrics",
        telemetry=False,
    )


def _entry(store: SpanStore) -> dict[str, object]:
    return {
        "name": store.service,
        "kind": store.kind,
        "url": f"http://{reference(f'services.{store.service}.{store.port}')}",
        "when": reference(f"services.{store.service}.variant"),
        "variants": list(store.variants),
    }
