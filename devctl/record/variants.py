"""Which variant of a third-party product its data belongs to: kept beside the volumes, and gone with them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from devctl.core.spec import Service, Spec
from devctl.disk import replace_file
from devctl.paths import StackPaths

FILE = ".variants.json"


class Kept(NamedTuple):
    """A variant, and the day from which on the data is its own."""

    variant: str
    since: str


class KeptVariants:
    """Reads the choices of earlier runs and writes those of this one, each with the day from which on it holds."""

    def __init__(self, paths: StackPaths, today: Callable[[], str] = lambda: time.strftime("%Y-%m-%d")) -> None:
        self._path = paths.volumes / FILE
        self._today = today
        self._kept: dict[str, Kept] | None = None

    def prefer(self, spec: Spec) -> Spec:
        """Return `spec` with the variant first, of each service, that its data belongs to."""
        kept = self._read()
        return replace(spec, services={name: prefer(s, kept) for name, s in spec.services.items()})

    def record(self, service: Service, variant: str) -> None:
        """Keep the variant that a third-party product was started as."""
        kept = self._read()
        if service.uses and (service.name not in kept or kept[service.name].variant != variant):
            self._kept = {**kept, service.name: Kept(variant, self._today())}
            plain = {name: [each.variant, each.since] for name, each in self._kept.items()}
            with contextlib.suppress(OSError):  # a full disk: the next start chooses anew
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_file(self._path, json.dumps(plain).encode())

    def _read(self) -> dict[str, Kept]:
        if self._kept is None:
            try:
                self._kept = {name: _kept(each) for name, each in json.loads(self._path.read_bytes()).items()}
            except (OSError, ValueError, TypeError, AttributeError):
                self._kept = {}
        return self._kept


def _kept(written: object) -> Kept:
    """Return an entry of the file; a bare name is that of a version that kept no day."""
    if isinstance(written, str):
        return Kept(written, "")
    variant, since = written if isinstance(written, list) else (written, None)
    if not isinstance(variant, str) or not isinstance(since, str):
        raise TypeError("not an entry of this version")
    return Kept(variant, since)


def prefer(service: Service, kept: Mapping[str, Kept]) -> Service:
    """Return `service` with its kept variant first and why; one that is no longer offered is forgotten."""
    preferred = kept.get(service.name)
    first = service.variants[0].name if service.variants else ""
    if not service.uses or preferred is None or first == preferred.variant:
        return service
    if all(variant.name != preferred.variant for variant in service.variants):
        return service
    since = f" since {preferred.since}" if preferred.since else ""
    reason = f"{preferred.variant}, kept with its data{since}; `--run-as {first}` changes it"
    variants = sorted(service.variants, key=lambda variant: variant.name != preferred.variant)
    return replace(service, variants=tuple(variants), kept=reason)
