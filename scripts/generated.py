"""Writes every generated file of the project, or compares it with what is committed.

python -m scripts.generated --check | --write
"""

import subprocess
import sys

GENERATORS = (
    "devctl.manifest",
    "devctl.cli.line.reference",
    "services.contracts",
    "dashboards",
    "scripts.troubleshooting",
)


def main(arguments: list[str]) -> int:
    """Run each generator with --check or --write; return 1 when one of them differs or fails."""
    if arguments not in (["--check"], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 2
    results = [subprocess.run([sys.executable, "-m", module, *arguments]).returncode for module in GENERATORS]
    for module, code in zip(GENERATORS, results, strict=True):
        print(f"{'ok    ' if code == 0 else 'DIFFER'} {module}")
    return int(any(results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
