"""Overlays follow Compose's rules."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devctl.core.checks import CommandCheck, TcpCheck
from devctl.core.spec import Service, Spec
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


FULL = """
services:
  a:
    command: [x, y]
    environment: {A: 1, B: 1}
    env_file: a.env
    pass_env: [HOST]
    ports: {http: 80, admin: 81}
    depends_on: {b: {condition: service_started}, c: {}}
    profiles: [p]
    healthcheck: {test: [CMD, one], interval: 1s}
    watch: [src]
    restart: always
    stop_grace_period: 3s
    metrics: /m
    page: admin
    optional: true
    deploy: {replicas: 1, restart_policy: {condition: any, max_attempts: 9}}
    labels: {l: 1}
  b: {command: z}
  c: {command: z}
  r: {uses: broker, with: {topics: {t: {partitions: 3}, u: {}}, heap: 1g}, environment: {A: mine}}
volumes: {data: {}}
exporters: {far: {otlp: "http://h:1", headers: {k: v}}}
"""


def laid_over(folder: Path, over: str, **rest: Any) -> Spec:
    (folder / "a.env").write_text("A=file\nF=file\n")
    (folder / "stack.override.yaml").write_text(over)
    return load_text(folder, FULL, **rest).spec


TAKEN = [
    ("healthcheck", lambda s: s.variants[0].check, None),
    ("depends_on", lambda s: s.depends_on, ()),
    ("watch", lambda s: s.watch, ()),
    ("profiles", lambda s: s.profiles, ()),
    ("ports", lambda s: s.ports, ()),
    ("pass_env", lambda s: s.variants[0].environment.get("HOST"), None),
    ("env_file", lambda s: s.variants[0].environment.get("F"), None),
    ("environment", lambda s: s.variants[0].environment.get("B"), None),
    ("restart", lambda s: s.restart.condition, "always"),  # deploy still says so
    ("stop_grace_period", lambda s: s.stop_grace_seconds, 10.0),
    ("metrics", lambda s: s.metrics, ""),
    ("page", lambda s: s.page, ""),
    ("optional", lambda s: s.optional, False),
    ("deploy", lambda s: s.restart.max_attempts, 5),
    ("labels", lambda s: s.labels, {}),
]


@pytest.mark.parametrize("null", ["null", "", "~", "!reset null", "!reset []", "!reset {x: [1]}"])
@pytest.mark.parametrize(("key", "value", "nothing"), TAKEN, ids=[key for key, _, _ in TAKEN])
def test_null_and_reset_in_a_later_file_take_a_key_away(
    tmp_path: Path, key: str, value: Callable[[Service], object], nothing: object, null: str
) -> None:
    beside = "".join(f"{other}: null, " for other in ("page", "metrics") if other != key)
    over = f"services: {{a: {{{beside}{key}: {null}}}}}"
    assert value(laid_over(tmp_path, over, environ={"HOST": "1"}).services["a"]) == nothing


@pytest.mark.parametrize("null", ["null", "!reset null"])
def test_null_and_reset_take_one_entry_of_a_mapping_away(tmp_path: Path, null: str) -> None:
    over = f"""
services:
  a:
    ports: {{http: {null}}}
    depends_on: {{b: {null}}}
    healthcheck: {{interval: {null}}}
    deploy: {{restart_policy: {{max_attempts: {null}}}}}
    labels: {{l: {null}}}
  b: {null}
  r: {{with: {{topics: {{t: {null}}}, heap: {null}}}}}
