"""What every board has alike: data source variable, links to the others, time range, tags, fixed uid."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.panels import PROMETHEUS

TAG = "shop"
REQUESTS = "http_server_request_duration_seconds"
FAILED = 'http_response_status_code=~"5.."'
BUDGET = 0.005
"""The share of requests that may fail: the objective is 99.5 %."""
Panels = list[Builder[model.Panel]]
"""Panels side by side, in their order on the board."""


def frame(uid: str, title: str, description: str) -> board.Dashboard:
    """Return an empty board that nobody edits in place: it comes from the repository."""
    return (
        board.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time("now-15m", "now")
        .refresh("10s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(board.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(
            board.DashboardLink("Boards")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        .link(
            board.DashboardLink("Traces")
            .type(model.DashboardLinkType.LINK)
            .icon("external link")
            .url('/explore?left={"datasource":"jaeger","queries":[{"queryType":"search"}]}')
            .target_blank(True)
        )
    )


def service_variable() -> board.QueryVariable:
    """Return the variable `service`: every service that answers HTTP."""
    return (
        board.QueryVariable("service")
        .label("Service")
        .query("label_values(http_server_request_duration_seconds_count, service)")
        .datasource(PROMETHEUS)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .include_all(True)
        .multi(True)
        .all_value(".*")
    )


def arrange(made: board.Dashboard, *items: Builder[model.Panel] | str) -> board.Dashboard:
    """Arrange the panels on the board from left to right and top to bottom; a text begins a row of that title."""
    for item in items:
        if isinstance(item, str):
            made.with_row(board.Row(item))
        else:
            made.with_panel(item)
    return made
