"""What Tab offers: names of services from whatever is there, and nothing rather than an error."""

import json
from pathlib import Path

import pytest

from devctl.cli.line import complete
from devctl.cli.line.complete import offers, profiles_in

BLOCK = """\
name: shop
x-service: &service
  command: no
services:
  # a comment
  order:
    command: run
    ports: {http: 1}
  "cart": {uses: kafka}

  payment.v2: {}
volumes:
  other: {}
"""


@pytest.mark.parametrize(
    ("manifest", "names"),
    [
        (BLOCK, {"order", "cart", "payment.v2"}),
        ("services: {order: {}, cart: {}}", {"order", "cart"}),
        ("services:\n", set()),
        ("services: [", set()),
        ("services: " + "[" * 5000, set()),
        ("", set()),
        ("- services", set()),
    ],
)
def test_services_are_found_in_a_manifest_however_it_is_written(manifest: str, names: set[str]) -> None:
    assert complete.names_in(manifest) == names


def test_services_come_from_the_manifest_and_from_what_last_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack.yaml").write_text("services:\n  order: {}\n")
    run = tmp_path / ".devctl" / "runs" / "20260131-120000-abcd"
    run.mkdir(parents=True)
    (run / "spec.json").write_text(json.dumps({"services": {"hub": {}}}))
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert complete.services() == ["hub", "order"]
    assert complete.runs() == ["20260131-120000-abcd"]


def test_where_there_is_no_stack_nothing_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert complete.services() == []


def test_profiles_are_offered_in_every_form_of_the_manifest() -> None:
    text = (
        "services:\n  a: {profiles: [one, 'two']}\n  b:\n    profiles:\n      - three\n      - four\n    command: x\n"
        "  c:\n    profiles: five\n"
    )
    assert profiles_in(text) == {"one", "two", "three", "four", "five"}


def test_profiles_and_boards_of_the_folder_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yaml").write_text("services: {a: {command: x, profiles: [extra]}}")
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "b.json").write_text('{"uid": "checkout", "title": "Checkout", "panels": []}')
    profiles, boards = offers("profile"), offers("board")
    assert profiles is not None
    assert boards is not None
    assert (profiles(), boards()) == (["extra"], ["checkout"])


def test_instances_are_offered_beside_the_services_that_have_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack.yaml").write_text("services:\n  order: {}\n")
    run = tmp_path / ".devctl" / "runs" / "20260131-120000-abcd"
    run.mkdir(parents=True)
    (run / "spec.json").write_text(json.dumps({"services": {"order": {"replicas": 2}, "cart": {"replicas": 1}}}))
    monkeypatch.chdir(tmp_path)
    offered = offers("instance")
    assert offered is not None
    assert offered() == ["cart", "order", "order.1", "order.2"]
