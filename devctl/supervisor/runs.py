"""The beginning of a run on disk: its folder, and the specification in force; a disk that refuses is reported."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping

from devctl.core.spec import Service, Spec, from_json, to_json
from devctl.disk import replace_file
from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import Run
from devctl.supervisor import files

_PREVIOUS = "previous.json"


def create_run(paths: StackPaths) -> Run:
    """Make the folder of a new run."""
    try:
        return store.create(paths)
    except OSError as error:
        raise files.problem(error, str(paths.runs)) from error


def write_spec(run: Run, spec: Spec, *, is_new: bool) -> None:
    """Keep the specification that is in force from now on; a new run without one is deleted again."""
    try:
        replace_file(run.spec_file, json.dumps(to_json(spec)).encode())
    except OSError as error:
        if is_new:
            store.delete(run)
        raise files.problem(error, str(run.spec_file)) from error


def keep_good_spec(run: Run) -> None:
    """Keep the specification in force, under which all is well, before another one takes its place."""
    with contextlib.suppress(OSError):  # a full disk: `why` cannot tell then what changed
        replace_file(run.good_spec_file, run.spec_file.read_bytes())


def write_previous(run: Run, services: Mapping[str, Service]) -> None:
    """Keep the definitions that were in force before the present ones, to go back to after a failed replacement."""
    if services:
        with contextlib.suppress(OSError):  # a full disk: this supervisor still knows them
            replace_file(run.folder / _PREVIOUS, json.dumps({n: to_json(s) for n, s in services.items()}).encode())


def read_previous(run: Run) -> dict[str, Service]:
    """Return the definitions that `write_previous` kept; none where they cannot be read."""
    try:
        body = json.loads((run.folder / _PREVIOUS).read_bytes())
        return {name: from_json(Service, service) for name, service in body.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
