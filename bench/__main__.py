"""Run every benchmark, or those that are named: `python -m bench [NAME]…`.

Each prints one line a figure. Figures of one run may be compared; those of different machines may not.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(names: list[str]) -> int:
    """Run the benchmarks one after the other; return 1 when one of them failed."""
    available = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
    if unknown := set(names) - set(available):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(available)}", file=sys.stderr)
        return 2
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} processors, load {_load()}")
    failed = [name for name in names or available if not _run(name)]
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return int(bool(failed))


def _run(name: str) -> bool:
    print(f"\n{name}", flush=True)
    return subprocess.run([sys.executable, "-m", f"bench.{name}"]).returncode == 0


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
