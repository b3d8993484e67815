"""Boards of the viewer's tests: one with every kind of panel and most options, one that means harm."""

from __future__ import annotations

from typing import Any

BELOW = {"x": 0, "y": 1000, "w": 24, "h": 1}
SOURCE = {"type": "prometheus", "uid": "$source"}
THRESHOLDS = {
    "mode": "absolute",
    "steps": [{"value": None, "color": "green"}, {"value": 15, "color": "orange"}, {"value": 30, "color": "red"}],
}
MAPPINGS = [
    {"type": "value", "options": {"0": {"text": "none", "color": "blue"}}},
    {"type": "range", "options": {"from": 5, "to": 20, "result": {"text": "low"}}},
    {"type": "regex", "options": {"pattern": "^x.*", "result": {"text": "ex"}}},
    {"type": "special", "options": {"match": "null", "result": {"text": "no value"}}},
]
DRAWN = {
    "lines": (
        "timeseries",
        {},
        {"custom": {"lineInterpolation": "smooth", "gradientMode": "opacity", "fillOpacity": 20}},
    ),
    "stacked": ("timeseries", {}, {"custom": {"stacking": {"mode": "normal"}, "fillOpacity": 30}}),
    "percent": ("timeseries", {}, {"custom": {"stacking": {"mode": "percent"}, "fillOpacity": 60}, "unit": "percent"}),
    "bars": ("timeseries", {"legend": {"placement": "right"}}, {"custom": {"drawStyle": "bars", "fillOpacity": 80}}),
    "points": ("timeseries", {"tooltip": {"mode": "single"}}, {"custom": {"drawStyle": "points", "pointSize": 6}}),
    "steps": (
        "timeseries",
        {},
        {"custom": {"lineInterpolation": "stepAfter", "lineStyle": {"fill": "dash"}}, "unit": "s"},
    ),
    "thresholds": ("timeseries", {}, {"custom": {"thresholdsStyle": {"mode": "line+area"}}, "thresholds": THRESHOLDS}),
    "log": ("timeseries", {}, {"custom": {"scaleDistribution": {"type": "log", "log": 10}}, "unit": "bytes"}),
    "right": ("timeseries", {}, {"custom": {"axisPlacement": "right", "axisLabel": "to the right"}}),
    "number": ("stat", {"graphMode": "area", "colorMode": "background"}, {"thresholds": THRESHOLDS, "unit": "percent"}),
    "names": ("stat", {"textMode": "value_and_name", "graphMode": "none"}, {"mappings": MAPPINGS}),
    "dial": ("gauge", {}, {"thresholds": THRESHOLDS, "min": 0, "max": 50}),
    "across": ("bargauge", {"orientation": "horizontal", "displayMode": "lcd"}, {"thresholds": THRESHOLDS}),
    "up": ("bargauge", {"orientation": "vertical", "displayMode": "basic"}, {"unit": "short", "max": 50}),
    "upright": ("barchart", {"stacking": "normal"}, {}),
    "lying": ("barchart", {"orientation": "horizontal"}, {"unit": "ms"}),
    "counted": ("histogram", {}, {}),
    "shares": ("piechart", {"pieType": "donut"}, {}),
    "states": ("state-timeline", {"mergeValues": True}, {"thresholds": THRESHOLDS, "color": {"mode": "thresholds"}}),
    "history": ("status-history", {}, {"mappings": MAPPINGS}),
}
LACKING = (
    "geomap",
    "canvas",
    "nodeGraph",
    "flamegraph",
    "candlestick",
    "xychart",
    "news",
    "grafana-clock-panel",
    "trend",
)


