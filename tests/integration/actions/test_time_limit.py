"""A time limit around a call of the real client: the call ends, and is not made again."""

import socket
from collections.abc import Iterator

import pytest

from devctl.actions.time_limit import TimeIsOver, time_limit
from devctl.session.client import CallCancelled, Client


@pytest.fixture
def silent() -> Iterator[Client]:
    """A client of a supervisor that takes calls and never answers."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = Client(ours, lambda _: None)
        yield client
        client.close()


def test_a_call_that_takes_too_long_is_ended_and_not_made_again(silent: Client) -> None:
    with pytest.raises(TimeIsOver), time_limit(silent, 0.02):
        silent.status()


def test_a_stream_that_takes_too_long_is_ended(silent: Client) -> None:
    with pytest.raises(TimeIsOver), time_limit(silent, 0.02):
        list(silent.watch())


def test_whoever_cancels_without_a_limit_is_told_apart_from_one(silent: Client) -> None:
    with time_limit(silent, 30):
        pass
    silent.cancel()
    with pytest.raises(CallCancelled):
        silent.hello()
