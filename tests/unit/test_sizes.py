"""Functions fit on a screen, take few parameters, and classes hold one idea; what is larger is declared here."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("dashboards", "devctl", "services")
MOST_LINES, MOST_PARAMETERS, MOST_METHODS = 50, 6, 25

MANY_PARAMETERS = {
    # What one call of the protocol takes; the shape on the wire has as many keys.
    "devctl/session/client.py: apply",
    "devctl/session/protocol.py: apply",
    # Made in one spot, which hands it all that it works with.
    "devctl/supervisor/stack.py: __init__",
    # One operator of Compose's grammar: its text, the value, and where it stands.
    "devctl/manifest/interpolate.py: _operate",
    # One HTTP call, and one request of the shop: each parameter is a part of the contract.
    "services/common/http/client.py: send",
    "services/common/http/client.py: call",
    "services/cart/handlers.py: set_quantity",
    "services/cart/handlers.py: check_out",
    "services/order/handlers.py: _store_order",
    "services/payment/handlers.py: work",
    # What Grafana lets one say of a time series.
    "dashboards/panels.py: series",
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield every function and class with its path and name."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, Function | ast.ClassDef):
                    yield f"{path.relative_to(ROOT)}: {node.name}", node


def parameters(function: Function) -> int:
    taken = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return len([each for each in taken if each.arg not in ("self", "cls")])


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        name
        for name, node in nodes()
        if isinstance(node, Function) and (node.end_lineno or 0) - node.lineno >= MOST_LINES
    ]

    assert long == []


def test_what_takes_many_parameters_is_declared() -> None:
    many = {name for name, node in nodes() if isinstance(node, Function) and parameters(node) > MOST_PARAMETERS}

    assert many == MANY_PARAMETERS


def test_no_class_has_more_methods_than_one_idea_needs() -> None:
    many = [
        name
        for name, node in nodes()
        if isinstance(node, ast.ClassDef) and sum(isinstance(each, Function) for each in node.body) > MOST_METHODS
    ]

    assert many == []
