"""`python -m devctl.products.grafana.start`: becomes Grafana, after its admin password is made."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from devctl.products import secret

SHARE_FOLDERS = ("/usr/share/grafana", "/opt/homebrew/share/grafana", "/usr/local/share/grafana")


def home_of(program: Path) -> Path:
    """Return the folder with Grafana's own `conf` and `public`."""
    beside = [program.resolve().parent.parent, program.resolve().parent.parent / "share" / "grafana"]
    for folder in (*beside, *map(Path, SHARE_FOLDERS)):
        if (folder / "conf" / "defaults.ini").is_file():
            return folder
    raise SystemExit(f"{program} has no conf/defaults.ini near it; reinstall Grafana")


def main() -> None:
    """Make the password at need and become the program; everything else stands in the environment."""
    parser = argparse.ArgumentParser(prog="python -m devctl.products.grafana.start")
    parser.add_argument("--program", required=True, type=Path)
    parser.add_argument("--password", required=True, type=Path, metavar="FILE")
    options = parser.parse_args()
    secret.password(options.password)
    argv = [str(options.program), "server", "--homepath", str(home_of(options.program))]
    os.execv(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    main()
