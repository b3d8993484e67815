"""Prometheus: scrapes every service of the stack that has `metrics:`, by file discovery, and checks the rules."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devctl.core.checks import HttpCheck
from devctl.core.launch import main_port
from devctl.core.spec import HUB, RELAY, File, Port, Service, Variant, placeholder
from devctl.core.status import Kind
from devctl.products.base import Context, Product, Recipe
from devctl.products.common import address, json_text
from devctl.products.prometheus.tools import TOOLS

DEFAULTS = {"scrape_interval": "5s", "scrape_timeout": "4s", "evaluation_interval": "5s"}


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of Prometheus."""

    config: str = ""
    """A prometheus.yml beside the manifest, to which the targets are added; its rule files are taken along."""
    retention: str = "2d"
    """How long samples are kept."""
    retention_size: str = "1GB"
    """How many bytes of samples are kept at most."""


def native(settings: Settings, context: Context) -> Variant:
    """Return the real Prometheus."""
    home = context.data
    configured = _load(settings.config, context)
    rules = tuple(_rule_files(settings.config, configured, f"{home}/rules", context))
    files = (
        File(f"{home}/prometheus.yml", _config(configured, home, has_rules=bool(rules), telemetry=context.telemetry)),
        File(f"{home}/targets.yml", targets(context), live=True),
        *rules,
    )
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.products.prometheus.start",
            "--program", placeholder("tools.prometheus"), "--config", f"{home}/prometheus.yml",
            "--data", f"{home}/data",
            "--listen", address(context.service, "http"),
            "--retention", settings.retention, "--retention-size", settings.retention_size,
        ),
        working_dir=home,
        check=HttpCheck(port="http", path="/-/ready"),
        files=files,
        folders=(home, f"{home}/data", f"{home}/rules"),
        tools=("prometheus",),
    )  # fmt: skip


def _load(path: str, context: Context) -> dict[str, Any]:
    """Return the user's prometheus.yml as data; ValueError when it is not a mapping."""
    if not path:
        return {}
    import yaml

    try:
        document = yaml.safe_load(context.read(path))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} is not a mapping")
    return document


def _rule_files(config: str, configured: dict[str, Any], target: str, context: Context) -> Iterator[File]:
    """Yield the rule files of the user's configuration, copied: an edit is then part of the definition."""
    folder = posixpath.join(context.folder, posixpath.dirname(config))
    patterns = [posixpath.join(folder, pattern) for pattern in configured.get("rule_files", [])]
    if not patterns:
        return
    for path in context.files(posixpath.dirname(config) or "."):
        if any(fnmatch.fnmatch(path, pattern) for pattern in patterns):
            yield File(f"{target}/{posixpath.basename(path)}", context.read(path))


def _config(configured: dict[str, Any], home: str, *, has_rules: bool, telemetry: bool) -> str:
    import yaml

    jobs = list(configured.get("scrape_configs") or [])
    discovery = [{"files": [f"{home}/targets.yml"]}]
    exists = {"source_labels": ["__variant"], "regex": ".+", "action": "keep"}  # not what this machine cannot have
    # One process may hold several services and name them itself (a monolith): its own labels stand.
    scrape = {"file_sd_configs": discovery, "relabel_configs": [_only("scrape"), exists]}
    jobs.append({"job_name": "services", "honor_labels": True, **scrape})
    if telemetry:
        otlp = {"file_sd_configs": discovery, "relabel_configs": [_only("otlp")]}
        jobs.append({"job_name": "otlp", "honor_labels": True, **otlp})
    config = {
        **configured,
        "global": {**DEFAULTS, **(configured.get("global") or {})},
        "rule_files": [f"{home}/rules/*"] if has_rules else [],
        "storage": {**(configured.get("storage") or {}), "exemplars": {"max_exemplars": 100_000}},
        "scrape_configs": jobs,
    }
    text: str = yaml.safe_dump(config, sort_keys=False)
    return text


def _only(kind: str) -> dict[str, Any]:
    return {"source_labels": ["__devctl"], "regex": kind, "action": "keep"}


def targets(context: Context) -> str:
    """Return the discovery file: all instances of every service with `metrics:`, and the hub.

    YAML, not JSON: the list of a service's instances is one reference, filled in with commas.
    """
    groups = [
        _group(name, port, service.metrics, "scrape")
        for name, service in sorted(context.services.items())
        if service.metrics and name != HUB and (port := _metrics_port(service))
    ]
    if context.telemetry:
        groups += [_group(HUB, "otlp", "/metrics", "scrape"), _group(HUB, "otlp", "/metrics/otlp", "otlp")]
    groups.append(_group(RELAY, "http", "/metrics", "scrape"))  # without a relay its list is empty
    return "".join(groups)


def _metrics_port(service: Service) -> str:
    """Return the port of a service's metrics: the one that a product says, else its main port."""
    return service.provides.get("metrics") or main_port([port.name for port in service.ports])


def _group(service: str, port: str, path: str, kind: str) -> str:
    labels = {
        "job": service,
        "service": service,
        "__metrics_path__": path,
        "__devctl": kind,
        "__variant": placeholder(f"services.{service}.variant"),
    }
    return f"- targets: [{placeholder(f'services.{service}.{port}.all')}]\n  labels: {json_text(labels, indent=None)}\n"


PRODUCT = Product(
    name="prometheus",
    summary="Prometheus, which scrapes every service that has `metrics:`",
    settings=Settings,
    example={"config": "prometheus.yml", "retention": "7d"},
    ports=(Port("http", 9090),),
    variants={"native": Recipe(native, provides={"promql": "http"})},
    images=(r"(.*/)?prometheus",),
    tools=TOOLS,
    page="http",
    metrics="/metrics",
    remedy="install Prometheus 2.40 or newer, or connect once to the network",
)
