"""`python -m tests.reference build [NAME…]`: build the real programs; `paths`: print where they are;
`record NAME…`: run the scenarios of the conformance suites against them and keep what was seen.
"""

from __future__ import annotations

import sys
import time

from tests.reference.go_programs import PROGRAMS, GoProgram, NotBuildable, find_or_build
from tests.reference.recorder import record


def main(arguments: list[str]) -> int:
    """Build or list the reference programs; give the exit code."""
    if not arguments or arguments[0] not in ("build", "paths", "record"):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments[0] == "record":
        for name in arguments[1:]:
            print(record(name))
        return 0
    chosen = [program for program in PROGRAMS if not arguments[1:] or program.name in arguments[1:]]
    if arguments[0] == "paths":
        for program in chosen:
            print(program.name, program.path if program.path.exists() else "not built")
        return 0
    return max([_build(program) for program in chosen], default=2)


def _build(program: GoProgram) -> int:
    started = time.monotonic()
    try:
        path = find_or_build(program)
    except NotBuildable as reason:
        print(reason, file=sys.stderr)
        return 1
    print(f"{path} ({time.monotonic() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
