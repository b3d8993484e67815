"""Every way to check has its probe, and survives its way to disk and over the session."""

from __future__ import annotations

import json
import typing
from pathlib import Path

import pytest

from devctl import probes
from devctl.core.checks import Check, CommandCheck, GrpcCheck, HttpCheck, KafkaCheck, LogCheck, TcpCheck
from devctl.core.spec import Variant, from_json, to_json
from devctl.core.status import Kind
from devctl.probes.base import Target
from devctl.probes.kinds import probe

CHECKS: list[Check] = [
    HttpCheck(port="http", path="/h", status=(200, 204), headers={"a": "b"}),
    TcpCheck(port="http"),
    CommandCheck(argv=("pg_isready", "-q"), retries=9),
    LogCheck(pattern="ready"),
    KafkaCheck(port="http", topics=("a", "b")),
    GrpcCheck(port="http", service="shop.v1.Orders"),
]


def test_these_are_all_ways_there_are() -> None:
    assert {type(check) for check in CHECKS} == set(typing.get_args(Check))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.kind)
def test_every_way_has_a_probe_in_the_module_of_its_name(check: Check) -> None:
    made = probe(check, Target("a.1", {"http": 1}))
    assert type(made).__module__ == f"{probes.__name__}.{check.kind}"
    assert made.describe
    assert check.describe()


def test_every_module_of_a_probe_has_its_way() -> None:
    shared = {"__init__", "base", "kinds"}
    modules = {path.stem for path in Path(probes.__path__[0]).glob("*.py")} - shared
    assert modules == {check.kind for check in CHECKS}


def stored(check: Check) -> dict[str, object]:
    """Return the JSON form of a variant with this check."""
    return typing.cast(dict[str, object], json.loads(json.dumps(to_json(Variant("x", Kind.PROCESS, check=check)))))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.kind)
def test_a_check_survives_its_json_form(check: Check) -> None:
    assert from_json(Variant, stored(check)).check == check


def test_a_check_of_an_earlier_version_with_the_fields_of_all_kinds_is_read() -> None:
    body = stored(TcpCheck(port="http"))
    body["check"] = {**typing.cast(dict[str, object], body["check"]), "path": "/", "headers": {}, "argv": []}
    assert from_json(Variant, body).check == TcpCheck(port="http")


@pytest.mark.parametrize("kind", ["ftp", None, 7])
def test_a_check_that_this_version_does_not_know_is_refused(kind: object) -> None:
    body = {**stored(TcpCheck()), "check": {"kind": kind}}
    with pytest.raises(ValueError, match="is one of"):
        from_json(Variant, body)


def test_references_are_filled_in_wherever_a_text_stands() -> None:
    filled = HttpCheck(path="/<p>", headers={"a": "<h>"}, status=(200,)).filled(lambda text: text.replace("<", "!"))
    assert filled == HttpCheck(path="/!p>", headers={"a": "!h>"}, status=(200,))
    assert CommandCheck(argv=("<a",)).filled(str.upper).argv == ("<A",)
