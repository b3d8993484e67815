"""`python -m devctl.products.jaeger.start`: becomes Jaeger. 1.x reads its environment, 2.x the configuration file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from devctl.products.jaeger.tools import JAEGER
from devctl.tools import versions


def is_second(program: Path) -> bool:
    """Tell Jaeger 2 from an all-in-one 1.x, by its name or else its version."""
    if "all-in-one" in program.name:
        return False
    on_path = JAEGER.on_path
    assert on_path is not None
    return versions.numbers(versions.ask(program, on_path.ask, on_path.pattern))[:1] != (1,)


def main() -> None:
    """Become the program."""
    parser = argparse.ArgumentParser(prog="python -m devctl.products.jaeger.start")
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--config", required=True)
    options = parser.parse_args()
    argv = [str(options.program)]
    if is_second(options.program):
        argv.append(f"--config=file:{options.config}")
    os.execv(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    main()
