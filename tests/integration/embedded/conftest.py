"""Servers of the conformance suites: the emulators, and the real programs or their recordings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.integration.embedded.consul_scenarios import observe as observe_consul
from tests.integration.embedded.jaeger_scenarios import observe as observe_jaeger
from tests.integration.embedded.jaeger_scenarios import spans
from tests.integration.embedded.kafka_scenarios import observe as observe_kafka
from tests.reference.go_programs import CONSUL, JAEGER, NotBuildable, find_or_build
from tests.reference.observed import Reference, recording
from tests.reference.servers import (
    embedded_consul,
    embedded_jaeger,
    embedded_kafka,
    real_consul_at,
    real_jaeger_at,
    real_kafka,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the logs of what a module starts."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def consul_emulator(folder: Path) -> Iterator[str]:
    """The address of an embedded Consul."""
    with embedded_consul(folder) as url:
        yield url


@pytest.fixture(scope="module")
def consul_reference(folder: Path) -> Iterator[Reference]:
    """A real Consul, or what one was seen to do."""
    try:
        program = find_or_build(CONSUL)
    except NotBuildable as reason:
        seen = recording("consul")
        yield Reference(lambda name: seen[name], str(reason))
        return
    with real_consul_at(program, folder) as url:
        yield Reference(cache(lambda name: observe_consul(url, name)))


@pytest.fixture(scope="module")
def kafka_emulator(folder: Path) -> Iterator[str]:
    """The address of an embedded Kafka."""
    with embedded_kafka(folder) as broker:
        yield broker


@pytest.fixture(scope="module")
def kafka_reference(folder: Path) -> Iterator[Reference]:
    """A real Kafka, or what one was seen to do."""
    with contextlib.ExitStack() as stack:
        try:
            broker = stack.enter_context(real_kafka(folder))
        except NotBuildable as reason:
            seen = recording("kafka")
            yield Reference(lambda name: seen[name], str(reason))
            return
        yield Reference(cache(lambda name: observe_kafka(broker, name)))


@pytest.fixture(scope="module")
def jaeger_emulator(folder: Path) -> Iterator[str]:
    """The address of an embedded Jaeger over the spans of the scenarios."""
    with embedded_jaeger(folder, spans()) as url:
        yield url


@pytest.fixture(scope="module")
def jaeger_reference(folder: Path) -> Iterator[Reference]:
    """A real Jaeger fed with the same spans, or what one was seen to answer."""
    try:
        program = find_or_build(JAEGER)
    except NotBuildable as reason:
        seen = recording("jaeger")
        yield Reference(lambda name: seen[name], str(reason))
        return
    with real_jaeger_at(program, folder, spans()) as url:
        yield Reference(cache(lambda name: observe_jaeger(url, name)))
