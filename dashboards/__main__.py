"""`python -m dashboards --write | --check`: writes the JSON of the boards, or checks whether it is up to date."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import warnings
from pathlib import Path

FOLDER = Path(__file__).parent
BOARDS = ("shop_overview", "gateway", "service", "kafka_events", "order_saga", "devctl", "slo")


def built() -> dict[Path, str]:
    """Return the text of every board by its file."""
    with warnings.catch_warnings():
        # The classic model is meant: Grafana takes no other from provisioned files.
        warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
        return dict(map(_built, BOARDS))


def _built(name: str) -> tuple[Path, str]:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    board = importlib.import_module(f"dashboards.{name}").build().build()
    plain = json.loads(JSONEncoder().encode(board))
    return FOLDER / f"{board.uid}.json", json.dumps(plain, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write or compare; 1 when a file is not what the code makes."""
    parser = argparse.ArgumentParser(prog="python -m dashboards")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true")
    what.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wrong = [path for path, text in built().items() if not path.exists() or path.read_text() != text]
    if options.write:
        for path in wrong:
            path.write_text(built()[path])
        return 0
    for path in wrong:
        print(f"{path.name} is not what dashboards/ makes: run python -m dashboards --write", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
