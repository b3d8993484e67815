"""What is different in the manifest from when all was well: in this run, else in the run before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devctl.core.spec import Service, Spec, Variant, from_json
from devctl.record.store import Run

_LONGEST = 80


@dataclass(frozen=True, slots=True)
class ManifestChange:
    """What is different of one service, in few words each, and where its entry stands."""

    service: str
    texts: tuple[str, ...]
    file: str
    line: int


def manifest_changes(run: Run | None, spec: Spec) -> dict[str, ManifestChange]:
    """Return what changed of each service since all was well."""
    before = _good_spec(run) if run else None
    if before is None:
        return {}
    changes = {}
    for name, service in spec.services.items():
        if name in before.services and (texts := tuple(_differences(before.services[name], service))):
            changes[name] = ManifestChange(name, texts, *_where(spec, name))
    return changes


def _good_spec(run: Run) -> Spec | None:
    """Return the specification under which this run was well, else the one that the run before ended with."""
    files = [run.good_spec_file]
    earlier = sorted(folder for folder in run.folder.parent.glob("*") if folder.name < run.id)
    files += [Run(folder).spec_file for folder in earlier[-1:]]
    for file in files:
        try:
            return from_json(Spec, json.loads(file.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _differences(before: Service, after: Service) -> Iterator[str]:
    pairs = {variant.name: variant for variant in before.variants}
    for variant in after.variants:
        if variant.name in pairs:
            yield from _of_variant(pairs[variant.name], variant)
    for key in ("ports", "replicas", "restart"):
        if getattr(before, key) != getattr(after, key):
            yield f"{key} changed"
    if before.depends_on != after.depends_on:
        yield f"depends_on was {_names(before)}, is {_names(after)}"


def _of_variant(before: Variant, after: Variant) -> Iterator[str]:
    yield from _of_environment(before.environment, after.environment)
    if before.argv != after.argv:
        yield f"its command was {_text(' '.join(before.argv))}, is {_text(' '.join(after.argv))}"
    for key in ("image", "working_dir"):
        if getattr(before, key) != getattr(after, key):
            yield f"{key} was {_text(getattr(before, key))}, is {_text(getattr(after, key))}"
    if before.check != after.check:
        described = [each.describe() if each else "none" for each in (before.check, after.check)]
        yield f"its healthcheck was {described[0]}, is {described[1]}"


def _of_environment(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for key in {**before, **after}:
        was, now = before.get(key), after.get(key)
        if was != now:
            yield f"{key} was {_value(was)}, is {_value(now)}"


def _value(value: str | None) -> str:
    return "not set" if value is None else _text(value)


def _text(value: str) -> str:
    shown = re.sub("\0([^\0]*)\0", r"${\1}", value)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"


def _names(service: Service) -> str:
    return ", ".join(dependency.service for dependency in service.depends_on) or "empty"


def _where(spec: Spec, name: str) -> tuple[str, int]:
    """Return the manifest and the line where the entry of a service begins; 0 where it cannot be told."""
    for manifest in reversed(spec.manifests):
        try:
            lines = Path(manifest).read_text(errors="replace").splitlines()
        except OSError:
            continue
        for number, line in enumerate(lines, 1):
            if re.match(rf"\s+[\"']?{re.escape(name)}[\"']?:", line):
                return manifest, number
    return (spec.manifests[-1] if spec.manifests else ""), 0
