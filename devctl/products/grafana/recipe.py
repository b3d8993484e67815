"""Grafana: on loopback, with a random password per stack, viewers without one, and no calls home."""

from __future__ import annotations

from dataclasses import dataclass

from devctl.core.spec import Check, CheckKind, File, Port, Variant, reference
from devctl.core.status import Kind
from devctl.products.base import Context, Recipe
from devctl.products.common import address

QUIET = {
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
    "GF_SECURITY_DISABLE_GRAVATAR": "true",
    "GF_UNIFIED_ALERTING_ENABLED": "false",
    "GF_LOG_LEVEL": "warn",
}
ACCESS = {
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    "GF_USERS_ALLOW_SIGN_UP": "false",
    "GF_SECURITY_COOKIE_SAMESITE": "strict",
}
BOARDS = """\
apiVersion: 1
providers:
  - name: boards
    type: file
    editable: false
    allowUiUpdates: false
    options: {path: $DASHBOARDS_FOLDER}
"""
SOURCES = """\
apiVersion: 1
datasources:
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of Grafana."""

    dashboards: str = ""
    """A folder of boards beside the manifest."""
    provisioning: str = ""
    """A provisioning folder beside the manifest, in Grafana's form. In its files `$PROMETHEUS_URL`, `$JAEGER_URL`
    and `$DASHBOARDS_FOLDER` stand for what devctl knows. Without it devctl provisions sources and boards itself."""


def expand(settings: Settings, variant: str, context: Context) -> Variant:
    """Return the native variant."""
    assert variant == "native"
    home = context.data
    own = f"{context.folder}/{settings.provisioning}" if settings.provisioning else f"{home}/provisioning"
    files = () if settings.provisioning else _provisioning(f"{home}/provisioning", settings, context)
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.products.grafana.start",
            "--program", reference("tools.grafana"), "--password", f"{home}/admin-password",
        ),
        environment={
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": reference(f"services.{context.service}.http.port"),
            "GF_PATHS_DATA": f"{home}/data",
            "GF_PATHS_LOGS": f"{home}/logs",
            "GF_PATHS_PLUGINS": f"{home}/plugins",
            "GF_PATHS_PROVISIONING": own,
            "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{home}/admin-password}}",
            "DASHBOARDS_FOLDER": f"{context.folder}/{settings.dashboards}" if settings.dashboards else home,
            **_sources(context),
            **QUIET,
            **ACCESS,
        },
        working_dir=home,
        check=Check(CheckKind.HTTP, port="http", path="/api/health", start_period_seconds=120.0),
        files=files,
        folders=(home, f"{home}/data", f"{home}/plugins"),
        tools=("grafana",),
    )  # fmt: skip


def _sources(context: Context) -> dict[str, str]:
    """Return where Prometheus and Jaeger of this stack are; an address that refuses where there is none."""
    urls = {"PROMETHEUS_URL": "http://127.0.0.1:9", "JAEGER_URL": "http://127.0.0.1:9"}
    for name, service in context.services.items():
        if service.uses == "prometheus":
            urls["PROMETHEUS_URL"] = f"http://{address(name, 'http')}"
        if service.uses == "jaeger":
            urls["JAEGER_URL"] = f"http://{address(name, 'ui')}"
    return urls


def _provisioning(folder: str, settings: Settings, context: Context) -> tuple[File, ...]:
    """Return provisioning files for a stack that has none of its own."""
    uses = {service.uses for service in context.services.values()}
    lines = [
        f"  - {{name: {name.title()}, uid: {name}, type: {name}, url: ${name.upper()}_URL, editable: false}}\n"
        for name in ("prometheus", "jaeger")
        if name in uses
    ]
    files = [File(f"{folder}/datasources/devctl.yaml", SOURCES + "".join(lines) if lines else "apiVersion: 1\n")]
    if settings.dashboards:
        files.append(File(f"{folder}/dashboards/devctl.yaml", BOARDS))
    return tuple(files)


RECIPE = Recipe(
    name="grafana",
    summary="Grafana with the boards of the stack",
    settings=Settings,
    ports=(Port("http", 3000),),
    variants=("native",),
    expand=expand,
    page="http",
    metrics="/metrics",
    cure="install Grafana 10 or newer, or connect once to the network",
)
