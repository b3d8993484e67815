"""One shop for all end-to-end tests, on a real Kafka and a real Prometheus."""

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.shop import Shopper, Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="dv") as runtime:
        stack = Stack(f"e2e{secrets.token_hex(3)}", Path(runtime))
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
