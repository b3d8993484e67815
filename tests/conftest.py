"""What holds for every test: it leaves no trace in the home of whoever runs it."""

import os
import signal
import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _default_signals() -> None:
    """Undo what the caller ignores or blocks (`nohup make test &`, some CI runners): no test is about that."""
    for number in (signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@pytest.fixture(scope="session", autouse=True)
def _state_of_its_own() -> Iterator[None]:
    """Keep the index of running stacks out of the user's own, also for what tests start."""
    before = os.environ.get("XDG_STATE_HOME")
    with tempfile.TemporaryDirectory(prefix="dx") as folder:
        os.environ["XDG_STATE_HOME"] = folder
        yield
    os.environ.pop("XDG_STATE_HOME")
    if before is not None:
        os.environ["XDG_STATE_HOME"] = before


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember whether all was well; be content with nothing to do where only what failed is to run and nothing did."""
    cache = getattr(session.config, "cache", None)  # not there with `-p no:cacheprovider`
    if hasattr(session.config, "workerinput") or cache is None:
        return
    nothing_to_do = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.getoption("lf")
    if nothing_to_do and cache.get("run/passed", False):
        session.exitstatus = pytest.ExitCode.OK
        return
    cache.set("run/passed", exitstatus == pytest.ExitCode.OK)
