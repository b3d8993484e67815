"""Checks and contract that a recorded run suggests: they load, and say no more than was seen."""

from pathlib import Path
from typing import Any

from devctl.manifest.load import LoadRequest, load
from devctl.manifest.smoke import Smoke
from devctl.paths import StackPaths
from devctl.smoke.proposal import document
from tests.unit.queries.spans import record, span

CONSUMER, PRODUCER, CLIENT, SERVER = 5, 4, 3, 2
SERVICES = ("gateway", "order")


def request(name: str, number: int, status: int, *, parent: int = 0, trace: int = 1, **more: Any) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    attributes = {
        "http.request.method": method, "url.path": more.pop("path", path), "http.route": path,
        "http.response.status_code": status,
    }  # fmt: skip
    return span(name, number, 0, 1, parent=parent, trace=trace, kind=SERVER, attributes=attributes, **more)


def proposed(folder: Path, **services: list[dict[str, Any]]) -> tuple[str, Smoke]:
    reader = record(folder, **services)
    text = document("20260131", list(reader.within(0, 1 << 62)), [], SERVICES)
    reader.close()
    manifest = "services: {gateway: {command: x, ports: {http: auto}}, order: {command: x, ports: {http: auto}}}\n"
    (folder / "stack.yaml").write_text(manifest + text)
    loaded = load(LoadRequest(paths=StackPaths(folder), environ={"PATH": "/bin"}, with_smoke=True))
    assert loaded.smoke
    return text, loaded.smoke


def test_a_get_of_a_fixed_path_from_outside_becomes_a_check(tmp_path: Path) -> None:
    _, smoke = proposed(tmp_path, gateway=[request("GET /products", 1, 200), request("GET /products", 2, 200, trace=2)])
    (check,) = smoke.checks
    (step,) = check.steps
    assert (check.name, step.http and step.http.path) == ("gateway answers GET /products", "/products")


def test_what_needs_a_body_an_id_or_a_token_is_a_comment(tmp_path: Path) -> None:
    text, smoke = proposed(
        tmp_path,
        gateway=[
            request("POST /orders", 1, 201),
            request("GET /orders/{id}", 2, 200, path="/orders/17"),
            request("GET /me", 3, 200),
            request("GET /me", 4, 401, trace=2),
        ],
    )
    assert smoke.checks == ()
    assert "#   gateway: POST /orders → 201 (1 ×)" in text
    assert "#   gateway: GET /orders/{id} → 200 (1 ×)" in text
    assert "#   gateway: GET /me → 200 (1 ×), 401 (1 ×)" in text


def test_a_request_between_services_is_no_check_but_a_call_of_the_contract(tmp_path: Path) -> None:
    call = span("GET", 2, 0, 1, parent=1, kind=CLIENT)
    _, smoke = proposed(
        tmp_path, gateway=[request("GET /products", 1, 200), call], order=[request("GET /stock", 3, 200, parent=2)]
    )
    assert [check.name for check in smoke.checks] == ["gateway answers GET /products"]
    assert smoke.contract["gateway"].calls == ("order",)
    assert smoke.contract["order"].spans == ("GET /stock",)


def test_an_event_is_a_call_through_its_topic(tmp_path: Path) -> None:
    sent = span("send orders", 1, 0, 1, kind=PRODUCER)
    taken = span(
        "process orders", 2, 1, 2, parent=1, kind=CONSUMER, attributes={"messaging.destination.name": "orders"}
    )
    _, smoke = proposed(tmp_path, gateway=[sent], order=[taken])
    assert smoke.contract["gateway"].calls == ("order via orders",)


def test_what_was_seen_is_not_forbidden(tmp_path: Path) -> None:
    _, smoke = proposed(tmp_path, gateway=[span("GET /", 1, 0, 1, kind=SERVER, error=True)])
    never = smoke.contract["*"].never
    assert (never.errors, never.unbounded) == (False, True)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    names = ["GET /a: {b}", "- x # y", "yes", "*anchor", "'", '"', "${HOME}"]
    spans = [span(name, number, 0, 1, kind=SERVER) for number, name in enumerate(names, 1)]
    _, smoke = proposed(tmp_path, gateway=spans)
    assert sorted(smoke.contract["gateway"].spans) == sorted(names)
