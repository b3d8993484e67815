"""The few kinds of panel that all boards are made of, each with a unit, a description and sound defaults."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge, common, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models import prometheus as query_model

PROMETHEUS = common_model.DataSourceRef(type_val="prometheus", uid="$datasource")
GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"
HEIGHT = 8
WIDTH = 12

Query = tuple[str, str]
"""PromQL and the legend of its series."""
Step = tuple[float | None, str]
"""From which value on (None = from the start) which colour."""


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
