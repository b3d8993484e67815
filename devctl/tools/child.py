"""The short-lived child that fetches tools: `python -m devctl.products fetch NAME… [--skip-file FILE] [--gently]`.

Standard output is JSON lines: progress, then `{"tools": {NAME: PATH}}` or `{"error": {what, where, next}}`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path

from devctl.disk import replace_file
from devctl.errors import DevctlError, ExitCode
from devctl.tools.base import Progress, UnreachableHosts
from devctl.tools.finder import Toolbox

EVERY_SECONDS = 0.1
"""No tool reports progress more often, except when its stage changes."""

_GENTLE_NICENESS = 10
"""Halfway to the lowest priority: services that start at the same time come first, but it gets on."""


def main(toolbox: Toolbox, arguments: list[str] | None = None) -> int:
    """Fetch the named tools one after the other and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devctl.products")
    parser.add_argument("action", choices=["fetch"])
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--skip-file", type=Path, help="remembers the hosts that did not answer in this run")
    parser.add_argument("--gently", action="store_true", help="let everybody else have the processor first")
    options = parser.parse_args(arguments)
    if options.gently:
        os.nice(_GENTLE_NICENESS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.INTERRUPTED))
    unreachable = _read(options.skip_file)
    before = set(unreachable.hosts)
    try:
        tools = {name: toolbox.fetch(name, _Reporter(), unreachable).path for name in options.names}
    except DevctlError as error:
        _print({"error": {"what": error.what, "where": error.where, "next": error.next}})
        return int(ExitCode.ENVIRONMENT)
    finally:
        if options.skip_file and unreachable.hosts != before:
            _write(options.skip_file, unreachable)
    _print({"tools": tools})
    return int(ExitCode.OK)


class _Reporter:
    """Prints progress, but not more often than a person can read it."""

    def __init__(self) -> None:
        self._stage = ""
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        done = progress.total and progress.bytes >= progress.total
        if progress.stage == self._stage and now < self._next and not done:
            return
        self._stage, self._next = progress.stage, now + EVERY_SECONDS
        _print(dataclasses.asdict(progress))


def _print(item: dict[str, object]) -> None:
    print(json.dumps(item), flush=True)


def _read(skip_file: Path | None) -> UnreachableHosts:
    try:
        return UnreachableHosts(set(json.loads(skip_file.read_text()))) if skip_file else UnreachableHosts()
    except (OSError, ValueError):
        return UnreachableHosts()


def _write(skip_file: Path, unreachable: UnreachableHosts) -> None:
    replace_file(skip_file, json.dumps(sorted(unreachable.hosts)))
