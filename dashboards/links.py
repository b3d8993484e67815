"""Where links of boards lead, and the ids that links to panels rest on."""

from __future__ import annotations

import json
import re
import zlib
from urllib.parse import quote

_LARGEST_ID = 1 << 31


def traces_url(service: str = "") -> str:
    """Return the address of the traces of a service in the time range of the board; devctl's viewer reads it, too."""
    search = {"refId": "A", "queryType": "search", **({"service": service} if service else {})}
    pane = {"datasource": "jaeger", "queries": [search], "range": {"from": "${__from}", "to": "${__to}"}}
    panes = json.dumps({"traces": pane}, separators=(",", ":"))
    # Grafana fills in its variables after the address was made: their signs stay as they are.
    parts = re.split(r"(\$\{[^}]*\})", panes)
    return "/explore?schemaVersion=1&panes=" + "".join(part if part[:2] == "${" else quote(part) for part in parts)


def stable_id(kind: str, title: str) -> int:
    """Return the id of a panel or row: the same whatever stands beside it, so that links to it stay right."""
    return zlib.crc32(f"{kind} {title}".encode()) % _LARGEST_ID or 1
