"""Consul: where it comes from. Data only; every archive is pinned by sha256."""

from devctl.tools.entry import Entry, Program, archives
from devctl.tools.versions import Range

URL = "https://releases.hashicorp.com/consul/1.22.7/consul_1.22.7_{}.zip"

CONSUL = Entry(
    name="consul",
    summary="Consul",
    sources=("path", "cache", "release"),
    on_path=Program(("consul",), ("version",), r"Consul v(\S+)", (Range((1, 12)),)),
    program="consul",
    archives=archives(
        "1.22.7", URL, 66_000_000,
        {
            "linux-amd64": "fe25cecd8dd3552a8e5b0941cde1d79bb6004eac384aa45679dd1398f947201d",
            "linux-arm64": "db54c5fb7c5ceaef97a38ca45dcc0f649ff592a48c73ab320e2d535c78e136cc",
            "darwin-amd64": "4c768e809905e4ea1869a956e307d6311ebd592888f1dba2a2fbd72bcfe4f18e",
            "darwin-arm64": "6356b66f92f81d20e13129b09cdbacae7179952b7285e22f8ef8f8dffbf49758",
        },
        dash="_",
    ),
    remedy="install Consul 1.12 or newer, or connect once to the network",
)  # fmt: skip
TOOLS = (CONSUL,)
