"""What is different in the manifest from when all was well: in this run, else in the run before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devctl.core import events as happened
from devctl.core.spec import Service, Spec, Variant, from_json
from devctl.diagnosis.history import newest_events
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
    if run is None:
        return {}
    if (before := _read_spec(run.good_spec_file)) is not None:
        return _changes(before, spec)
    earlier = [Run(folder) for folder in sorted(run.folder.parent.glob("*")) if folder.name < run.id][-1:]
    before = _read_spec(earlier[0].spec_file) if earlier else None
    changes = _changes(before, spec) if before else {}
    well = _once_well(earlier[0]) if changes else set()
    return {name: change for name, change in changes.items() if name in well}


def _changes(before: Spec, spec: Spec) -> dict[str, ManifestChange]:
    changes = {}
    for name, service in spec.services.items():
        if name in before.services and (texts := tuple(_differences(before.services[name], service))):
            changes[name] = ManifestChange(name, texts, *_where(spec, name))
    return changes


def _read_spec(file: Path) -> Spec | None:
    try:
        return from_json(Spec, json.loads(file.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _once_well(run: Run) -> set[str]:
    """Return the services that became good in a run: only with those a later definition can be compared."""
    return {event.service for event in newest_events(run) if isinstance(event, happened.InstanceReady)}


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
