"""Jaeger: where it comes from. Data only; every archive is pinned by sha256."""

from devctl.tools.entry import Entry, Program, archives
from devctl.tools.versions import Range

URL = "https://github.com/jaegertracing/jaeger/releases/download/v2.20.0/jaeger-2.20.0-{}.tar.gz"

JAEGER = Entry(
    name="jaeger",
    summary="Jaeger",
    sources=("path", "cache", "release"),
    on_path=Program(
        names=("jaeger-all-in-one", "jaeger"),
        ask=("version",),
        pattern=r'"gitVersion":\s*"v?(\d[^"]*)"',
        ranges=(Range((1, 35)),),
        proof=(("--help",), "--collector.otlp."),
    ),
    program="*/jaeger",
    archives=archives(
        "2.20.0", URL, 58_367_331,
        {
            "linux-amd64": "c967368ba09be356089ef7e8aab2a76d170dc007ff6ccf7925c8167ede2900d7",
            "darwin-arm64": "b2d21051b27f06535c288dd63e15a42d5aae653d0113695014d7e6b502736e5d",
        },
    ),
    remedy="install jaeger-all-in-one 1.35 or newer or Jaeger 2, or connect once to the network",
)  # fmt: skip
TOOLS = (JAEGER,)
