"""Which bought-in products this machine can run, and how: for `doctor`. No network is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from devctl.text import size

ORDER = ("native", "container", "embedded")


@dataclass(frozen=True, slots=True)
class Way:
    """One variant of a product here. `state`: runs (what `auto` takes), fetch (the same, after a download),
    possible or missing; `needs`: what would bring it; `lacks`: what a stand-in does not do."""

    product: str
    variant: str
    state: str
    found: str = ""
    needs: str = ""
    lacks: str = ""
    download_bytes: int = 0


def ways(engine_answers: bool, available: Callable[[str], Any]) -> Iterator[Way]:
    """Yield every variant of every product, in the order in which `auto` tries them."""
    from devctl import products

    for name in products.names():
        recipe = products.find(name)
        assert recipe is not None
        chosen = False
        for variant in (one for one in ORDER if one in recipe.variants):
            way = _way(recipe, variant, engine_answers, available, chosen=chosen)
            chosen = chosen or way.state in ("runs", "fetch")
            yield way


def _way(recipe: Any, variant: str, engine_answers: bool, available: Callable[[str], Any], *, chosen: bool) -> Way:
    state = "possible" if chosen else "runs"
    if variant == "embedded":
        return Way(recipe.name, variant, state, "ships with devctl", recipe.cure, recipe.lacks)
    if variant == "container":
        answer = "an engine answers" if engine_answers else "no container engine answers"
        return Way(recipe.name, variant, "missing", answer, "containers come in a later version")
    return _native(recipe, state, available)


def _native(recipe: Any, state: str, available: Callable[[str], Any]) -> Way:
    answers = [available(tool) for tool in _tools(recipe)]
    for answer in answers:
        if hasattr(answer, "reason"):
            return Way(recipe.name, "native", "missing", answer.reason, answer.cure or recipe.cure)
    absent = [answer for answer in answers if answer.tool is None]
    if absent and state == "runs":
        state = "fetch"
    total = sum(answer.bytes for answer in absent)
    return Way(recipe.name, "native", state, ", ".join(map(_described, answers)), download_bytes=total)


def _described(answer: Any) -> str:
    if answer.tool is None:
        about = f", {size(answer.bytes)}" if answer.bytes else ""
        return f"{answer.name} {answer.version} to download ({answer.source}{about})"
    return f"{answer.name} {answer.tool.version} ({answer.tool.source})"


def _tools(recipe: Any) -> tuple[str, ...]:
    from devctl.products.base import Context

    context = Context(
        service=recipe.name,
        folder="/",
        data="/",
        python=sys.executable,
        services={},
        read=lambda path: "",  # noqa: ARG005
        files=lambda path: [],  # noqa: ARG005
    )
    tools: tuple[str, ...] = recipe.expand(recipe.settings(), "native", context).tools
    return tools
