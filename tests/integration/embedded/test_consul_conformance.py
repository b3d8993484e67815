"""The embedded Consul does what a real one does: every scenario is run against both and the observations compared."""

from __future__ import annotations

import pytest

from tests.integration.embedded.consul_scenarios import SCENARIOS, observe
from tests.reference.observed import Reference, as_json, at_once, recording
from tests.reference.running import HTTP

# The first use builds the real one where there is Go: minutes, once per user.
pytestmark = [pytest.mark.xdist_group("consul"), pytest.mark.real, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_emulator_shows_what_the_real_one_shows(
    scenario: str, consul_emulator: str, consul_reference: Reference
) -> None:
    embedded, real = at_once(lambda: observe(consul_emulator, scenario), lambda: consul_reference.observe(scenario))
    assert embedded == real


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_recording_is_what_the_real_one_shows(scenario: str, consul_reference: Reference) -> None:
    if consul_reference.why_recorded:
        pytest.skip(f"compared with recorded answers of Consul 1.12.9: {consul_reference.why_recorded}")
    assert recording("consul")[scenario] == as_json(consul_reference.observe(scenario))


@pytest.mark.parametrize(
    "path", ["acl/tokens", "connect/ca/roots", "txn", "query", "event/list", "operator/raft/configuration"]
)
def test_what_the_emulator_lacks_it_says_in_a_plain_sentence(path: str, consul_emulator: str) -> None:
    answer = HTTP.get(f"{consul_emulator}/v1/{path}")
    assert answer.status_code == 501
    assert "emulator" in answer.text
    assert "does not do" in answer.text


@pytest.mark.parametrize("check", [{"GRPC": "127.0.0.1:1"}, {"Args": ["true"]}, {"AliasService": "x"}])
def test_a_check_of_a_kind_it_lacks_is_refused_not_ignored(check: dict[str, object], consul_emulator: str) -> None:
    body = {"Name": "lacking", "Check": check | {"Interval": "1s"}}
    answer = HTTP.put(f"{consul_emulator}/v1/agent/service/register", json=body)
    assert (answer.status_code, "emulator" in answer.text) == (501, True)
    assert HTTP.get(f"{consul_emulator}/v1/agent/service/lacking").status_code == 404


def test_a_filter_that_it_cannot_read_is_refused_not_ignored(consul_emulator: str) -> None:
    for text in ("((", "Nope == 1", "ID is", "ID ~ x", "Service == x or"):
        answer = HTTP.get(f"{consul_emulator}/v1/health/service/consul", params={"filter": text})
        assert answer.status_code == 501, text


def test_it_names_itself_and_answers_loopback_names_alone(consul_emulator: str) -> None:
    assert HTTP.get(f"{consul_emulator}/v1/agent/self").json()["Config"]["Version"].endswith("-devctl-embedded")
    page = HTTP.get(f"{consul_emulator}/ui/")
    assert "devctl's embedded emulator" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert HTTP.get(f"{consul_emulator}/v1/kv/x", headers={"Host": "rebound.example"}).status_code == 403
