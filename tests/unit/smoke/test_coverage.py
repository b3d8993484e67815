"""Coverage is asked of whatever a service answers: nothing that it says may cost the report."""

from typing import Any

import pytest

from devctl.smoke.report.coverage import operations


def test_operations_are_read_from_an_openapi_document() -> None:
    document = {"paths": {"/orders": {"get": {}, "post": {}, "parameters": []}, "/orders/{id}": {"get": {}}}}
    assert list(operations(document)) == [("get", "/orders"), ("post", "/orders"), ("get", "/orders/{id}")]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        3,
        {},
        {"paths": None},
        {"paths": [1]},
        {"paths": {"/a": None, "/b": "x", "/c": ["get"], "/d": 1}},
    ],
)
def test_a_document_that_is_none_has_no_operations(document: Any) -> None:
    assert list(operations(document)) == []
