"""What the hub is told in its configuration file: the exporters. The file may change while the hub runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Exporter:
    """Where spans are passed on to: `kind` is otlp or zipkin, `url` the full address of the intake."""

    name: str
    kind: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()


DEFAULT_CAP = 2 << 30  # bytes of spans


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file: {"cap_bytes": N, "exporters": [{name, kind, url, headers, when, variants}]}.

    An exporter with `when` counts only while that is one of `variants`: those that take spans.
    """

    cap_bytes: int = DEFAULT_CAP
    exporters: tuple[Exporter, ...] = ()


def load(path: Path | None) -> Config:
    """Read the file; without one the defaults hold."""
    if path is None or not path.exists():
        return Config()
    document = json.loads(path.read_text())
    exporters = [_exporter(entry) for entry in document.get("exporters", []) if _counts(entry)]
    return Config(int(document.get("cap_bytes", DEFAULT_CAP)), tuple(exporters))


def _counts(entry: dict[str, Any]) -> bool:
    return "when" not in entry or entry["when"] in entry["variants"]


def _exporter(entry: dict[str, object]) -> Exporter:
    kind, url = str(entry["kind"]), str(entry["url"])
    headers = entry.get("headers") or {}
    assert isinstance(headers, dict)
    return Exporter(str(entry["name"]), kind, _intake(kind, url), tuple((str(k), str(v)) for k, v in headers.items()))


def _intake(kind: str, url: str) -> str:
    """Complete a base address as OTEL_EXPORTER_OTLP_ENDPOINT does, and Zipkin's by its API's path."""
    ending = "/v1/traces" if kind == "otlp" else "/api/v2/spans"
    return url if urlsplit(url).path.rstrip("/").endswith(ending) else url.rstrip("/") + ending
