"""Which third-party products this machine can run, and how. No network is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from devctl.text import size

ORDER = ("native", "container", "embedded")


@dataclass(frozen=True, slots=True)
class VariantAvailability:
    """One variant of a product here. `state`: runs (what `auto` takes), fetch (the same, after a download),
    possible or missing; `needs`: what would bring it; `limitations`: what an emulator does not do."""

    product: str
    variant: str
    state: str
    detail: str = ""
    needs: str = ""
    limitations: str = ""
    download_bytes: int = 0


def examine(engine_answers: bool, available: Callable[[str], Any]) -> Iterator[VariantAvailability]:
    """Yield every variant of every product, in the order in which `auto` tries them."""
    from devctl import products

    for name in products.names():
        recipe = products.find(name)
        assert recipe is not None
        is_chosen = False
        for variant in (name for name in ORDER if name in recipe.variants):
            availability = _variant(recipe, variant, engine_answers, available, is_chosen=is_chosen)
            is_chosen = is_chosen or availability.state in ("runs", "fetch")
            yield availability


def _variant(
    recipe: Any, variant: str, engine_answers: bool, available: Callable[[str], Any], *, is_chosen: bool
) -> VariantAvailability:
    state = "possible" if is_chosen else "runs"
    if variant == "embedded":
        return VariantAvailability(recipe.name, variant, state, "ships with devctl", recipe.cure, recipe.lacks)
    if variant == "container":
        answer = "an engine answers" if engine_answers else "no container engine answers"
        return VariantAvailability(recipe.name, variant, "missing", answer, "containers come in a later version")
    return _native(recipe, state, available)


def _native(recipe: Any, state: str, available: Callable[[str], Any]) -> VariantAvailability:
    answers = [available(tool) for tool in _tools(recipe)]
    for answer in answers:
        if hasattr(answer, "reason"):
            return VariantAvailability(recipe.name, "native", "missing", answer.reason, answer.cure or recipe.cure)
    absent = [answer for answer in answers if answer.tool is None]
    if absent and state == "runs":
        state = "fetch"
    total = sum(answer.bytes for answer in absent)
    return VariantAvailability(recipe.name, "native", state, ", ".join(map(_described, answers)), download_bytes=total)


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
