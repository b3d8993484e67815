"""The few kinds of panel that all boards are made of, each with a unit, a description and sound defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, heatmap, loki, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.builders import logs as logs_panel
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models import prometheus as query_model

from dashboards.links import traces_url

PROMETHEUS = common_model.DataSourceRef(type_val="prometheus", uid="$datasource")
TRACES = common_model.DataSourceRef(type_val="jaeger", uid="jaeger")
LOGS = common_model.DataSourceRef(type_val="loki", uid="loki")
GREEN, YELLOW, RED, BLUE, ORANGE, PURPLE = "green", "yellow", "red", "blue", "orange", "purple"
HEIGHT = 8
WIDTH = 12

Query = tuple[str, str]
"""PromQL and the legend of its series."""
Step = tuple[float | None, str]
"""From which value on (None = from the start) which colour."""
PanelBuilder = timeseries.Panel | stat.Panel | bargauge.Panel | heatmap.Panel | table.Panel | logs_panel.Panel
_Linked = TypeVar("_Linked", timeseries.Panel, stat.Panel, bargauge.Panel, heatmap.Panel, table.Panel)


def to_traces(panel: _Linked, service: str) -> _Linked:
    """Let each point of a panel lead to the traces of a service around it."""
    link = board.DashboardLink("Traces").type(model.DashboardLinkType.LINK).url(traces_url(service)).target_blank(True)
    panel.data_links([link])
    return panel


def _target(query: Query, number: int, *, exemplars: bool = False) -> prometheus.Dataquery:
    expression, legend = query
    target = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number)).range()
    return target.exemplar(True) if exemplars else target


def _instant(query: Query, number: int) -> prometheus.Dataquery:
    expression, legend = query
    target = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number)).instant()
    return target.format(query_model.PromQueryFormat.TABLE)


def steps(*marks: Step) -> board.ThresholdsConfig:
    """Return thresholds: colours from given values on."""
    made = [model.Threshold(value=value, color=color) for value, color in marks]
    return board.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


def series(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = WIDTH,
    stacked: bool = False,
    exemplars: bool = False,
    marks: Sequence[Step] = (),
) -> timeseries.Panel:
    """Return lines over time. With `exemplars` points lead to their traces."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(25 if stacked else 8)
        .show_points(common_model.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.TABLE)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
        .span(width)
        .height(HEIGHT)
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
    if marks:
        panel.thresholds(steps(*marks))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.DASHED))
    for number, query in enumerate(queries):
        panel.with_target(_target(query, number, exemplars=exemplars))
    for label in ("service", "group"):  # a consumer group is named as its service
        if all(f"{{{{{label}}}}}" in legend for _, legend in queries):
            return to_traces(panel, f"${{__field.labels.{label}}}")
    return panel


def number(
    title: str, description: str, unit: str, expression: str, *marks: Step, width: int = 4, empty: str = "0"
) -> stat.Panel:
    """Return one number now, coloured by `marks`; `empty` is shown where there is no series."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .no_value(empty)
        .thresholds(steps(*(marks or ((None, BLUE),))))
        .color_mode(common_model.BigValueColorMode.VALUE)
        .graph_mode(common_model.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target((expression, ""), 0))
        .span(width)
        .height(4)
    )


def bars(title: str, description: str, unit: str, query: Query, width: int = WIDTH) -> bargauge.Panel:
    """Return one bar for each series, with its value now."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .min(0)
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .display_mode(common_model.BarGaugeDisplayMode.GRADIENT)
        .thresholds(steps((None, BLUE)))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(query, 0))
        .span(width)
        .height(HEIGHT)
    )


def heat_map(title: str, description: str, unit: str, expression: str, width: int = WIDTH) -> heatmap.Panel:
    """Return the buckets of a histogram over time; `expression` keeps the label `le`."""
    target = prometheus.Dataquery().expr(expression).legend_format("{{le}}").ref_id("A").range().exemplar(True)
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .color(heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Spectral").steps(64))
        .with_target(target.format(query_model.PromQueryFormat.HEATMAP))
        .span(width)
        .height(HEIGHT)
    )


def listing(title: str, description: str, unit: str, query: Query, width: int = WIDTH) -> table.Panel:
    """Return a table of the series now: one row each, their labels and value."""
    hidden = {"Time": True, "job": True, "__name__": True}
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .with_target(_instant(query, 0))
        .with_transformation(model.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden}))
        .span(width)
        .height(HEIGHT)
    )


def log_lines(title: str, description: str, query: str, width: int = WIDTH) -> logs_panel.Panel:
    """Return the log lines that a LogQL query chooses."""
    return (
        logs_panel.Panel()
        .title(title)
        .description(description)
        .datasource(LOGS)
        .unit("short")
        .show_time(True)
        .wrap_log_message(True)
        .with_target(loki.Dataquery().expr(query).ref_id("A"))
        .span(width)
        .height(HEIGHT)
    )


def slow_traces(title: str, description: str, service: str, at_least: str, width: int = WIDTH) -> table.Panel:
    """Return the traces of a service that took so long."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(TRACES)
        .unit("short")
        .with_target(_TraceSearch(service, at_least))
        .span(width)
        .height(HEIGHT)
    )


class _TraceSearch(variants.Dataquery, Builder[variants.Dataquery]):
    """A search of Jaeger, of which the SDK has no model."""

    def __init__(self, service: str, at_least: str) -> None:
        self._service, self._at_least = service, at_least

    def build(self) -> variants.Dataquery:
        return self

    def to_json(self) -> dict[str, Any]:
        search = {"refId": "A", "queryType": "search", "service": self._service}
        return {**search, "minDuration": self._at_least, "limit": 20}
