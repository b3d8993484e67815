"""What a service provides stands in its specification; who wants it asks for that, whichever product it is."""

from __future__ import annotations

import json
from pathlib import Path

from devctl.core.spec import HUB, Spec, substitute
from devctl.hub import config
from tests.unit.manifest.loading import lacks_java, load_text, service_of, spec_of

STORES = "services: {t: {uses: tracer}, z: {uses: zipper}, b: {uses: broker}}"


def exporters(spec: Spec, folder: Path, **chosen: str) -> list[tuple[str, str, str]]:
    """Return the exporters that count for the hub while the services run as `chosen`."""
    variables = {f"services.{name}.variant": chosen.get(name, "") for name in spec.services}
    variables |= {"services.t.intake": "127.0.0.1:1", "services.z.page": "127.0.0.1:2"}
    (file,) = spec.services[HUB].variants[0].files
    (folder / "hub.json").write_text(substitute(file.content, variables))
    return [(each.name, each.kind, each.url) for each in config.load(folder / "hub.json").exporters]


def test_each_variant_says_what_it_provides_and_the_service_what_any_would(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{uses: tracer}")
    assert [(variant.name, variant.provides) for variant in service.variants] == [
        ("native", {"spans": "intake"}),
        ("embedded", {}),
    ]
    assert service.provides == {"spans": "intake"}


def test_what_cannot_be_had_here_is_still_known_to_provide_it(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{uses: tracer, run_as: native}", available=lacks_java)
    assert service.variants == ()
    assert service.provides == {"spans": "intake"}


def test_every_store_of_traces_gets_the_spans_in_its_own_format(tmp_path: Path) -> None:
    spec = load_text(tmp_path, STORES).spec
    assert exporters(spec, tmp_path, t="native", z="embedded") == [
        ("t", "otlp", "http://127.0.0.1:1/v1/traces"),
        ("z", "zipkin", "http://127.0.0.1:2/api/v2/spans"),
    ]


def test_a_variant_that_takes_no_spans_gets_none(tmp_path: Path) -> None:
    spec = load_text(tmp_path, STORES).spec
    assert [name for name, _, _ in exporters(spec, tmp_path, t="embedded", z="")] == []


def test_a_service_that_is_not_active_gets_none(tmp_path: Path) -> None:
    spec = load_text(tmp_path, "services: {t: {uses: tracer, profiles: [traces]}, a: {command: a}}").spec
    assert json.loads(spec.services[HUB].variants[0].files[0].content)["exporters"] == []


def test_a_program_of_the_stack_itself_provides_nothing(tmp_path: Path) -> None:
    assert spec_of(tmp_path, "services: {a: {command: a}}").services["a"].provides == {}
