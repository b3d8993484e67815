"""The AsyncAPI document with the schemas of its events inside: one file, for tools that follow no references."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def document() -> dict[str, Any]:
    """Read `asyncapi.yaml`, and put each schema that it points at in its place."""
    import yaml

    document_text: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())
    for message in document_text["components"]["messages"].values():
        message["payload"] = json.loads((FOLDER / message["payload"]["$ref"]).read_text())
    return document_text
