"""The beginning of a run on disk: its folder, and the specification in force; a disk that refuses is reported."""

from __future__ import annotations

import json

from devctl.core.spec import Spec, to_json
from devctl.disk import replace_file
from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import Run
from devctl.supervisor import files


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
