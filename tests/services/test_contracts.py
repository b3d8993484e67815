"""The committed OpenAPI documents, and the guard that keeps them from breaking clients."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from services.contracts.__main__ import main
from services.contracts.breaking import breaking_changes

Document = dict[str, Any]

OLD: Document = {
    "paths": {
        "/things": {
            "post": {
                "parameters": [{"in": "query", "name": "dry", "required": False}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
                "responses": {
                    "201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}},
                    "404": {},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "In": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"name": {"type": "string"}, "kind": {"enum": ["a", "b"]}},
                "required": ["name"],
            },
            "Out": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                },
                "required": ["id"],
            },
            "Part": {"type": "object", "properties": {"n": {"type": "integer"}}},
        }
    },
}


def schemas(document: Document) -> Document:
    found: Document = document["components"]["schemas"]
    return found


def post(document: Document) -> Document:
    found: Document = document["paths"]["/things"]["post"]
    return found


BREAKING: dict[str, Callable[[Document], object]] = {
    "POST /things is gone": lambda d: d["paths"].clear(),
    "POST /things: it no longer answers 201": lambda d: post(d)["responses"].pop("201"),
    "POST /things: 201.id is gone from the answer": lambda d: schemas(d)["Out"]["properties"].pop("id"),
    "POST /things: 201.id may now be missing from the answer": lambda d: schemas(d)["Out"]["required"].clear(),
    "POST /things: 201.parts[].n was integer and is now string": lambda d: schemas(d)["Part"]["properties"].update(
        n={"type": "string"}
    ),
    "POST /things: body.kind is now required": lambda d: schemas(d)["In"]["required"].append("kind"),
    "POST /things: body.kind is no longer accepted": lambda d: schemas(d)["In"]["properties"].pop("kind"),
    "POST /things: body.kind no longer accepts b": lambda d: schemas(d)["In"]["properties"].update(
        kind={"enum": ["a"]}
    ),
    "POST /things: it now requires the query parameter dry": lambda d: post(d)["parameters"][0].update(required=True),
    "POST /things: the query parameter dry is gone": lambda d: post(d)["parameters"].clear(),
}

HARMLESS: dict[str, Callable[[Document], object]] = {
    "nothing": lambda d: None,
    "a new path": lambda d: d["paths"].update({"/more": {"get": {"responses": {}}}}),
    "a new optional field": lambda d: schemas(d)["In"]["properties"].update(more={"type": "string"}),
    "a field more in the answer": lambda d: schemas(d)["Out"]["properties"].update(more={"type": "string"}),
    "a required field that became optional": lambda d: schemas(d)["In"]["required"].clear(),
    "an error that is gone": lambda d: post(d)["responses"].pop("404"),
}


@pytest.mark.parametrize("complaint", BREAKING)
def test_what_a_client_would_trip_over_is_named(complaint: str) -> None:
    new = copy.deepcopy(OLD)
    BREAKING[complaint](new)
    assert breaking_changes(OLD, new) == [complaint]


@pytest.mark.parametrize("change", HARMLESS)
def test_what_no_client_notices_passes(change: str) -> None:
    new = copy.deepcopy(OLD)
    HARMLESS[change](new)
    assert breaking_changes(OLD, new) == []


def test_the_committed_documents_are_those_of_the_code() -> None:
    assert main(["--check"]) == 0
