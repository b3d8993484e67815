"""Write the documents anew, or compare: `python -m services.contracts [--write | --check] [--allow-breaking]`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from services.contracts import asyncapi, openapi
from services.contracts.breaking import breaking_changes, breaking_events

FOLDER = Path(__file__).parent
EVENTS = "asyncapi.json"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; 1 when documents differ, or when a change would break a client."""
    parser = argparse.ArgumentParser(prog="python -m services.contracts", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="write the documents; the default")
    what.add_argument("--check", action="store_true", help="write nothing; fail where a document is out of date")
    parser.add_argument("--allow-breaking", action="store_true", help="write also what breaks clients")
    options = parser.parse_args(arguments)
    documents = {f"openapi/{name}.json": document for name, document in openapi.documents().items()}
    documents[EVENTS] = asyncapi.document()
    gone = [path for path in (FOLDER / "openapi").glob("*.json") if f"openapi/{path.name}" not in documents]
    broken = [line for name, document in documents.items() for line in _broken(name, document)]
    broken += [f"{path.stem}: the document is gone" for path in gone]
    for line in broken:
        print(f"breaking: {line}", file=sys.stderr)
    if options.check:
        return _check(documents, broken)
    if broken and not options.allow_breaking:
        print("nothing written: add a new version beside the old one, or say --allow-breaking", file=sys.stderr)
        return 1
    for name, document in documents.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_text(document))
    for path in gone:
        path.unlink()
    return 0


def _check(documents: dict[str, dict[str, Any]], broken: list[str]) -> int:
    stale = [name for name, document in documents.items() if _text(document) != _committed(name)]
    for name in stale:
        print(f"out of date: services/contracts/{name}; run `python -m services.contracts`", file=sys.stderr)
    return 1 if stale or broken else 0


def _broken(name: str, document: dict[str, Any]) -> list[str]:
    old = _committed(name)
    if not old:
        return []
    changes = breaking_events if name == EVENTS else breaking_changes
    return [f"{Path(name).stem}: {change}" for change in changes(json.loads(old), document)]


def _committed(name: str) -> str:
    path = FOLDER / name
    return path.read_text() if path.exists() else ""


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
