"""Grafana: where it comes from. Data only; every archive is pinned by sha256."""

from devctl.tools.entry import Entry, NpmPackage, Program, archives
from devctl.tools.versions import Range

URL = "https://dl.grafana.com/grafana/release/13.2.3/grafana_13.2.3_36482603486_{}.tar.gz"

GRAFANA = Entry(
    name="grafana",
    summary="Grafana",
    sources=("path", "cache", "release"),
    on_path=Program(
        names=("grafana",),
        ask=("--version",),
        pattern=r"version (\d\S+)",
        ranges=(Range((10,)),),
        folders=("/usr/share/grafana/bin", "/opt/homebrew/bin", "/usr/local/bin"),
    ),
    program="*/bin/grafana",
    archives=archives(
        "13.2.3", URL, 450_000_000,
        {
            "linux-amd64": "6107ad27016296aac38e0d7ffa8753ab540b5541ad27e94790f771289d733235",
            "darwin-arm64": "248a51bcfacdb1ec642006cee46b4de44a34bcf41ddea88d96a4605e2e9d808c",
        },
        dash="_",
    ),
    remedy="install Grafana 10 or newer, or connect once to the network",
)  # fmt: skip
UPLOT = Entry(
    name="uplot",
    summary="uPlot, the chart library of devctl's own board viewer",
    sources=("cache", "npm"),
    npm=NpmPackage(
        name="uplot",
        version="1.6.32",
        integrity="sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        sha256="4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d",
        bytes=164_279,
    ),
    program="package/dist/uPlot.iife.min.js",
    is_folder=True,
    remedy="connect once to the network",
)
TOOLS = (GRAFANA, UPLOT)
