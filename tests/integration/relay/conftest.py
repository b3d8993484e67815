import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket

import pytest

from tests.integration.relay.running import Instance, RelayProcess

MakeInstance = Callable[[str, Callable[[socket], None]], Instance]


@pytest.fixture
def relay() -> Iterator[RelayProcess]:
    with tempfile.TemporaryDirectory(prefix="dr") as folder:  # a socket's path must be short
        relay = RelayProcess(Path(folder))
        yield relay
        relay.close()


@pytest.fixture
def instance() -> Iterator[MakeInstance]:
    made: list[Instance] = []

    def make(name: str, handle: Callable[[socket], None]) -> Instance:
        made.append(Instance(name, handle))
        return made[-1]

    yield make
    for each in made:
        each.close()
