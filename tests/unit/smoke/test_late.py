"""A check whose time is over failed by slowness: whoever took the time is to blame, not who was asked."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import pytest

from devctl.manifest.smoke import Check, HttpStep, Step
from devctl.smoke.check import CheckContext, CheckFailed, run
from devctl.smoke.stack import RunningStack

OVER = -1.0  # seconds that are left


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


class FakeStack:
    """A stack of one service."""

    def __init__(self, address: str) -> None:
        self._address = address

    def address(self, service: str, port: str = "") -> str:
        return self._address


@pytest.fixture
def context() -> Iterator[CheckContext]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        context = CheckContext(cast("RunningStack", FakeStack(f"127.0.0.1:{server.server_port}")), {}, OVER)
        yield context
        context.close()
        server.shutdown()
        thread.join()


def test_too_few_requests_in_time_are_slowness(context: CheckContext) -> None:
    from devctl.smoke.steps import http

    step = Step(http=HttpStep(service="gateway"), repeat=2)
    assert step.http
    with pytest.raises(CheckFailed, match="only 1 of 2 requests in time") as raised:
        http.run(step, step.http, context)
    assert raised.value.is_slow


def test_a_step_that_is_not_begun_in_time_is_slowness(context: CheckContext) -> None:
    check = Check(name="late", steps=(Step(http=HttpStep(service="gateway")),))
    with pytest.raises(CheckFailed, match="not done after") as raised:
        run(check, context)
    assert raised.value.is_slow
