"""Prometheus and promtool: where they come from. Data only; every archive is pinned by sha256."""

from devctl.tools.entry import DebianPackages, Entry, Program, archives
from devctl.tools.versions import Range

URL = "https://github.com/prometheus/prometheus/releases/download/v3.14.0/prometheus-3.14.0.{}.tar.gz"

ON_PATH = Program(
    names=("prometheus",),
    ask=("--version",),
    pattern=r"version (\S+)",
    ranges=(Range((2, 40)),),
)
PROMETHEUS = Entry(
    name="prometheus",
    summary="Prometheus",
    sources=("path", "cache", "release", "debian"),
    on_path=ON_PATH,
    program="*/prometheus",
    archives=archives(
        "3.14.0", URL, 107_000_000,
        {
            "linux-amd64": "f665c6da19eb7ba399c915d30c7d9793c9b417bf8a749b504bc470678631478d",
            "linux-arm64": "077f3781ab7245dc04c9a3c9b78ba120fc8e41aa0dc97489b0af67247e50ba83",
            "darwin-amd64": "a14307b9726e66cadb81be9a544732623af26dabeb7702c987aa9c3c062ada34",
            "darwin-arm64": "a9623f7f4fe65b1b171b423c1a72bbf23dfdf41a171dcb33e7dd302af80dc01c",
        },
    ),
    debian=DebianPackages(("prometheus",), bytes=35_000_000),
    remedy="install Prometheus 2.40 or newer, or connect once to the network",
)  # fmt: skip
PROMTOOL = Entry(
    name="promtool",
    summary="Prometheus' tool to check and test rules",
    sources=("path", "cache", "release", "debian"),
    on_path=Program(("promtool",), ("--version",), r"version (\S+)", (Range((2, 40)),)),
    part_of="prometheus",
    remedy="install Prometheus 2.40 or newer, or connect once to the network",
)  # fmt: skip
TOOLS = (
    PROMETHEUS,
    PROMTOOL,
)
