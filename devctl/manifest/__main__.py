"""`python -m devctl.manifest --write | --check`: the files that are generated from the manifest's model."""

from __future__ import annotations

import sys
from pathlib import Path

from devctl.manifest import schema


def main(arguments: list[str]) -> int:
    """Return 0 when the files are as they should be (or were written), 1 when one is stale, 2 for wrong usage."""
    if arguments not in (["--write"], ["--check"]):
        print("usage: python -m devctl.manifest --write | --check", file=sys.stderr)
        return 2
    texts = {schema.SCHEMA_FILE: schema.schema_text(), schema.PAGE_FILE: schema.reference_page()}
    stale = [name for name, text in texts.items() if _text(Path(name)) != text]
    for name in stale:
        if arguments == ["--write"]:
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(texts[name], "utf-8")
        print(f"{name} {'written' if arguments == ['--write'] else 'is stale: python -m devctl.manifest --write'}")
    return 1 if stale and arguments == ["--check"] else 0


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
