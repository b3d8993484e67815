"""Where a process listens is told as people write addresses."""

import os
import socket
from pathlib import Path

import pytest

from devctl.machine import listening

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no /proc")


@pytest.mark.parametrize(
    ("family", "host", "shown"), [(socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET6, "::1", "[::1]")]
)
def test_a_session_is_found_by_what_it_listens_on(family: socket.AddressFamily, host: str, shown: str) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 on this machine")
        listener.listen()
        assert f"{shown}:{listener.getsockname()[1]}" in listening.addresses(os.getsid(0))


def test_a_session_that_is_none_listens_nowhere() -> None:
    assert listening.addresses(-5) == []
