"""The shape that every service has: what its modules may know of the world."""

import ast
import sys
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
NAMES = ("gateway", "catalog", "cart", "order", "payment", "user", "notification")
MODULES = {"__init__", "__main__", "app", "api", "handlers", "domain", "ports", "adapters", "settings"}
# The libraries that touch the world; handlers get what they need handed in.
OUTSIDE = {"fastapi", "starlette", "sqlalchemy", "httpx", "confluent_kafka", "prometheus_client", "uvicorn"}


def _imports(path: Path) -> set[str]:
    """Name the modules that a file imports, wherever it does."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


@pytest.mark.parametrize("name", NAMES)
def test_a_service_has_the_modules_that_every_service_has(name: str) -> None:
    assert {path.stem for path in (SERVICES / name).glob("*.py")} >= MODULES


@pytest.mark.parametrize("name", NAMES)
def test_a_domain_knows_the_standard_library_alone(name: str) -> None:
    roots = {module.partition(".")[0] for module in _imports(SERVICES / name / "domain.py")}
    assert roots <= sys.stdlib_module_names


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gateway"])
def test_handlers_and_ports_know_no_library_that_touches_the_world(name: str) -> None:
    for module in ("handlers", "ports"):
        imported = _imports(SERVICES / name / f"{module}.py")
        assert not {module_name.partition(".")[0] for module_name in imported} & OUTSIDE, module


@pytest.mark.parametrize("name", NAMES)
def test_a_service_imports_nothing_of_another(name: str) -> None:
    for path in (SERVICES / name).rglob("*.py"):
        foreign = {module_name for module_name in _imports(path) if module_name.startswith("services.")}
        assert {module_name.split(".")[1] for module_name in foreign} <= {name, "common"}, path
