"""Run one service as a process: listen, and on SIGTERM finish what was begun and exit with 0."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from starlette.types import ASGIApp

from services.common import lean

lean.load_lazily("uvicorn")

from uvicorn.config import Config
from uvicorn.server import Server

from services.common import logs
from services.common.runtime import Runtime, Service, asgi
from services.common.settings import Settings

_GRACE_SECONDS = 6


def run(service: Service) -> None:
    """Serve until told to stop."""
    settings = Settings.read(service.name)
    start(lambda: _serve(service, settings), settings.log_level)


def start(serve: Callable[[], Coroutine[Any, Any, int]], log_level: str) -> None:
    """Set the logs up, run, and exit with the code that comes of it."""
    logs.configure(log_level)
    sys.exit(_with_loop(serve()))


async def _serve(service: Service, settings: Settings) -> int:
    runtime = Runtime(service, settings)
    return await listen(asgi(service, runtime), settings, runtime)


async def listen(app: ASGIApp, settings: Settings, *runtimes: Runtime) -> int:
    """Listen on the address of the settings until SIGTERM or SIGINT; return the exit code."""
    server = _Server(
        Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    loop = asyncio.get_running_loop()

    async def leave() -> None:
        await asyncio.gather(*(runtime.drain() for runtime in runtimes))
        await asyncio.sleep(settings.drain_seconds)
        server.should_exit = True

    leaving: list[asyncio.Task[None]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: leaving.append(asyncio.create_task(leave())))
    gc.collect()
    gc.freeze()  # what was made at the start stays: the collector need not look at it again
    await server.serve()
    return 0 if server.started else 1


class _Server(Server):
    """A server that leaves signals to us: its own way ends the process by the signal instead of with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _with_loop(work: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
