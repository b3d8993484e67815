"""What doctor says of a machine: which variant runs, what the others need, what a stand-in lacks."""

import json
import socket
from typing import Any

from devctl.actions.doctor import machine, variants
from devctl.tools.base import Available, Missing, Tool
from tests.unit.cli.conftest import Run


def ways(**tools: Any) -> dict[tuple[str, str], variants.Way]:
    def available(name: str) -> Any:
        return tools.get(name, Missing(name, "no source has it", "install it"))

    return {(way.product, way.variant): way for way in variants.ways(False, available)}


def here(name: str) -> Available:
    return Available(name, "path", "4.1", tool=Tool(name, f"/usr/bin/{name}", "4.1", "path"))


def test_the_real_program_runs_where_it_is_at_hand_and_the_stand_in_stays_possible() -> None:
    found = ways(java=here("java"), kafka=here("kafka"))
    assert found["kafka", "native"].state == "runs"
    assert found["kafka", "embedded"].state == "possible"


def test_what_has_to_be_downloaded_is_told_with_its_size() -> None:
    found = ways(java=here("java"), kafka=Available("kafka", "maven", "4.1", 45_000_000))
    assert found["kafka", "native"].state == "fetch"
    assert "45 MB" in found["kafka", "native"].found
    assert found["kafka", "native"].download_bytes == 45_000_000


def test_without_the_real_program_the_stand_in_runs_and_says_what_it_lacks() -> None:
    found = ways()
    assert found["kafka", "native"].state == "missing"
    assert "install it" in found["kafka", "native"].needs
    assert found["kafka", "embedded"].state == "runs"
    assert found["kafka", "embedded"].lacks


def test_every_product_is_told() -> None:
    assert {product for product, _ in ways()} == {"consul", "grafana", "jaeger", "kafka", "postgres", "prometheus"}


def test_a_taken_port_is_named_with_its_service_and_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        (finding,) = machine.port_findings({number: "gateway"}, machine.holder)
    assert finding.state == "bad"
    assert "wanted by gateway" in finding.found
    assert list(machine.port_findings({number: "gateway"}, lambda _: "")) == []


def test_doctor_shows_the_machine_and_the_products_and_the_same_as_json(run: Run) -> None:
    code, screen = run("doctor")
    assert code in (0, 3)
    assert "PRODUCT" in screen.shown
    assert "python" in screen.shown
    told = json.loads(run("doctor --json")[1].shown)
    assert set(told) == {"machine", "products"}
    assert all(set(one) == {"name", "state", "found", "cure"} for one in told["machine"])
