"""Servers of the conformance suites: the stand-ins, and the real programs or their recordings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.integration.embedded.consul_scenarios import observe as observe_consul
from tests.reference.go_programs import CONSUL, NotBuildable, find_or_build
from tests.reference.observed import Reference, recording
from tests.reference.servers import embedded_consul, real_consul_at


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the logs of what a module starts."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def consul_stand_in(folder: Path) -> Iterator[str]:
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
