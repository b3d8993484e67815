"""Brings the images of containers: asks the engine for what is there, has it pull what is not, tells how far it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from devctl.engine import images
from devctl.engine.ask import ask_patiently
from devctl.engine.base import Address, NoEngine
from devctl.engine.client import EngineClient
from devctl.engine.find import examine
from devctl.engine.images import Progress
from devctl.engine.stream import EngineLost, EngineRefused
from devctl.errors import EnvironmentProblem
from devctl.supervisor.fetch import Report

_QUICK_SECONDS = 5.0
"""How long a registry may be silent where something else can run instead."""
_SILENT_SECONDS = 60.0
"""How long it may be where nothing else can: a registry that builds its answer takes tens of seconds."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An image that a service needs. `has_alternative`: another variant of it can run instead."""

    engine: str
    image: str
    pull_policy: str
    has_alternative: bool = False


async def bring(wish: Wish, report: Report) -> None:
    """Have an image on this machine; EnvironmentProblem says why it cannot be."""
    engine = await asyncio.to_thread(examine, Address(wish.engine, "the container engine"), ask_patiently)
    if isinstance(engine, NoEngine):
        raise EnvironmentProblem(engine.reason, next=engine.remedy)
    client = EngineClient(engine)
    try:
        if wish.pull_policy != "always" and await client.call(images.is_present, client.api, wish.image):
            return
        if wish.pull_policy == "build":
            raise EnvironmentProblem(
                f"the image {wish.image} is not on this machine any more", next="`devctl up -d --build` builds it."
            )
        if wish.pull_policy == "never":
            raise EnvironmentProblem(
                f"the image {wish.image} is not on this machine, and its pull_policy is never",
                next="Build or load it, or let it be pulled.",
            )
        await _pull(client, wish, report)
    except EngineRefused as error:
        raise images.explain(wish.image, error.what) from error
    except EngineLost as error:
        raise EnvironmentProblem(error.what, next=error.next) from error
    finally:
        client.close()


async def _pull(client: EngineClient, wish: Wish, report: Report) -> None:
    """Pull, as long as something is heard of it."""
    patience = _QUICK_SECONDS if wish.has_alternative else _SILENT_SECONDS
    loop, heard = asyncio.get_running_loop(), asyncio.Event()

    def on_progress(progress: Progress) -> None:
        loop.call_soon_threadsafe(heard.set)
        loop.call_soon_threadsafe(report, _item(wish.image, progress))

    pulling = asyncio.ensure_future(client.call(images.pull, client.api, wish.image, on_progress))
    while not pulling.done():
        heard.clear()
        waiting = asyncio.ensure_future(heard.wait())
        await asyncio.wait((pulling, waiting), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not pulling.done() and not heard.is_set():
            pulling.cancel()
            raise EnvironmentProblem(
                f"the registry {images.registry_of(wish.image)} does not answer", next="Check the network."
            )
    pulling.result()


def _item(image: str, progress: Progress) -> dict[str, object]:
    return {
        "tool": image, "source": "registry", "stage": progress.stage, "bytes": progress.bytes, "total": progress.total
    }  # fmt: skip
