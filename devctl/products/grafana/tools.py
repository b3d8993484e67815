"""Grafana: where it comes from. Data only; every archive is pinned by sha256."""

from devctl.tools.entry import Entry, Jar, Program, archives
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
    sources=("cache", "maven"),
    jar=Jar("org.webjars.npm", "uplot", "1.6.30", "35b1d5d332ae25876ebd3b96c4a6180f29bec7675ad22dda9d3dc803691d19c9"),
    version="1.6.30",
    bytes=163_181,
    program="META-INF/resources/webjars/uplot/*/dist/uPlot.iife.min.js",
    is_folder=True,
    remedy="connect once to the network",
)
TOOLS = (GRAFANA, UPLOT)
