"""The pins are complete and well formed; ranges and locks read as they are written."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from jgo.constants import MAVEN_CENTRAL_URL

from devctl.errors import UsageError
from devctl.products import catalog
from devctl.products.jaeger import start as jaeger
from devctl.products.kafka.tools import KAFKA, LOCK
from devctl.products.prometheus import start as prometheus
from devctl.tools import maven, versions
from devctl.tools.versions import Range


def test_every_archive_is_pinned_over_https() -> None:
    for entry in catalog.catalog():
        for archive in entry.archives.values():
            assert archive.url.startswith("https://")
            assert re.fullmatch("[0-9a-f]{64}", archive.sha256)
            assert archive.version in archive.url
            assert "{" not in archive.url
        if entry.part_of:
            assert catalog.entry(entry.part_of).archives


def test_an_unknown_tool_is_told_the_nearest_name() -> None:
    with pytest.raises(UsageError) as problem:
        catalog.entry("prometeus")
    assert problem.value.next == "Did you mean prometheus?"


@pytest.mark.parametrize(
    ("version", "is_good"),
    [("1.12.9", True), ("1.35.0-rc1", True), ("1.11.9", False), ("2.0", False), ("unknown", False), ("v1.12", True)],
)
def test_a_range_holds_what_lies_in_it(version: str, *, is_good: bool) -> None:
    assert Range((1, 12), (2,)).holds(version) is is_good


def test_the_lock_pins_every_jar_of_kafka() -> None:
    lock = maven.read_lock(LOCK)
    assert {"kafka_2.13", "kafka-clients", "kafka-tools", "log4j-slf4j-impl"} <= {jar.artifact for jar in lock.jars}
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in lock.jars)
    assert len({jar.file for jar in lock.jars}) == len(lock.jars)
    assert (KAFKA.version, KAFKA.bytes) == (lock.version, lock.bytes)
    jar = lock.jars[0]
    assert jar.path == f"org/apache/kafka/kafka_2.13/{jar.version}/kafka_2.13-{jar.version}.jar"


@pytest.mark.parametrize(
    ("mirrors", "address"),
    [
        ("", MAVEN_CENTRAL_URL),
        (
            "<mirror><mirrorOf>central</mirrorOf><url>https://mirror.example/m2/</url></mirror>",
            "https://mirror.example/m2",
        ),
        ("<mirror><mirrorOf>*,!central</mirrorOf><url>https://mirror.example</url></mirror>", MAVEN_CENTRAL_URL),
        ("<mirror><mirrorOf>*</mirrorOf><url>http://plain.example</url></mirror>", MAVEN_CENTRAL_URL),
    ],
)
def test_the_users_https_mirror_of_central_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirrors: str, address: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = tmp_path / ".m2" / "settings.xml"
    settings.parent.mkdir()
    root = ElementTree.fromstring(
        f'<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0"><mirrors>{mirrors}</mirrors></settings>'
    )
    ElementTree.ElementTree(root).write(settings)
    assert maven.central() == address


def test_prometheus_gets_only_the_options_that_its_version_knows() -> None:
    assert prometheus.options("2.42.0+ds") == ["--enable-feature=exemplar-storage"]
    assert "otlp-write-receiver" in prometheus.options("2.53.1")[0]
    assert "--web.enable-otlp-receiver" in prometheus.options("3.14.0")
    assert prometheus.options(versions.UNKNOWN) == ["--enable-feature=exemplar-storage"]


@pytest.mark.parametrize(
    ("name", "printed", "is_second"),
    [
        ("jaeger-all-in-one", "2.0.0", False),
        ("jaeger", "v1.62.0", False),
        ("jaeger", "v2.20.0", True),
        ("jaeger", "", True),
    ],
)
def test_jaeger_2_is_told_from_an_all_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, printed: str, *, is_second: bool
) -> None:
    monkeypatch.setenv("DEVCTL_CACHE", str(tmp_path / "cache"))
    program = tmp_path / name
    program.write_text(f'#!/bin/sh\necho \'{{"gitVersion": "{printed}"}}\'\n')
    program.chmod(0o755)
    assert jaeger.is_second(program) is is_second