exporters: {{far: {{headers: {{k: {null}}}}}}}
"""
    spec = laid_over(tmp_path, over)
    service = spec.services["a"]
    assert [port.name for port in service.ports] == ["admin"]
    assert [d.service for d in service.depends_on] == ["c"]
    assert service.variants[0].check is not None
    assert service.variants[0].check.interval_seconds == 2.0
    assert (service.restart.condition, service.restart.max_attempts) == ("always", 5)
    assert service.labels == {}
    assert "b" not in spec.services
    assert spec.services["r"].variants[0].argv[:2] == ("broker", "u=1")
    assert spec.services["r"].variants[0].environment["HEAP"] == "256m"
    assert spec.exporters[0].headers == {}


def test_a_variable_that_is_null_comes_from_nowhere_but_the_command(tmp_path: Path) -> None:
    over = "services: {a: {environment: {A: null, F: , HOST: , PORT: null}}, r: {environment: {A: null, HEAP: null}}}"
    spec = laid_over(tmp_path, over, environ={"HOST": "mine"})
    assert spec.services["a"].variants[0].environment == {"B": "1", "HOST": "mine"}
    assert spec.services["a"].variants[0].unset == ("A", "F", "PORT")
    assert spec.services["r"].variants[0].environment == {}


def test_a_variable_that_is_reset_is_as_if_it_had_not_been_written(tmp_path: Path) -> None:
    spec = laid_over(tmp_path, "services: {a: {environment: {A: !reset null}}}")
    assert spec.services["a"].variants[0].environment == {"A": "file", "B": "1", "F": "file"}


def test_null_takes_away_what_a_merge_key_brings(tmp_path: Path) -> None:
    text = """
x-all: &all {restart: always, profiles: [p], ports: {http: 1}, environment: &env {A: 1, B: 2}}
services:
  a: {<<: *all, command: x, restart: null, profiles: null, ports: {}, environment: {<<: *env, A: null}}
"""
    service = load_text(tmp_path, text).spec.services["a"]
    assert (service.restart.condition, service.profiles) == ("on-failure", ())
    assert service.variants[0].environment == {"B": "2"}


def test_null_of_a_later_file_that_takes_nothing_away_does_no_harm(tmp_path: Path) -> None:
    over = """
services:
  b: {restart: null, ports: {x: null}, image: null, depends_on: {c: null}, page: null, native: null}
  c: {environment: {N: null}}
  d: {command: x}
volumes: {data: , more: null}
"""
    spec = laid_over(tmp_path, over)
    assert spec.services["b"].depends_on[0].service == "c"
    assert spec.services["c"].variants[0].environment == {}


def test_what_was_taken_away_can_be_said_anew_by_a_third_file(tmp_path: Path) -> None:
    (tmp_path / "null.yaml").write_text("services: {a: {depends_on: null, ports: null, environment: null}}")
    (tmp_path / "anew.yaml").write_text("services: {a: {depends_on: [c], ports: {http: 82}, environment: [C=3]}}")
    files = [tmp_path / name for name in ("stack.yaml", "null.yaml", "anew.yaml")]
    service = load_text(tmp_path, BASE + "  c: {command: x}", files=files).spec.services["a"]
    assert [d.service for d in service.depends_on] == ["c"]
    assert [(port.name, port.number) for port in service.ports] == [("http", 82)]
    assert service.variants[0].environment == {"C": "3"}


def test_override_replaces_what_would_be_merged(tmp_path: Path) -> None:
    over = """
services:
  a:
    environment: !override {N: 1}
    ports: !override {web: 82}
    depends_on: !override [c]
    page: null
    env_file: !reset null
    healthcheck: !override {tcp: web}
    watch: !override [lib]
"""
    service = laid_over(tmp_path, over).services["a"]
    assert service.variants[0].environment == {"N": "1"}
    assert [port.name for port in service.ports] == ["web"]
    assert [d.service for d in service.depends_on] == ["c"]
    assert service.variants[0].check == TcpCheck(port="web")
    assert [Path(watch.path).name for watch in service.watch] == ["lib"]


def test_in_a_single_file_reset_leaves_out_and_override_changes_nothing(tmp_path: Path) -> None:
    text = "services: {a: {command: x, profiles: !reset [p], watch: [a, !reset b], environment: !override {A: 1}}}"
    service = load_text(tmp_path, text).spec.services["a"]
    assert (service.profiles, len(service.watch)) == ((), 1)
    assert service.variants[0].environment == {"A": "1"}


@pytest.mark.parametrize("command", ["[]", "''", "null", "", "['']"])
def test_an_empty_command_of_an_image_is_the_images_own(tmp_path: Path, command: str) -> None:
    assert mistakes_of(tmp_path, f"services: {{a: {{image: alpine, command: {command}}}}}") == []
    assert mistakes_of(tmp_path, f"services: {{a: {{build: ., command: {command}}}}}") == []
    assert mistakes_of(tmp_path, f"services: {{a: {{command: {command}}}}}")
    assert mistakes_of(tmp_path, f"services: {{a: {{image: alpine, native: {{command: {command}}}}}}}")


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
