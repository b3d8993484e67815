"""The committed OpenAPI documents, and the guard that keeps them from breaking clients."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.contracts import __main__ as command
from services.contracts import asyncapi
from services.contracts.breaking import breaking_changes, breaking_events

Document = dict[str, Any]

OLD: Document = {
    "paths": {
        "/things": {
            "post": {
                "operationId": "make_thing",
                "parameters": [
                    {"in": "query", "name": "dry", "required": False, "schema": {"type": "integer", "maximum": 100}}
                ],
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
                "properties": {
                    "name": {"type": "string", "maxLength": 9},
                    "kind": {"enum": ["a", "b"]},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "change": {
                        "anyOf": [{"$ref": "#/components/schemas/Move"}, {"$ref": "#/components/schemas/Count"}]
                    },
                    "weights": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
                },
                "required": ["name"],
            },
            "Out": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "state": {"enum": ["open", "closed"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
                },
                "required": ["id"],
            },
            "Part": {"type": "object", "properties": {"n": {"type": "integer"}}},
            "Move": {"type": "object", "properties": {"by": {"type": "integer"}}, "required": ["by"]},
            "Count": {"type": "object", "properties": {"to": {"type": "integer"}}, "required": ["to"]},
        }
    },
}


def schemas(document: Document) -> Document:
    part: Document = document["components"]["schemas"]
    return part


def post(document: Document) -> Document:
    part: Document = document["paths"]["/things"]["post"]
    return part


def accepted(document: Document) -> Document:
    part: Document = schemas(document)["In"]["properties"]
    return part


def returned(document: Document) -> Document:
    part: Document = schemas(document)["Out"]["properties"]
    return part


STRING_OR_NULL = {"anyOf": [{"type": "string"}, {"type": "null"}]}


BREAKING: dict[str, Callable[[Document], object]] = {
    "POST /things is gone": lambda d: d["paths"].clear(),
    "POST /things: it no longer answers 201": lambda d: post(d)["responses"].pop("201"),
    "POST /things: 201.id is gone": lambda d: schemas(d)["Out"]["properties"].pop("id"),
    "POST /things: 201.id may now be missing": lambda d: schemas(d)["Out"]["required"].clear(),
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
    "POST /things: the query parameter dry has maximum 50 now": lambda d: post(d)["parameters"][0]["schema"].update(
        maximum=50
    ),
    "POST /things: the query parameter dry was integer and is now string": lambda d: post(d)["parameters"][0].update(
        schema={"type": "string"}
    ),
    "POST /things: it now requires a token": lambda d: post(d).update(security=[{"bearer": []}]),
    "POST /things: its operationId was make_thing and is now make": lambda d: post(d).update(operationId="make"),
    "POST /things: it now requires a body": lambda d: post(d)["requestBody"].update(required=True),
    "POST /things: body is no longer application/json": lambda d: post(d)["requestBody"]["content"].clear(),
    "POST /things: 201 is no longer application/json": lambda d: post(d)["responses"]["201"]["content"].clear(),
    "POST /things: body.name has maxLength 8 now": lambda d: accepted(d)["name"].update(maxLength=8),
    "POST /things: body.name has minLength 1 now": lambda d: accepted(d)["name"].update(minLength=1),
    "POST /things: body.name has another pattern now": lambda d: accepted(d)["name"].update(pattern="^a"),
    "POST /things: body.note may no longer be null": lambda d: accepted(d).update(note={"type": "string"}),
    "POST /things: body.change.by is now required": lambda d: accepted(d)["change"]["anyOf"].pop(),
    "POST /things: body.weights{} has minimum 1 now": lambda d: accepted(d)["weights"]["additionalProperties"].update(
        minimum=1
    ),
    "POST /things: 201.state may now be lost": lambda d: returned(d)["state"]["enum"].append("lost"),
    "POST /things: 201.state may now be anything": lambda d: returned(d).update(state={"type": "string"}),
    "POST /things: 201.id may now be null": lambda d: returned(d).update(id=STRING_OR_NULL),
}

HARMLESS: dict[str, Callable[[Document], object]] = {
    "nothing": lambda d: None,
    "a new path": lambda d: d["paths"].update({"/more": {"get": {"responses": {}}}}),
    "a new optional field": lambda d: schemas(d)["In"]["properties"].update(more={"type": "string"}),
    "a field more in the answer": lambda d: schemas(d)["Out"]["properties"].update(more={"type": "string"}),
    "a required field that became optional": lambda d: schemas(d)["In"]["required"].clear(),
    "an error that is gone": lambda d: post(d)["responses"].pop("404"),
    "a wider bound": lambda d: accepted(d)["name"].update(maxLength=10),
    "one choice more in what is taken": lambda d: accepted(d)["kind"]["enum"].append("c"),
    "one choice less in the answer": lambda d: returned(d)["state"]["enum"].pop(),
    "one kind more in what is taken": lambda d: accepted(d)["change"]["anyOf"].insert(0, {"type": "string"}),
    "what is taken may be null": lambda d: accepted(d).update(name=STRING_OR_NULL),
    "a token that may be shown": lambda d: post(d).update(security=[{"bearer": []}, {}]),
}


def payload(document: Document, name: str) -> Document:
    part: Document = document["components"]["messages"][name]["payload"]
    return part


BREAKING_EVENTS: dict[str, Callable[[Document], object]] = {
    "the topic shop.order.v1 is gone": lambda d: d["channels"]["order"].update(address="shop.order.v2"),
    "orderPaid is no longer told in shop.order.v1": lambda d: d["channels"]["order"]["messages"].pop("orderPaid"),
    "orderPaid.amount is gone": lambda d: payload(d, "orderPaid")["properties"].pop("amount"),
    "orderPaid.amount may now be missing": lambda d: payload(d, "orderPaid")["required"].remove("amount"),
    "orderPaid.amount was integer and is now string": lambda d: payload(d, "orderPaid")["properties"].update(
        amount={"type": "string"}
    ),
    "orderCreated.items[].productId is gone": lambda d: payload(d, "orderCreated")["properties"]["items"]["items"][
        "properties"
    ].pop("productId"),
    "orderPaid: its type was order.paid and is now paid": lambda d: d["components"]["messages"]["orderPaid"].update(
        name="paid"
    ),
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


@pytest.mark.parametrize("complaint", BREAKING_EVENTS)
def test_what_a_reader_of_events_would_trip_over_is_named(complaint: str) -> None:
    old, new = asyncapi.document(), asyncapi.document()
    BREAKING_EVENTS[complaint](new)
    assert breaking_events(old, new) == [complaint]


def test_a_field_more_in_an_event_passes() -> None:
    old, new = asyncapi.document(), asyncapi.document()
    payload(new, "orderPaid")["properties"]["more"] = {"type": "string"}
    assert breaking_events(old, new) == []


def test_the_committed_documents_are_those_of_the_code() -> None:
    assert command.main(["--check"]) == 0


def test_a_breaking_change_is_neither_checked_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(command.FOLDER / "openapi", tmp_path / "openapi")
    shutil.copy(command.FOLDER / command.EVENTS, tmp_path)
    promised = json.loads((tmp_path / "openapi/payment.json").read_text())
    promised["paths"]["/api/v1/refunds"] = promised["paths"]["/api/v1/payments"]
    (tmp_path / "openapi/payment.json").write_text(json.dumps(promised))
    (tmp_path / "openapi/shipping.json").write_text("{}")
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    assert command.main(["--check"]) == 1
    assert command.main(["--write"]) == 1
    complaints = capsys.readouterr().err
    assert "breaking: payment: GET /api/v1/refunds is gone" in complaints
    assert "breaking: shipping: the document is gone" in complaints
    assert json.loads((tmp_path / "openapi/payment.json").read_text()) == promised
    assert command.main(["--write", "--allow-breaking"]) == 0
    assert command.main(["--check"]) == 0
