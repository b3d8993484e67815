"""The hub as a service of every stack: how its process is started and which exporters its file names."""

from __future__ import annotations

from collections.abc import Iterable

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


def service(
    *,
    python: str,
    folder: str,
    exporters: Iterable[Exporter],
    jaeger: str = "",
    cap_bytes: int,
    port: int = PORT,
) -> Service:
    """Return the hub's service. `folder` is where its configuration is written, `jaeger` the name of the stack's
    Jaeger service, whose `otlp` port gets the spans while a real one runs."""
    config = f"{folder}/hub.json"
    entries: list[dict[str, object]] = [
        {"name": e.name, "kind": e.kind, "url": e.url, "headers": e.headers} for e in exporters
    ]
    if jaeger:
        url = f"http://{reference(f'services.{jaeger}.otlp')}"
        entries.append({"name": jaeger, "kind": "otlp", "url": url, "when": reference(f"services.{jaeger}.variant")})
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
