"""One shop for all end-to-end tests, on a real Kafka and a real Prometheus."""

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.shop import Shopper, Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The shop with the real programs, wherever they can be had."""
    yield from _running({})


@pytest.fixture
def embedded_stack() -> Iterator[Stack]:
    """The shop with stand-ins."""
    yield from _running({"DEVCTL_RUN_AS": "embedded"})


def _running(environment: dict[str, str]) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="dv") as runtime:
        stack = Stack(f"e2e{secrets.token_hex(3)}", Path(runtime), environment)
        try:
            stack.up()
            yield stack
        finally:
            stack.down()


@pytest.fixture
def shopper(stack: Stack) -> Iterator[Shopper]:
    shopper = stack.shopper()
    yield shopper
    shopper.close()
