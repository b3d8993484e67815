"""The section `smoke` of a stack.yaml: read only by who asks for it, and then checked whole."""

from pathlib import Path

import pytest

from devctl.manifest.load import Loaded, LoadRequest, load
from devctl.manifest.problems import ManifestError
from devctl.paths import StackPaths

SERVICES = "services: {api: {command: run, ports: {http: auto}}}\n"


def loaded(folder: Path, smoke: str, *, with_smoke: bool = True) -> Loaded:
    (folder / "stack.yaml").write_text(SERVICES + smoke)
    return load(LoadRequest(paths=StackPaths(folder), environ={"PATH": "/bin"}, with_smoke=with_smoke))


def mistakes(folder: Path, smoke: str) -> str:
    with pytest.raises(ManifestError) as error:
        loaded(folder, smoke)
    return str(error.value)


def test_a_check_keeps_its_variables_for_later_and_warns_of_none(tmp_path: Path) -> None:
    result = loaded(tmp_path, "smoke: {checks: [{name: a, steps: [{http: {service: api, path: '/${order}'}}]}]}\n")
    assert result.smoke
    assert result.smoke.checks[0].steps[0].http
    assert result.smoke.checks[0].steps[0].http.path == "/${order}"
    assert result.warnings == ()


def test_an_up_does_not_look_into_the_section(tmp_path: Path) -> None:
    assert loaded(tmp_path, "smoke: {checks: [{nonsense: true}]}\n", with_smoke=False).smoke is None


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{http: {service: apii}}", "did you mean api"),
        ("{http: {service: api}, expects: {}}", "did you mean expect"),
        ("{within: 2s}", "exactly one of its kinds"),
        ("{http: {service: api}, log: {contains: x}}", "not several"),
        ("{metric: {query: up, expect: many}}", "a comparison"),
        ("{http: {service: api, method: FETCH}}", "PATCH"),
        ("{trace: {expect: {duration: quick}}}", "duration"),
        ("{metric: {query: up}, expect: {status: 200}}", "`expect` belongs to `http`, not to `metric`"),
        ("{event: {topic: t}, capture: {id: $.id}}", "`capture` belongs to `http`"),
        ("{log: {contains: x}, repeat: 3}", "`repeat` belongs to `http`"),
        ("{log: {matches: '(unclosed'}}", "not a regular expression"),
        ("{log: {contains: x, level: loud}}", "warning"),
        ("{http: {service: api}, expect: {json: {'$.items[': 1}}}", "not a JSON path"),
        ("{http: {service: api}, capture: {id: items.id}}", "not a JSON path"),
        ("{event: {topic: t, where: {data.id: 1}}}", "not a JSON path"),
    ],
)
def test_a_wrong_step_is_named_with_where_it_stands(tmp_path: Path, step: str, message: str) -> None:
    text = mistakes(tmp_path, f"smoke: {{checks: [{{name: a, steps: [{step}]}}]}}\n")
    assert message in text
    assert "stack.yaml:2:" in text


@pytest.mark.parametrize(
    "step",
    [
        "{http: {service: api}, expect: {json: {$.items.length(): '>= 1', '$[0].a': 1, '$.a[*].b': 2}}}",
        "{http: {service: api}, capture: {place: header Location, id: $.id, name: '$.${key}'}}",
        "{log: {matches: '^order [0-9]+ (paid|refused)$', level: warning}}",
        "{event: {topic: t, where: {$.data.orderId: '${order}'}}, within: 2s}",
    ],
)
def test_a_right_step_is_taken(tmp_path: Path, step: str) -> None:
    assert loaded(tmp_path, f"smoke: {{checks: [{{name: a, steps: [{step}]}}]}}\n").smoke


def test_a_check_without_steps_is_refused(tmp_path: Path) -> None:
    assert "would prove nothing" in mistakes(tmp_path, "smoke: {checks: [{name: a, steps: []}]}\n")


def test_a_call_to_an_unknown_service_is_refused(tmp_path: Path) -> None:
    text = mistakes(tmp_path, "smoke: {contract: {api: {calls: [apii via topic.v1]}}}\n")
    assert "did you mean api" in text


def test_two_checks_of_one_name_are_refused(tmp_path: Path) -> None:
    check = "{name: a, steps: [{http: {service: api}}]}"
    assert "two checks" in mistakes(tmp_path, f"smoke: {{checks: [{check}, {check}]}}\n")


def test_a_contract_of_an_unknown_service_is_refused(tmp_path: Path) -> None:
    assert "no such service" in mistakes(tmp_path, "smoke: {contract: {db: {spans: [x]}}}\n")


def test_the_resolved_manifest_keeps_the_variables_of_checks(tmp_path: Path) -> None:
    result = loaded(tmp_path, "smoke: {checks: [{name: a, steps: [{http: {service: api, path: '/${order}'}}]}]}\n")
    assert result.written()["smoke"]["checks"][0]["steps"][0]["http"]["path"] == "/${order}"