def panel(
    id: int, title: str, kind: str, *, expr: str = 'requests{service=~"$service"}', **more: Any
) -> dict[str, Any]:
    target = {"refId": "A", "expr": expr, "legendFormat": "{{service}}", **more.pop("target", {})}
    position = {"x": id % 3 * 8, "y": id // 3 * 7, "w": 8, "h": 7}
    return {
        "id": id,
        "title": title,
        "type": kind,
        "datasource": SOURCE,
        "targets": [target],
        "gridPos": position,
        **more,
    }


def every_kind() -> dict[str, Any]:
    """Return a board with every kind of panel."""
    panels = [
        panel(number, title, kind, options=options, fieldConfig={"defaults": defaults, "overrides": []})
        for number, (title, (kind, options, defaults)) in enumerate(DRAWN.items(), 1)
    ]
    table = {"format": "table", "instant": True}
    organize = {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"service": "Who"}}}
    colored = {
        "matcher": {"id": "byName", "options": "Value"},
        "properties": [
            {"id": "custom.cellOptions", "value": {"type": "color-background"}},
            {"id": "links", "value": [{"title": "Board", "url": "/d/every?var-service=${__data.fields.Who}"}]},
        ],
    }
    config = {"defaults": {"unit": "short", "thresholds": THRESHOLDS}, "overrides": [colored]}
    panels += [
        panel(40, "table", "table", target=table, transformations=[organize], fieldConfig=config),
        panel(41, "unknown step", "table", target=table, transformations=[{"id": "regression"}]),
        panel(42, "heat", "heatmap", expr="requests_bucket", target={"format": "heatmap", "legendFormat": "{{le}}"}),
        panel(43, "words", "text", targets=[], options={"mode": "markdown", "content": MARKDOWN}),
        panel(44, "boards", "dashlist", targets=[], options={"tags": []}),
        panel(45, "alerts", "alertlist", targets=[]),
        panel(46, "wrong", "timeseries", expr="syntax error"),
        panel(47, "empty", "timeseries", expr="nothing"),
        panel(48, "of $service", "stat", repeat="service", repeatDirection="h"),
    ]
    panels += [panel(60 + number, kind, kind) for number, kind in enumerate(LACKING)]
    row = {
        "id": 80,
        "type": "row",
        "title": "closed",
        "collapsed": True,
        "gridPos": {"x": 0, "y": 999, "w": 24, "h": 1},
    }
    return {
        "uid": "every",
        "title": "Every kind",
        "schemaVersion": 42,
        "graphTooltip": 1,
        "time": {"from": "now-15m", "to": "now"},
        "refresh": "",
        "links": [{"title": "Others", "type": "dashboards", "asDropdown": True, "keepTime": True, "includeVars": True}],
        "annotations": {"list": [{"name": "Marks", "expr": "requests", "datasource": SOURCE, "iconColor": "purple"}]},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus"},
                {"name": "service", "type": "query", "query": "label_values(service)", "multi": True,
                 "includeAll": True, "datasource": SOURCE, "current": {"value": ["$__all"]}},
                {"name": "every", "type": "interval", "query": "1m,5m", "auto": True},
                {"name": "level", "type": "custom", "query": "Low : 1, High : 9", "current": {"value": "9"}},
            ]
        },
        "panels": [*panels, {**row, "panels": [panel(81, "inside", "stat")]}, {**row, "id": 90, "gridPos": BELOW}],
    }  # fmt: skip


MARKDOWN = """# A head
Some **bold** and `code` of $service, a [link](/d/every) and <br> more.

- one
- two

| a | b |
|---|---|
| 1 | 2 |
"""

SCRIPT = "<script>window.harm = 1</script>"
IMAGE = '<img src="http://198.51.100.1/x.png" onerror="window.harm = 2">'
LINK = "javascript:window.harm=3"


def hostile() -> dict[str, Any]:
    """Return a board that would run a script or call another host wherever it could."""
    evil = SCRIPT + IMAGE
    html = (
        f"{evil}<a href='{LINK}' onclick='window.harm=4'>click</a><svg onload='window.harm=5'></svg>"
        "<iframe src='http://198.51.100.1/'></iframe><style>@import 'http://198.51.100.1/x.css';</style>"
        "<p style='background:url(http://198.51.100.1/)'>styled</p><form action='http://198.51.100.1/'></form>"
    )
    links = [{"title": evil, "url": LINK, "type": "link"}, {"title": "data", "url": "data:text/html,x", "type": "link"}]
    config = {
        "defaults": {
            "unit": evil,
            "displayName": evil,
            "links": links,
            "mappings": [{"type": "regex", "options": {"pattern": "(a+)+$", "result": {"text": evil, "color": evil}}}],
            "color": {"mode": "fixed", "fixedColor": f"url(http://198.51.100.1/) {evil}"},
            "thresholds": {"steps": [{"value": "x", "color": evil}, 7]},
            "custom": {"axisLabel": evil, "lineWidth": "wide", "lineStyle": 3, "stacking": "x", "hideFrom": 1},
        },
        "overrides": [
            {"matcher": {"id": "byRegexp", "options": "(((("}, "properties": [{"id": evil, "value": evil}, 1]}
        ],
    }
    kinds = (
        "timeseries",
        "stat",
        "gauge",
        "bargauge",
        "barchart",
        "table",
        "heatmap",
        "state-timeline",
        "piechart",
        evil,
    )
    panels: list[Any] = [
        panel(
            number,
            evil,
            kind,
            description=evil,
            links=links,
            fieldConfig=config,
            options={"legend": evil, "content": evil},
        )
        for number, kind in enumerate(kinds, 1)
    ]
    panels += [
        panel(30, "html", "text", targets=[], options={"mode": "html", "content": html}),
        panel(
            31,
            "markdown",
            "text",
            targets=[],
            options={"content": f"[x]({LINK}) ![y](http://198.51.100.1/y.png) {evil}"},
        ),
    ]
    variable = {"name": "v", "label": evil, "type": "custom", "query": f"{evil},b", "current": {"value": evil}}
    return {
        "uid": "hostile", "title": evil, "description": evil, "tags": [evil], "links": links, "panels": panels,
        "templating": {"list": [variable]},
    }  # fmt: skip
