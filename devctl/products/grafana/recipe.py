"""Grafana: on loopback, with a random password per stack, and no calls home; or devctl's own viewer of boards."""

from __future__ import annotations

from dataclasses import dataclass

from devctl.core.checks import HttpCheck
from devctl.core.spec import File, Port, Variant, placeholder
from devctl.core.status import Kind
from devctl.products.base import Context, Product, Recipe
from devctl.products.common import address
from devctl.products.grafana.tools import TOOLS

QUIET = {
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
    # Both lists of what is to be installed stay empty, the built-in one, too; bundled plug-ins are not touched.
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    # Signatures are checked with the key that comes along.
    "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
    "GF_PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
    "GF_NEWS_NEWS_FEED_ENABLED": "false",
    "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
    "GF_SECURITY_DISABLE_GRAVATAR": "true",
    "GF_UNIFIED_ALERTING_ENABLED": "false",
    "GF_LOG_LEVEL": "warn",
}
ACCESS = {
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    # It listens on loopback alone. Since 12 a Viewer may not use Explore; boards are provisioned, which keeps them as
    # they are for an Editor, too.
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Editor",
    "GF_USERS_ALLOW_SIGN_UP": "false",
    "GF_SECURITY_COOKIE_SAMESITE": "strict",
}
BOARDS = """\
apiVersion: 1
providers:
  - name: boards
    type: file
    editable: false
    disableDeletion: true
    allowUiUpdates: false
    options: {path: $DASHBOARDS_FOLDER}
"""
DATASOURCES = """\
apiVersion: 1
datasources:
"""
SOURCES = {"promql": ("prometheus", "PROMETHEUS_URL"), "jaeger": ("jaeger", "JAEGER_URL")}
"""Capability → the type of Grafana's data source, and the variable that names its address in provisioning files."""
NOBODY = "http://127.0.0.1:9"
"""The discard port, on which nobody listens."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of Grafana."""

    dashboards: str = ""
    """A folder of boards beside the manifest."""
    provisioning: str = ""
    """A provisioning folder beside the manifest, in Grafana's form. In its files `$PROMETHEUS_URL`, `$JAEGER_URL`
    and `$DASHBOARDS_FOLDER` stand for what devctl knows. Without it devctl provisions sources and boards itself."""


def native(settings: Settings, context: Context) -> Variant:
    """Return the real Grafana."""
    home = context.data
    provisioning = f"{context.folder}/{settings.provisioning}" if settings.provisioning else f"{home}/provisioning"
    files = () if settings.provisioning else _provisioning(f"{home}/provisioning", settings, context)
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.products.grafana.start",
            "--program", placeholder("tools.grafana"), "--password", f"{home}/admin-password",
        ),
        environment={
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": placeholder(f"services.{context.service}.http.port"),
            "GF_PATHS_DATA": f"{home}/data",
            "GF_PATHS_LOGS": f"{home}/logs",
            "GF_PATHS_PLUGINS": f"{home}/plugins",
            "GF_PATHS_PROVISIONING": provisioning,
            "GF_SECURITY_ADMIN_PASSWORD": f"$__file{{{home}/admin-password}}",
            "DASHBOARDS_FOLDER": f"{context.folder}/{settings.dashboards}" if settings.dashboards else home,
            **_sources(context),
            **QUIET,
            **ACCESS,
        },
        working_dir=home,
        check=HttpCheck(port="http", path="/api/health", start_period_seconds=120.0),
        files=files,
        folders=(home, f"{home}/data", f"{home}/plugins"),
        tools=("grafana",),
    )  # fmt: skip


def embedded(settings: Settings, context: Context) -> Variant:
    """Return devctl's own viewer of the same boards."""
    metrics = _provider(context, "promql")
    return Variant(
        name="embedded",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.web",
            "--listen", address(context.service, "http"), "--run", placeholder("run.folder"),
            *(("--boards", f"{context.folder}/{settings.dashboards}") if settings.dashboards else ()),
            *(("--prometheus", address(*metrics)) if metrics else ()),
        ),
        working_dir=context.data,
        check=HttpCheck(port="http", path="/api/health"),
        folders=(context.data,),
        note="devctl's own viewer of Grafana's boards, with the traces, logs and services of this run",
    )  # fmt: skip


def _sources(context: Context) -> dict[str, str]:
    """Return where the stack's metrics and traces are asked for; an address that refuses where there are none."""
    return {
        variable: f"http://{address(*provider)}" if (provider := _provider(context, capability)) else NOBODY
        for capability, (_, variable) in SOURCES.items()
    }


def _provider(context: Context, capability: str) -> tuple[str, str] | None:
    """Return the first service that provides something, and its port."""
    providers = context.services.items()
    return next(((name, each.provides[capability]) for name, each in providers if capability in each.provides), None)


def _provisioning(folder: str, settings: Settings, context: Context) -> tuple[File, ...]:
    """Return provisioning files for a stack that has none of its own."""
    lines = [
        f"  - {{name: {kind.title()}, uid: {kind}, type: {kind}, url: ${variable}, editable: false}}\n"
        for capability, (kind, variable) in SOURCES.items()
        if _provider(context, capability)
    ]
    files = [File(f"{folder}/datasources/devctl.yaml", DATASOURCES + "".join(lines) if lines else "apiVersion: 1\n")]
    if settings.dashboards:
        files.append(File(f"{folder}/dashboards/devctl.yaml", BOARDS))
    return tuple(files)


PRODUCT = Product(
    name="grafana",
    summary="Grafana with the boards of the stack",
    settings=Settings,
    example={"dashboards": "dashboards"},
    ports=(Port("http", 3000),),
    variants={
        "native": Recipe(native),
        "embedded": Recipe(
            embedded,
            limitations="editing, users, alerting, plug-ins, data sources other than Prometheus and the record of the "
            "run (traces, logs), the panels canvas, geomap, node graph, flame graph, candlestick, XY chart and news",
        ),
    },
    images=(r"(.*/)?grafana(-oss|-enterprise)?",),
    tools=TOOLS,
    page="http",
    metrics="/metrics",
    remedy="install Grafana 10 or newer, or connect once to the network",
)
