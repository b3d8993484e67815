"""CONTRIBUTING's example of a service is the whole truth: its places, and no other, add a service to the shop."""

import tomllib
from pathlib import Path

import pytest

from tests import examples

TITLE = "A service of the shop"
ASK = """
import asyncio, httpx, tempfile
from services.common.runtime.settings import Environment
from services.monolith import compose

async def ask(path):
    with tempfile.TemporaryDirectory() as folder:
        shop = compose(Environment({"DATA_DIR": folder}))
        await shop.start()
        transport = httpx.ASGITransport(shop.applications["gateway"])
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            answer = await client.get(path)
        await shop.stop()
    print(answer.status_code, answer.text)

for path in ("/api/v1/deliveries/DE", "/api/v1/deliveries/XX"):
    asyncio.run(ask(path))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the shop in which the example was followed, and its documents were written."""
    parts = ("services", "stack.yaml", "stack", "pyproject.toml")
    return examples.copy(tmp_path_factory.mktemp("shop"), *parts)


@pytest.fixture(scope="module")
def listed(copy: Path) -> set[str]:
    """Return the files that the example names."""
    listed = examples.follow(TITLE, copy)
    examples.python(copy, "-m", "services.contracts", "--write")
    return listed


def test_the_listed_places_and_no_other_are_changed(copy: Path, listed: set[str]) -> None:
    assert examples.changed(copy) == listed


def test_the_service_is_asked_through_the_gateway(copy: Path, listed: set[str]) -> None:
    printed = examples.python(copy, "-c", ASK).splitlines()
    good, bad = (line for line in printed if not line.startswith("{"))  # else a line of the log
    assert good == '200 {"country":"DE","days":1}'
    assert bad.startswith("404 ")
    assert "Nothing is delivered to XX" in bad


def test_the_stack_has_the_service(copy: Path, listed: set[str]) -> None:
    printed = examples.python(copy, "-m", "devctl", "config", "--services")
    assert "delivery" in printed.split()


def test_the_import_contracts_name_every_service(copy: Path, listed: set[str]) -> None:
    contracts = tomllib.loads((copy / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    independent = next(c["modules"] for c in contracts if c["name"] == "A service imports nothing of another service")
    names = examples.python(copy, "-c", "import services; print(*services.PORTS)").split()
    assert sorted(independent) == sorted(f"services.{name}" for name in names)
