"""`python -m devctl.tools fetch NAME… [--skip-file FILE] [--gently]`: the short-lived child that fetches tools.

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

from devctl.errors import DevctlError, ExitCode
from devctl.tools import finder
from devctl.tools.base import Progress, Silent

EVERY_SECONDS = 0.1
"""No tool reports progress more often, except when its stage changes."""

_GENTLY = 10


def main(arguments: list[str] | None = None) -> int:
    """Fetch the named tools one after the other and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devctl.tools")
    parser.add_argument("action", choices=["fetch"])
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--skip-file", type=Path, help="remembers the hosts that did not answer in this run")
    parser.add_argument("--gently", action="store_true", help="let everybody else have the processor first")
    asked = parser.parse_args(arguments)
    if asked.gently:
        os.nice(_GENTLY)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.INTERRUPTED))
    silent = _read(asked.skip_file)
    known = set(silent.hosts)
    try:
        tools = {name: finder.fetch(name, _Reporter(), silent).path for name in asked.names}
    except DevctlError as error:
        _say({"error": {"what": error.what, "where": error.where, "next": error.next}})
        return int(ExitCode.ENVIRONMENT)
    finally:
        if asked.skip_file and silent.hosts != known:
            _write(asked.skip_file, silent)
    _say({"tools": tools})
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
        _say(dataclasses.asdict(progress))


def _say(item: dict[str, object]) -> None:
    print(json.dumps(item), flush=True)


def _read(skip_file: Path | None) -> Silent:
    try:
        return Silent(set(json.loads(skip_file.read_text()))) if skip_file else Silent()
    except (OSError, ValueError):
        return Silent()


def _write(skip_file: Path, silent: Silent) -> None:
    scratch = skip_file.with_name(skip_file.name + ".new")
    scratch.write_text(json.dumps(sorted(silent.hosts)))
    scratch.replace(skip_file)


if __name__ == "__main__":
    sys.exit(main())
