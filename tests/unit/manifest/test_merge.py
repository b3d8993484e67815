"""Overlays follow Compose's rules."""

from pathlib import Path

from devctl.core.checks import CommandCheck
from devctl.core.spec import Service
from tests.unit.manifest.loading import load_text, mistakes_of

BASE = """
telemetry: off
services:
  a:
    command: [x, y]
    environment: {A: 1, B: 1}
    ports: {http: 80}
    depends_on: [b]
    profiles: [p]
    healthcheck: {test: [CMD, one], interval: 1s}
    watch: [src]
  b: {command: z}
"""


def overlaid(folder: Path, over: str, name: str = "stack.override.yaml") -> dict[str, Service]:
    (folder / name).write_text(over)
    return load_text(folder, BASE).spec.services


def test_the_override_beside_the_manifest_is_laid_over_it(tmp_path: Path) -> None:
    over = """
services:
  a:
    command: w
    environment: [B=2, C=3]
    ports: {admin: 81}
    depends_on: {c: {condition: service_healthy}}
    profiles: [q]
    healthcheck: {test: two}
    watch: [lib]
  c: {command: v}
"""
    service = overlaid(tmp_path, over)["a"]
    variant = service.variants[0]
    assert variant.argv == ("w",)
    assert variant.environment == {"A": "1", "B": "2", "C": "3"}
    assert [(port.name, port.number) for port in service.ports] == [("http", 80), ("admin", 81)]
    assert [(d.service, str(d.condition)) for d in service.depends_on] == [
        ("b", "service_started"),
        ("c", "service_healthy"),
    ]
    assert service.profiles == ("p", "q")
    assert isinstance(variant.check, CommandCheck)
    assert (variant.check.argv, variant.check.interval_seconds) == (("/bin/sh", "-c", "two"), 1.0)
    assert [Path(watch.path).name for watch in service.watch] == ["src", "lib"]


def test_a_key_without_a_value_changes_nothing(tmp_path: Path) -> None:
    service = overlaid(tmp_path, "services: {a: {environment: , command: , ports: }}")["a"]
    assert service.variants[0].argv == ("x", "y")
    assert service.variants[0].environment == {"A": "1", "B": "1"}


def test_files_that_are_named_leave_the_override_out_and_are_laid_over_in_order(tmp_path: Path) -> None:
    (tmp_path / "stack.override.yaml").write_text("services: {b: {command: unseen}}")
    (tmp_path / "one.yaml").write_text("services: {b: {command: one, environment: {A: 1}}}")
    (tmp_path / "two.yaml").write_text("services: {b: {command: two}}")
    files = [tmp_path / name for name in ("stack.yaml", "one.yaml", "two.yaml")]
    spec = load_text(tmp_path, BASE, files=files).spec
    variant = spec.services["b"].variants[0]
    assert (variant.argv, variant.environment) == (("two",), {"A": "1"})
    assert [Path(path).name for path in spec.manifests] == ["stack.yaml", "one.yaml", "two.yaml"]


def test_a_mistake_is_told_with_the_file_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "stack.override.yaml").write_text("services:\n  a: {restart: maybe}\n")
    assert mistakes_of(tmp_path, BASE) == [
        'stack.override.yaml:2:16: services.a.restart cannot be "maybe" '
        "(allowed: no, on-failure, always, unless-stopped)"
    ]


def test_mistakes_of_all_files_are_reported_together(tmp_path: Path) -> None:
    (tmp_path / "stack.override.yaml").write_text("services: {b: [}")
    mistakes = mistakes_of(tmp_path, BASE.replace("command: z", "comand: z"))
    assert [mistake.split(":")[0] for mistake in mistakes] == ["stack.override.yaml", "stack.yaml", "stack.yaml"]
