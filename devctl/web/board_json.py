"""Boards, panels, variables and links in the shapes that the page reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devctl.web.boards import variables
from devctl.web.boards.interpolation import Values, fill, with_queryparams
from devctl.web.boards.library import Loaded
from devctl.web.boards.model import Panel
from devctl.web.boards.plain import flag, items, text
from devctl.web.boards.variables import Resolved
from devctl.web.data import panel as panels
from devctl.web.data.panel import Moment
from devctl.web.data.times import TimeRange
from devctl.web.drawn import DRAWN


def panel_json(panel: Panel, values: Values, span: TimeRange) -> dict[str, Any]:
    """Return a panel, or a row with its panels."""
    here = variables.scoped(values, panel.scope)
    return {
        "id": panel.id,
        "kind": panel.kind,
        "title": fill(panel.title, here),
        "description": fill(panel.description, here),
        "grid": [panel.grid.x, panel.grid.y, panel.grid.w, panel.grid.h],
        "transparent": panel.is_transparent,
        "collapsed": panel.is_collapsed,
        "drawn": panel.kind in DRAWN,
        "options": _options(panel, here),
        "defaults": panel.defaults,
        "links": [link_json(each, here, span) for each in panel.links],
        "time": panel.time_from or panel.time_shift,
        "panels": [panel_json(each, values, span) for each in panel.panels],
    }


def _options(panel: Panel, values: Values) -> Mapping[str, Any]:
    """Return a panel's options; those of a text have their variables filled in."""
    if panel.kind != "text":
        return panel.options
    return {**panel.options, "content": fill(text(panel.options.get("content")), values)}


def listed(loaded: Loaded) -> dict[str, Any]:
    """Return a board as Grafana's search lists it; a file that is none with its reason."""
    board = loaded.board
    if board is None:
        return {"uid": "", "title": loaded.path.name, "type": "broken", "problem": loaded.problem}
    kept: dict[str, Any] = {
        "uid": board.uid,
        "title": board.title,
        "tags": list(board.tags),
        "description": board.description,
    }
    kept |= {"problem": loaded.problem} if loaded.problem else {}
    return {**kept, "uri": f"db/{board.uid}", "url": f"/d/{board.uid}", "type": "dash-db", "isStarred": False}


def variable_json(resolved: Resolved) -> dict[str, Any]:
    """Return a variable with its choices."""
    variable, value = resolved.variable, resolved.value
    return {
        "name": variable.name,
        "label": variable.label,
        "kind": variable.kind,
        "hide": variable.hide,
        "multi": variable.is_multi,
        "all": variable.includes_all,
        "isAll": value.is_all,
        "values": [] if value.is_all else list(value.values),
        "text": value.text,
        "options": [[option.text, option.value] for option in resolved.options],
        "problem": resolved.problem,
    }


def link_json(link: Mapping[str, Any], values: Values, span: TimeRange) -> dict[str, Any]:
    """Return a link with its variables filled in, and with time and variables where it takes them along."""
    url = fill(text(link.get("url")), {**values, **panels.builtin(Moment(span), 5.0)})
    url = url.replace("${__all_variables}", with_queryparams(values))
    return {
        "title": fill(text(link.get("title")), values),
        "kind": text(link.get("type")) or "link",
        "url": url,
        "tags": [text(each) for each in items(link.get("tags"))],
        "dropdown": flag(link.get("asDropdown")),
        "keepTime": flag(link.get("keepTime")),
        "includeVars": flag(link.get("includeVars")),
        "blank": flag(link.get("targetBlank")),
        "tooltip": text(link.get("tooltip")),
    }
