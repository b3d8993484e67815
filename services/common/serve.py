"""Run one service as a process: listen, and on SIGTERM finish the requests in progress and exit with 0."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from starlette.types import ASGIApp

from services.common.runtime import lazy_imports

lazy_imports.load_lazily("uvicorn")

import uvicorn
from uvicorn.config import Config
from uvicorn.server import Server

# Its lifespan takes this name from the package, which would load the command line after all.
vars(uvicorn)["Config"] = Config

from services.common.http.bounded_protocol import BoundedHttpProtocol
from services.common.runtime import logs
from services.common.runtime.settings import Settings
from services.common.service import Runtime, Service, asgi
from services.common.surroundings import open_database

_GRACE_SECONDS = 6  # longer than a request may take, shorter than the ten seconds that a supervisor gives
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3


def run(service: Service) -> None:
    """Serve until told to stop."""
    settings = Settings.read(service.name)
    migrate_in_child({service: settings})
    start(lambda: _serve(service, settings), settings.log_level)


def migrate_in_child(services: Mapping[Service, Settings]) -> None:
    """Bring databases up to date in a child process, which takes Alembic's 12 MB with it when it ends.

    Nothing depends on it: what the child could not do, each service does (or fails at) when it starts.
    """
    if not hasattr(os, "fork"):
        return
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(_migrate(services))
        finally:
            os._exit(0)
    os.waitpid(child, 0)


async def _migrate(services: Mapping[Service, Settings]) -> None:
    for service, settings in services.items():
        database = open_database(settings, service.migrations)
        with contextlib.suppress(Exception):
            await database.migrate()
        await database.close()


def start(serve: Callable[[], Coroutine[Any, Any, int]], log_level: str) -> None:
    """Configure logging, run, and exit with the returned code."""
    logs.configure(log_level)
    _bound_malloc_arenas()
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
            http=BoundedHttpProtocol,
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
    gc.freeze()  # what was made at the start stays: the collector skips it from now on
    await server.serve()
    return 0 if server.started else 1


class _Server(Server):
    """A server that leaves signals to us: its own way ends the process by the signal instead of with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound_malloc_arenas() -> None:
    """Make the C library return memory: two heaps for all threads, and large blocks outside of them.

    Otherwise each thread has a heap, and the 19 MiB of a password hash stay in it. Only glibc has the call.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)
        mallopt(_M_MMAP_THRESHOLD, 256 * 1024)


def _with_loop(work: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
