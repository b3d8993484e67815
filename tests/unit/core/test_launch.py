"""Launches: references filled in, variables laid over each other."""

from dataclasses import replace

import pytest

from devctl.core.launch import RunContext, Variants, addresses, launch, make_resolver
from devctl.core.spec import Port, Service, Spec, Variant, placeholder
from devctl.core.status import Kind
from tests import fakes

PORTS = {
    "web.1": {"http": 8000, "admin-page": 8001},
    "web.2": {"http": 8002, "admin-page": 8003},
    "hub.1": {"otlp": 4318},
}


def make(
    environment: dict[str, str],
    argv: tuple[str, ...] = ("run",),
    instance: str = "web.1",
    unset: tuple[str, ...] = (),
    **fields: object,
) -> object:
    variant = Variant("process", Kind.PROCESS, argv=argv, environment=environment, unset=unset)
    web = Service("web", (variant,), ports=(Port("http"), Port("admin-page", inherited=True)), replicas=2)
    hub = replace(fakes.service("hub"), ports=(Port("otlp"),))
    fields = {"host_environment": {"PATH": "/bin", "LANG": "C"}, **fields}
    spec = replace(fakes.spec(web, hub), **fields)  # type: ignore[arg-type]
    resolver = make_resolver(
        "web",
        instance,
        (addresses(spec, PORTS), Variants({"web": "process"}.get, spec.services)),
        PORTS,
        {"java": "/j"},
    )  # type: ignore[arg-type]
    return launch(RunContext(spec, "run-1", PORTS, "/logs"), web, variant, instance, resolver)


def environment(made: object) -> dict[str, str]:
    return made.environment  # type: ignore[attr-defined, no-any-return]


def test_ports_are_told_by_name_and_the_manifest_has_the_last_word() -> None:
    variables = environment(make({"PORT": "1", "LANG": "de"}))
    assert variables["PORT"] == "1"
    assert variables["HTTP_PORT"] == "8000"
    assert variables["ADMIN_PAGE_PORT"] == "8001"
    assert (variables["PATH"], variables["LANG"]) == ("/bin", "de")


def test_a_variable_that_is_taken_away_comes_from_nowhere() -> None:
    names = ("PORT", "LANG", "OTEL_SERVICE_NAME")
    variables = environment(make({"A": "1"}, unset=names))
    assert not variables.keys() & set(names)
    assert (variables["A"], variables["HTTP_PORT"]) == ("1", "8000")


def test_references_stand_for_the_own_instance_and_for_all() -> None:
    references = {
        "OWN": placeholder("services.web.http"),
        "HOST": placeholder("services.web.http.host"),
        "NUMBER": placeholder("services.web.http.port"),
        "ALL": placeholder("services.web.http.all"),
        "TOOL": placeholder("tools.java"),
        "VARIANT": placeholder("services.web.variant"),
    }
    variables = environment(make(references, instance="web.2"))
    assert [variables[key] for key in references] == [
        "127.0.0.1:8002", "127.0.0.1", "8002", "127.0.0.1:8000,127.0.0.1:8002", "/j", "process",
    ]  # fmt: skip


def test_telemetry_variables_point_at_the_hub_unless_there_is_none() -> None:
    variables = environment(make({"OTEL_SERVICE_NAME": "mine"}))
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert variables["OTEL_SERVICE_NAME"] == "mine"
    assert "service.instance.id=web.1" in variables["OTEL_RESOURCE_ATTRIBUTES"]
    assert not any(key.startswith("OTEL") for key in environment(make({}, telemetry=False)))


def test_variables_that_were_passed_on_from_the_shell_have_the_last_word_too() -> None:
    variables = environment(make({}, host_environment={"OTEL_SERVICE_NAME": "from the shell"}))
    assert variables["OTEL_SERVICE_NAME"] == "from the shell"


def test_inherited_ports_are_handed_over_by_number() -> None:
    assert make({}).inherited == {"admin-page": 8001}  # type: ignore[attr-defined]


def test_an_unknown_reference_is_named() -> None:
    with pytest.raises(KeyError, match=r"services\.nobody\.http"):
        make({"A": placeholder("services.nobody.http")})
    with pytest.raises(KeyError, match=r"services\.nobody\.variant"):
        make({"A": placeholder("services.nobody.variant")})
    assert isinstance(Spec("", ""), Spec)
