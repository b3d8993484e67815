"""Which third-party products this machine can run, and how. No network is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from devctl.products.base import Product
from devctl.text import size
from devctl.tools.base import Available, Unavailable

Availability = Callable[[str], Available | Unavailable]
"""devctl.products.toolbox.available: whether a native program can be had."""


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


def examine(engine_answers: bool, available: Availability) -> Iterator[VariantAvailability]:
    """Yield every variant of every product, in the order in which `auto` tries them."""
    from devctl import products

    for name in products.names():
        product = products.find(name)
        assert product is not None
        is_chosen = False
        for variant in product.order:
            availability = _variant(product, variant, engine_answers, available, is_chosen=is_chosen)
            is_chosen = is_chosen or availability.state in ("runs", "fetch")
            yield availability


def _variant(
    product: Product, variant: str, engine_answers: bool, available: Availability, *, is_chosen: bool
) -> VariantAvailability:
    state = "possible" if is_chosen else "runs"
    if variant == "embedded":
        detail = "ships with devctl"
        return VariantAvailability(product.name, variant, state, detail, product.remedy, product.limitations)
    if variant == "container":
        answer = "an engine answers" if engine_answers else "no container engine answers"
        return VariantAvailability(product.name, variant, "missing", answer, "this product has no image here yet")
    return _native(product, state, available)


def _native(product: Product, state: str, available: Availability) -> VariantAvailability:
    answers = []
    for tool in _tools(product):
        answer = available(tool)
        if isinstance(answer, Unavailable):
            remedy = answer.remedy or product.remedy
            return VariantAvailability(product.name, "native", "missing", answer.reason, remedy)
        answers.append(answer)
    absent = [answer for answer in answers if answer.tool is None]
    if absent and state == "runs":
        state = "fetch"
    total = sum(answer.bytes for answer in absent)
    return VariantAvailability(product.name, "native", state, ", ".join(map(_described, answers)), download_bytes=total)


def _described(answer: Available) -> str:
    if answer.tool is None:
        about = f", {size(answer.bytes)}" if answer.bytes else ""
        return f"{answer.name} {answer.version} to download ({answer.source}{about})"
    return f"{answer.name} {answer.tool.version} ({answer.tool.source})"


def _tools(product: Product) -> tuple[str, ...]:
    from devctl.products.base import Context

    context = Context(
        service=product.name,
        folder="/",
        data="/",
        python=sys.executable,
        services={},
        read=lambda path: "",  # noqa: ARG005
        files=lambda path: [],  # noqa: ARG005
    )
    return product.variants["native"].expand(product.settings(), context).tools
