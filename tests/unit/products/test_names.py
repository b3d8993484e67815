"""Nobody asks for a product by its name: what a product provides is asked for, so that another may provide it too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from devctl import products
from devctl.products import catalog

SOURCE = Path(__file__).parents[3] / "devctl"
OWNERS = ("products", "embedded")
"""What knows products by name: their folders, and the emulators, which are programs of their own."""
LOOKUP = "manifest/lookup.py"
"""Finds the product that `uses` names, whichever it is."""
NAMES = {*products.names(), *catalog.names()}
CAPABILITIES = {key for name in products.names() if (each := products.find(name)) for key in each.provides}
MODULES = [
    path for path in sorted(SOURCE.rglob("*.py")) if path.relative_to(SOURCE).parts[0] not in OWNERS
]  # fmt: skip


def texts(tree: ast.AST) -> Iterator[str]:
    """Yield every text that is no docstring."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def comparisons(tree: ast.AST) -> Iterator[tuple[ast.AST, list[ast.expr]]]:
    """Yield every comparison with its sides, also those of `match` and of lookups in a written-out mapping."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield node, [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            values = [part.value for part in ast.walk(node) if isinstance(part, ast.MatchValue)]
            yield node, [node.subject, *values]


def is_uses(side: ast.expr) -> bool:
    """Tell whether a side of a comparison is the product that a service names."""
    if isinstance(side, ast.Subscript):
        return isinstance(side.slice, ast.Constant) and side.slice.value == "uses"
    return isinstance(side, ast.Attribute) and side.attr == "uses"


def asks_for_a_product(sides: list[ast.expr]) -> bool:
    """Tell whether a comparison is with a product's name, or of what a service uses."""
    if any("provides" in ast.unparse(side) for side in sides):
        return False
    return any(is_uses(side) for side in sides) or any(text in NAMES for side in sides for text in texts(side))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_outside_products_asks_for_none_by_name(path: Path) -> None:
    tree = ast.parse(path.read_text())
    name = path.relative_to(SOURCE).as_posix()
    guilty = [ast.unparse(node) for node, sides in comparisons(tree) if asks_for_a_product(sides)]
    assert name == LOOKUP or guilty == []
    assert set(texts(tree)) & (NAMES - CAPABILITIES) == set()


@pytest.mark.parametrize(
    "code",
    [
        "service.uses == 'anything'",
        "service['uses'] in KNOWN",
        "name == 'kafka'",
        "name in ('kafka', 'x')",
        "match name:\n case 'jaeger': pass",
    ],
)
def test_asking_by_name_is_seen(code: str) -> None:
    assert any(asks_for_a_product(sides) for _, sides in comparisons(ast.parse(code)))
