"""`python -m devctl.products.prometheus.start`: becomes Prometheus, with the options that its version understands."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from devctl.products.prometheus.tools import ON_PATH
from devctl.tools import versions


def options(version: str) -> list[str]:
    """Return the options that depend on the version: exemplars, and taking OTLP where it can."""
    number = versions.numbers(version)
    if number >= (3,):
        return ["--enable-feature=exemplar-storage", "--web.enable-otlp-receiver"]
    if number >= (2, 47):
        return ["--enable-feature=exemplar-storage,otlp-write-receiver"]
    return ["--enable-feature=exemplar-storage"]


def main() -> None:
    """Ask the program for its version and become it."""
    parser = argparse.ArgumentParser(prog="python -m devctl.products.prometheus.start")
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--config", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--retention", required=True)
    parser.add_argument("--retention-size", required=True)
    arguments = parser.parse_args()
    version = versions.ask(arguments.program, ON_PATH.ask, ON_PATH.pattern)
    argv = [
        str(arguments.program),
        f"--config.file={arguments.config}",
        f"--storage.tsdb.path={arguments.data}",
        f"--storage.tsdb.retention.time={arguments.retention}",
        f"--storage.tsdb.retention.size={arguments.retention_size}",
        f"--web.listen-address={arguments.listen}",
        "--log.level=warn",
        *options(version),
    ]
    os.execv(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    main()
