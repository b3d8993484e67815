"""The addresses of boards: the list, one board with its variables resolved, the data of one panel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from devctl.products.grafana.sources import LOG_KINDS, METRIC_KINDS, TRACE_KINDS
from devctl.web.board_json import link_json, listed, panel_json, variable_json
from devctl.web.boards import layout, variables
from devctl.web.boards.interpolation import Value, Values, fill, for_promql
from devctl.web.boards.library import Library, Loaded
from devctl.web.boards.model import Annotation, Board, Panel, Target
from devctl.web.boards.plain import text
from devctl.web.boards.variables import Resolved
from devctl.web.data import panel as panels
from devctl.web.data import shapes, transform
from devctl.web.data.labels import Labels
from devctl.web.data.panel import Answer, Moment
from devctl.web.data.prometheus import Prometheus, Refused
from devctl.web.data.selectors import Filter, filters
from devctl.web.data.times import TimeRange, aligned, seconds, step, time_range
from devctl.web.logql import logs_query
from devctl.web.marks import marks_of
from devctl.web.stack import Nothing, StackRecord

Query = Mapping[str, list[str]]
MOST_MARKS = 500
"""More marks over one time axis hide what they mark."""


class NotHere(Exception):
    """There is no such board or panel."""


class BoardApi:
    """Answers questions about boards."""

    def __init__(self, library: Library, prometheus: Prometheus, record: StackRecord | None) -> None:
        self._library = library
        self._prometheus = prometheus
        self._record = record
        self._labels = Labels(prometheus)

    def home(self) -> str:
        """Return the address that `/` leads to: the first board, or the list where there is none."""
        boards = [each.board for each in self._library.all() if each.board]
        overview = next((each for each in boards if "overview" in each.uid), None)
        return f"/d/{(overview or boards[0]).uid}" if boards else "/dashboards"

    def search(self, query: Query) -> list[dict[str, Any]]:
        """Return what Grafana's `/api/search` does, and files that are no boards with their reason."""
        wish = "".join(query.get("query", [])).lower()
        tags = set(query.get("tag", []))
        return [
            listed(each)
            for each in self._library.all()
            if each.board is None or (wish in each.board.title.lower() and tags <= set(each.board.tags))
        ]

    def document(self, uid: str) -> dict[str, Any]:
        """Return a board as it stands in its file."""
        loaded = self._loaded(uid)
        meta = {"slug": uid, "url": f"/d/{uid}", "provisioned": True, "canEdit": False, "canSave": False}
        return {"meta": {**meta, "type": "db", "folderTitle": ""}, "dashboard": loaded.document}

    async def board(self, uid: str, query: Query) -> dict[str, Any]:
        """Return a board with its variables resolved and its panels laid out."""
        loaded = self._loaded(uid)
        board = self._board(uid)
        span = _span(board, query)
        resolved = await self._resolve(board, query, span)
        values = _values(resolved, span)
        solo = "".join(query.get("viewPanel", [])).removeprefix("panel-")
        placed = layout.laid_out(board.panels, values)
        return {
            "uid": board.uid,
            "title": fill(board.title, values),
            "problem": f"{loaded.path.name} {loaded.problem}; the board stands as it was before"
            if loaded.problem
            else "",
            "description": board.description,
            "tags": list(board.tags),
            "schema": board.schema,
            "time": {"from": board.time_from, "to": board.time_to},
            "refresh": board.refresh,
            "crosshair": board.crosshair,
            "now": time.time(),
            "variables": [variable_json(each) for each in resolved],
            "links": [link_json(each, values, span) for each in board.links],
            "annotations": [{"name": each.name, "color": each.color} for each in board.annotations if each.is_enabled],
            "panels": [panel_json(each, values, span) for each in _solo(placed, solo)],
        }

    async def panel(self, uid: str, panel_id: str, query: Query) -> dict[str, Any]:
        """Return what one panel shows."""
        board = self._board(uid)
        span = _span(board, query)
        resolved = await self._resolve(board, query, span)
        values = _values(resolved, span)
        every = layout.flat(layout.laid_out(board.panels, values))
        panel = next((each for each in every if each.id == panel_id), None)
        if panel is None:
            raise NotHere(f"board {uid} has no panel {panel_id}")
        here = variables.scoped(values, panel.scope)
        moment = Moment(span, _points(query), await self._labels.scrape_seconds(), _filters(resolved))
        return await self._data(board, panel, panels.narrowed(panel, moment), here)

    async def annotations(self, uid: str, query: Query) -> list[dict[str, Any]]:
        """Return the marks over the time axis of a board."""
        board = self._board(uid)
        span = _span(board, query)
        values = _values(await self._resolve(board, query, span), span)
        asking = [self._marks(each, span, values) for each in board.annotations if each.is_enabled]
        return [mark for marks in await asyncio.gather(*asking) for mark in marks][:MOST_MARKS]

    async def _marks(self, annotation: Annotation, span: TimeRange, values: Values) -> list[dict[str, Any]]:
        width = step(span, panels.USUAL_POINTS, seconds(annotation.step, 5.0))
        moment = Moment(span)
        here = {**values, **panels.builtin(moment, width)}
        query = fill(annotation.expression, here, for_promql)
        whole = aligned(span, width)
        try:
            series = await self._prometheus.range(query, whole.start, whole.end, width)
        except Refused:
            return []
        return [mark for entry in series for mark in marks_of(annotation, entry, width)]

    async def _data(self, board: Board, panel: Panel, moment: Moment, values: Values) -> dict[str, Any]:
        if panel.kind == "text":
            return {"kind": "text"}
        kinds = {panels.kind_of(each.source, values) for each in panel.targets} or {
            panels.kind_of(panel.source, values)
        }
        if panel.kind in TRACE_KINDS or kinds & TRACE_KINDS:
            return await self._traces(panel, moment, values)
        if panel.kind in LOG_KINDS or kinds & LOG_KINDS:
            return await self._logs(panel, moment, values)
        targets, foreign = self._targets(board, panel, values)
        answer = await panels.ask(panel, targets, moment, values, self._prometheus)
        return _shown(panel, answer, foreign, moment)

    def _targets(self, board: Board, panel: Panel, values: Values) -> tuple[list[Target], list[str]]:
        """Return the queries that Prometheus can answer, and what is said of the others."""
        targets, foreign = [], []
        for each in panel.targets:
            kind = panels.kind_of(each.source, values)
            if kind in METRIC_KINDS:
                targets.append(each)
            elif kind in ("-- dashboard --", "datasource") and "panelId" in each.model:
                other = text(each.model["panelId"])
                targets += next((p.targets for p in layout.flat(board.panels) if p.id == other), ())
            elif not each.is_hidden:
                foreign.append(f"{each.ref}: the data source {kind} is not asked here")
        return targets, foreign

    async def _traces(self, panel: Panel, moment: Moment, values: Values) -> dict[str, Any]:
        if self._record is None:
            return {"kind": "traces", "traces": [], "problems": ["no stack's record is at hand"]}
        model = next((each.model for each in panel.targets), {})
        wish = {
            "service": fill(text(model.get("service")), values),
            "operation": fill(text(model.get("operation")), values),
            "min_ms": str(seconds(text(model.get("minDuration"))) * 1000),
            "limit": text(model.get("limit")) or "20",
            "errors": "true" if "error=true" in text(model.get("tags")) else "",
            **_nanoseconds(moment.span),
        }
        wish["service"] = "" if wish["service"].lower() == "all" else wish["service"]
        try:
            return {"kind": "traces", "traces": await asyncio.to_thread(self._record.traces, wish)}
        except Nothing as error:
            return {"kind": "traces", "traces": [], "problems": [str(error)]}

    async def _logs(self, panel: Panel, moment: Moment, values: Values) -> dict[str, Any]:
        if self._record is None:
            return {"kind": "logs", "lines": [], "problems": ["no stack's record is at hand"]}
        expression = next((fill(each.expression, values, for_promql) for each in panel.targets), "")
        services, wish = logs_query(expression)
        record = self._record
        lines = await asyncio.to_thread(record.lines, {**wish, **_nanoseconds(moment.span)}, services)
        return {"kind": "logs", **lines}

    def _loaded(self, uid: str) -> Loaded:
        loaded = self._library.find(uid)
        if loaded is None:
            raise NotHere(f"there is no board {uid}")
        return loaded

    def _board(self, uid: str) -> Board:
        board = self._loaded(uid).board
        assert board is not None
        return board

    async def _resolve(self, board: Board, query: Query, span: TimeRange) -> list[Resolved]:
        chosen = {name.removeprefix("var-"): values for name, values in query.items() if name.startswith("var-")}
        builtin = panels.builtin(Moment(span), step(span, panels.USUAL_POINTS, 5.0))
        return await variables.resolve(board.variables, chosen, builtin, self._labels.ask(span))


