"""A name says what its value is: bindings that only say "something" are not taken, in code or in tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("bench", "dashboards", "devctl", "scripts", "services", "tests")
PLACEHOLDERS = frozenset({"found", "one", "known", "asked", "words", "said", "given", "place", "own", "wanted"})
ALLOWED = {
    # Hypothesis' own name for what it is.
    ("hypothesis", "given"),
}


def bindings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every name that the module binds, and the line where."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield (node.id if isinstance(node, ast.Name) else node.attr), node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.ImportFrom | ast.Import):
            module = getattr(node, "module", None)
            yield from (
                (alias.asname or alias.name, node.lineno) for alias in node.names if (module, alias.name) not in ALLOWED
            )


def test_no_binding_is_a_placeholder() -> None:
    placeholders = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name, line in bindings(ast.parse(path.read_text()))
        if name.strip("_") in PLACEHOLDERS
    ]

    assert placeholders == []


def test_a_placeholder_is_seen_wherever_it_is_bound() -> None:
    code = "found = 1\ndef one(asked): ...\nfor known in (): ...\nself.said = 2\nwith x as place: ...\n(given := 3)\n"

    assert {name for name, _ in bindings(ast.parse(code))} == PLACEHOLDERS - {"words", "own", "wanted"}
