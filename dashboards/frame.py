"""What every board has alike: data source variable, links to the others, time range, tags, fixed uid."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as board
from grafana_foundation_sdk.models import dashboard as model

from dashboards.links import stable_id, traces_url
from dashboards.panels import BLUE, ORANGE, PROMETHEUS, PURPLE, RED, PanelBuilder

TAG = "shop"
REQUESTS = "http_server_request_duration_seconds"
FAILED = 'http_response_status_code=~"5.."'
BUDGET = 0.005
"""The share of requests that may fail: the objective is 99.5 %."""
MARKS = (
    ("Restarts", ORANGE, "sum by (service) (increase(devctl_service_restarts_total[$__rate_interval])) > 0",
     "{{service}} restarted", "service"),
    ("Wire faults", PURPLE, "sum by (service, fault, kind) (devctl_relay_faults) > 0",
     "{{kind}} on the wire of {{service}}", "service,fault"),
    ("Alerts", RED, 'sum by (alertname, service, severity) (ALERTS{alertstate="firing"}) > 0',
     "{{alertname}} {{service}}", "severity"),
    ("New versions", BLUE,
     "count by (upstream, version) (shop_gateway_served_total)"
     " unless count by (upstream, version) (shop_gateway_served_total offset 2m)",
     "{{upstream}} version {{version}}", "upstream,version"),
)  # fmt: skip
"""What is marked over the time axes of every board: name, colour, query, title, labels shown as tags."""
Panels = list[PanelBuilder]
"""Panels side by side, in their order on the board."""


def frame(uid: str, title: str, description: str) -> board.Dashboard:
    """Return an empty board that nobody edits in place: it comes from the repository."""
    made = (
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
            .url(traces_url())
            .target_blank(True)
        )
    )
    for name, color, expression, text, tags in MARKS:
        made.annotation(_mark(name, color, expression, text, tags))
    return made


def _mark(name: str, color: str, expression: str, text: str, tags: str) -> board.AnnotationQuery:
    return (
        board.AnnotationQuery()
        .name(name)
        .datasource(PROMETHEUS)
        .enable(True)
        .icon_color(color)
        .expr(expression)
        .title_format(text)
        .tag_keys(tags)
        .step("15s")
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


def arrange(made: board.Dashboard, *items: PanelBuilder | str) -> board.Dashboard:
    """Arrange the panels on the board from left to right and top to bottom; a text begins a row of that title."""
    for item in items:
        if isinstance(item, str):
            made.with_row(board.Row(item).id(stable_id("row", item)))
        else:
            made.with_panel(item.id(stable_id("panel", item.build().title or "")))
    return made