def _span(board: Board, query: Query) -> TimeRange:
    start = "".join(query.get("from", [])[-1:]) or board.time_from
    end = "".join(query.get("to", [])[-1:]) or board.time_to
    return time_range(start, end, time.time())


def _points(query: Query) -> int:
    width = "".join(query.get("points", [])[-1:])
    return min(max(int(width), 10), 4_000) if width.isdecimal() and len(width) < 6 else panels.USUAL_POINTS


def _values(resolved: Sequence[Resolved], span: TimeRange) -> dict[str, Value]:
    values = {each.variable.name: each.value for each in resolved}
    return panels.with_automatic(values, Moment(span))


def _filters(resolved: Sequence[Resolved]) -> list[Filter]:
    """Return the ad hoc filters that are chosen."""
    chosen = [each.value.values for each in resolved if each.variable.kind == variables.AD_HOC]
    return filters([value for values in chosen for value in values])


def _solo(placed: Sequence[Panel], id: str) -> Sequence[Panel]:
    """Return one panel alone where the address asks for it."""
    if not id:
        return placed
    return [each for each in layout.flat(placed) if each.id == id]


def _shown(panel: Panel, answer: Answer, foreign: list[str], moment: Moment) -> dict[str, Any]:
    frames, unknown = transform.transformed(answer.frames, panel.transformations)
    notices = [f"the transformation {name} is not applied here" for name in unknown]
    return {
        "kind": panel.kind,
        "span": [moment.span.start, moment.span.end],
        "step": answer.step,
        **shapes.shaped(panel, frames),
        "exemplars": answer.exemplars,
        "problems": [*answer.problems, *foreign],
        "empty": not frames,
        "notices": notices,
        "asked": answer.queries,
    }


def _nanoseconds(span: TimeRange) -> dict[str, str]:
    return {"since": str(int(span.start * 1e9)), "until": str(int(span.end * 1e9))}
