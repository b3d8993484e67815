"""Fixtures that give the real programs, or skip with the reason why this machine has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.go_programs import CONSUL, JAEGER, GoProgram, NotBuildable, find_or_build


def built(program: GoProgram) -> Path:
    """Give the program's path, built when need be; skip the test with the reason when it cannot be."""
    try:
        return find_or_build(program)
    except NotBuildable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def real_consul() -> Path:
    """The path of a real Consul."""
    return built(CONSUL)


@pytest.fixture(scope="session")
def real_jaeger() -> Path:
    """The path of a real Jaeger all-in-one."""
    return built(JAEGER)
