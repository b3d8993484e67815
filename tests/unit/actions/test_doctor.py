"""What doctor tells of a machine: which variant runs, what the others need, the limitations of an emulator."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from devctl.actions import doctor
from devctl.actions.access import Selection, StackAccess
from devctl.actions.doctor import machine, variants
from devctl.tools.base import Available, Tool, Unavailable
from tests.unit.cli.conftest import Run, run  # noqa: F401  a fixture


def examined(**tools: Any) -> dict[tuple[str, str], variants.VariantAvailability]:
    def available(name: str) -> Any:
        return tools.get(name, Unavailable(name, "no source has it", "install it"))

    return {(item.product, item.variant): item for item in variants.examine(False, available)}


def here(name: str) -> Available:
    return Available(name, "path", "4.1", tool=Tool(name, f"/usr/bin/{name}", "4.1", "path"))


def test_the_real_program_runs_where_it_is_at_hand_and_the_emulator_stays_possible() -> None:
    items = examined(java=here("java"), kafka=here("kafka"))
    assert items["kafka", "native"].state == "runs"
    assert items["kafka", "embedded"].state == "possible"


def test_what_has_to_be_downloaded_is_told_with_its_size() -> None:
    native = examined(java=here("java"), kafka=Available("kafka", "maven", "4.1", 45_000_000))["kafka", "native"]
    assert native.state == "fetch"
    assert "45 MB" in native.detail
    assert native.download_bytes == 45_000_000


def test_without_the_real_program_the_emulator_runs_and_its_limitations_are_told() -> None:
    items = examined()
    assert items["kafka", "native"].state == "missing"
    assert "install it" in items["kafka", "native"].needs
    assert items["kafka", "embedded"].state == "runs"
    assert items["kafka", "embedded"].limitations


def test_every_product_is_told() -> None:
    products = {product for product, _ in examined()}
    assert {"consul", "grafana", "jaeger", "kafka", "postgres", "prometheus"} <= products


def test_a_taken_port_is_named_with_its_service_and_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        (finding,) = machine.port_findings({number: "gateway"}, machine.holder)
    assert finding.state == machine.FindingState.BAD
    assert "wanted by gateway" in finding.observation
    assert list(machine.port_findings({number: "gateway"}, lambda _: "")) == []


def test_a_manifest_that_is_broken_is_one_bad_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yaml").write_text("services: 3\n")
    report = doctor.examine(StackAccess(Selection(), {}))
    assert [item.name for item in report.machine if item.state == doctor.FindingState.BAD][-1] == "manifest"
    assert report.is_bad


def test_doctor_shows_the_machine_and_the_products_and_the_same_as_json(run: Run) -> None:  # noqa: F811
    code, screen = run("doctor")
    assert code in (0, 3)
    assert "PRODUCT" in screen.shown
    assert "python" in screen.shown
    document = json.loads(run("doctor --json")[1].shown)
    assert set(document) == {"machine", "products"}
    assert all(set(item) == {"name", "state", "found", "cure"} for item in document["machine"])
    assert {item["state"] for item in document["machine"]} <= {"ok", "note", "bad"}
    keys = {"product", "variant", "state", "found", "needs", "lacks", "download_bytes"}
    assert all(set(item) == keys for item in document["products"])
