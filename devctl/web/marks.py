"""Annotations: the stretches of time in which a query of the board has a value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from devctl.web.boards.model import Annotation


def marks_of(annotation: Annotation, entry: Mapping[str, Any], width: float) -> list[dict[str, Any]]:
    """Return one mark for each stretch of time in which a series has a value."""
    labels = entry.get("metric", {})
    marks: list[dict[str, Any]] = []
    for moment, value in entry.get("values", ()):
        if float(value) == 0:
            continue
        at = float(moment)
        if marks and at - marks[-1]["end"] <= width * 1.5:
            marks[-1]["end"] = at
        else:
            marks.append({"time": at, "end": at, **_mark_text(annotation, labels)})
    return marks


def _mark_text(annotation: Annotation, labels: Mapping[str, str]) -> dict[str, Any]:
    def filled(template: str) -> str:
        return re.sub(r"\{\{\s*([\w.]+)\s*\}\}", lambda match: labels.get(match[1], ""), template)

    tags = [labels[each.strip()] for each in annotation.tags.split(",") if each.strip() in labels]
    title = filled(annotation.title) or annotation.name
    return {"name": annotation.name, "title": title, "text": filled(annotation.text), "tags": tags,
            "color": annotation.color}  # fmt: skip
