"""The real programs that the hub is tried with."""

from pathlib import Path

import pytest

from tests.reference.go_programs import COLLECTOR, JAEGER, SENDER, GoProgram, NotBuildable, find_or_build


def _built(program: GoProgram) -> Path:
    """Return the path of a program; skip with the reason where it cannot be had."""
    try:
        return find_or_build(program)
    except NotBuildable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def real_jaeger() -> Path:
    """The path of a real Jaeger all-in-one."""
    return _built(JAEGER)


@pytest.fixture(scope="session")
def real_collector() -> Path:
    """The path of a Collector of OpenTelemetry with its otlp receiver and exporter."""
    return _built(COLLECTOR)


@pytest.fixture(scope="session")
def go_sender() -> Path:
    """The path of a Go program that sends spans, a log record and a counter by gRPC."""
    return _built(SENDER)
