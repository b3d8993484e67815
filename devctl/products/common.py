"""Small words that several recipes share."""

from __future__ import annotations

import json
from typing import Any

from devctl.core.spec import placeholder


def address(service: str, port: str) -> str:
    """Return the reference to HOST:PORT of a named port."""
    return placeholder(f"services.{service}.{port}")


def port_number(service: str, port: str) -> str:
    """Return the reference to the number of a named port."""
    return placeholder(f"services.{service}.{port}.port")


def json_text(document: Any, *, indent: int | None = 1) -> str:
    """Return JSON in which references stay what they are: JSON would write their NUL bytes as escapes."""
    return json.dumps(document, indent=indent).replace("\\u0000", "\0")
