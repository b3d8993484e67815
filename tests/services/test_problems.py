"""What goes wrong is said the same way on every route of every service: a problem document with the word `error`."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.common.runtime import secrets
from services.contracts.openapi import documents
from tests.services.harness import TestShop, running_shop

DOCUMENTS = documents()
JSON = {"content-type": "application/json"}
WRONG_BODIES: list[tuple[int, dict[str, Any]]] = [
    (400, {"content": b"{", "headers": JSON}),
    (413, {"content": b" " * 300_000, "headers": JSON}),
    (415, {"content": b"a=1", "headers": {"content-type": "application/x-www-form-urlencoded"}}),
    (422, {"json": {"aFieldThatNobodyKnows": 1}}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestShop]:
    async with running_shop(tmp_path_factory.mktemp("problems")) as running:
        yield running


def _wrong(document: dict[str, Any]) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Yield method, path, status and the rest of every request that a service must refuse."""
    yield "GET", "/no/such/path", 404, {}
    for template, item in document["paths"].items():
        path = template.replace("{service}", "catalog").replace("{", "").replace("}", "")
        yield "OPTIONS", path, 405, {}
        for method, operation in item.items():
            if "requestBody" in operation:
                yield from ((method.upper(), path, status, options) for status, options in WRONG_BODIES)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.asyncio(loop_scope="session")
async def test_every_refusal_is_a_problem_document(shop: TestShop, name: str) -> None:
    admin = await shop.member(is_admin=True)
    client = shop.client(
        name, **{"authorization": f"Bearer {admin.token}", secrets.HEADER: shop.shop.runtimes[name].token}
    )
    for method, path, status, options in _wrong(DOCUMENTS[name]):
        answer = await client.request(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
        _is_problem(answer)


def _is_problem(answer: httpx.Response) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert all(isinstance(body[member], str) and body[member] for member in ("type", "title", "instance", "error"))
