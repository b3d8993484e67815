"""Which variant of a third-party product its data belongs to: kept beside the volumes, and gone with them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace

from devctl.core.spec import Service, Spec
from devctl.disk import replace_file
from devctl.paths import StackPaths

FILE = ".variants.json"


class KeptVariants:
    """Reads the choices of earlier runs and writes those of this one."""

    def __init__(self, paths: StackPaths) -> None:
        self._path = paths.volumes / FILE
        self._kept: dict[str, str] | None = None

    def prefer(self, spec: Spec) -> Spec:
        """Return `spec` with the variant first, of each service, that its data belongs to."""
        kept = self._read()
        return replace(spec, services={name: prefer(s, kept) for name, s in spec.services.items()})

    def record(self, service: Service, variant: str) -> None:
        """Keep the variant that a third-party product was started as."""
        if service.uses and self._read().get(service.name) != variant:
            self._kept = {**self._read(), service.name: variant}
            with contextlib.suppress(OSError):  # a full disk: the next start chooses anew
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_file(self._path, json.dumps(self._kept).encode())

    def _read(self) -> dict[str, str]:
        if self._kept is None:
            try:
                self._kept = dict(json.loads(self._path.read_bytes()))
            except (OSError, ValueError, TypeError):
                self._kept = {}
        return self._kept


def prefer(service: Service, kept: Mapping[str, str]) -> Service:
    """Return `service` with its kept variant first; one that is no longer offered is forgotten."""
    preferred = kept.get(service.name)
    if not service.uses or preferred is None or (service.variants[:1] and service.variants[0].name == preferred):
        return service
    return replace(service, variants=tuple(sorted(service.variants, key=lambda variant: variant.name != preferred)))
