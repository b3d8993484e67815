"""The SDK's client of an engine, with its errors as devctl's: for requests that are over at once, in threads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from devctl.engine.base import Engine
from devctl.engine.stream import EngineLost, EngineRefused
from devctl.errors import EnvironmentProblem

if TYPE_CHECKING:
    from docker import APIClient

REQUEST_SECONDS = 120.0
"""For one request: an engine under load takes seconds to make a container; one that hangs is noticed by its events."""
_THREADS = 16  # requests at a time: starting a stack is limited by the engine, not by us

P = ParamSpec("P")
T = TypeVar("T")


class EngineClient:
    """An engine, reached by the SDK in threads of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.api = connect(engine)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="engine")

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a blocking function that uses the client; EngineLost and EngineRefused say what went wrong."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: _translated(function, *args, **kwargs))

    def close(self) -> None:
        """Give the connections back."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.api.close()


def connect(engine: Engine) -> APIClient:
    """Return a client that speaks the version that the engine offers."""
    try:
        import docker
    except ImportError:
        raise EnvironmentProblem(
            "the library for containers is not installed", next="python3 -m pip install 'devctl[containers]'"
        ) from None
    return docker.APIClient(base_url=engine.address.url, version=engine.api_version, timeout=int(REQUEST_SECONDS))


def _translated(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    with translated():
        return function(*args, **kwargs)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise the SDK's errors as devctl's."""
    import requests
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        status = error.response.status_code if error.response is not None else 0
        raise EngineRefused(status, str(error.explanation or error)) from error
    except (requests.RequestException, DockerException) as error:
        raise EngineLost("the container engine does not answer", next="Start it again.") from error
