"""The parts of Grafana's own HTTP API that links and scripts use: health, and queries of Prometheus as data frames."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import devctl
from devctl.products.grafana.sources import METRIC_KINDS
from devctl.web.boards.classic import target
from devctl.web.boards.model import DataSource, Grid, Panel
from devctl.web.boards.plain import objects, text, whole
from devctl.web.data import panel
from devctl.web.data.frames import TIME, Field, Frame
from devctl.web.data.prometheus import Prometheus
from devctl.web.data.times import time_range

MOST_QUERIES = 100


def health(name: str) -> dict[str, Any]:
    """Return what `/api/health` says; `database` is Grafana's word for being well."""
    return {"database": "ok", "version": devctl.__version__, "commit": "", "viewer": name}


async def query(body: Mapping[str, Any], prometheus: Prometheus) -> dict[str, Any]:
    """Answer `POST /api/ds/query` for Prometheus: `{results: {REF: {status, frames}}}`."""
    span = time_range(text(body.get("from")) or "now-1h", text(body.get("to")) or "now", time.time())
    models = objects(body.get("queries"))[:MOST_QUERIES]
    answers = await asyncio.gather(*(_answered(number, model, span, prometheus) for number, model in enumerate(models)))
    return {"results": {ref: answer for each in answers for ref, answer in each.items()}}


async def _answered(number: int, model: Mapping[str, Any], span: Any, prometheus: Prometheus) -> dict[str, Any]:
    wish = target(model, DataSource(), number)
    if panel.kind_of(wish.source, {}) not in METRIC_KINDS:
        return {wish.ref: {"status": 400, "error": f"{wish.source.kind}: only Prometheus is asked here"}}
    points = whole(model.get("maxDataPoints"), panel.USUAL_POINTS, 1, 11_000)
    bare = Panel("0", "timeseries", "", Grid(0, 0, 24, 8))
    answer = await panel.ask(bare, [wish], panel.Moment(span, points), {}, prometheus)
    if answer.problems:
        return {wish.ref: {"status": 400, "error": "; ".join(answer.problems), "frames": []}}
    return {wish.ref: {"status": 200, "frames": [_frame(frame) for frame in answer.frames]}}


def _frame(frame: Frame) -> dict[str, Any]:
    return {
        "schema": {"refId": frame.ref, "fields": [_field(each) for each in frame.fields]},
        "data": {"values": [_values(each) for each in frame.fields]},
    }


def _field(field: Field) -> dict[str, Any]:
    config = {"displayNameFromDS": field.display} if field.display else {}
    return {"name": field.name, "type": field.kind, "labels": dict(field.labels), "config": config}


def _values(field: Field) -> list[Any]:
    return [round(each * 1000) for each in field.values] if field.kind == TIME else list(field.values)
