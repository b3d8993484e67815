"""`include` and `extends`: further files and services, each with its own folder and variables."""

# ruff: noqa: E501

from pathlib import Path

import pytest

from tests.unit.manifest.loading import load_text, mistakes_of, spec_of


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_included_files_bring_their_services_with_their_own_folder_and_variables(tmp_path: Path) -> None:
    write(tmp_path, {
        "db/stack.yaml": """
name: other
services:
  db: {command: "serve $WHERE $WHO", env_file: db.env, watch: [conf], environment: [A]}
  broker: {uses: broker, with: {config: conf/broker.conf}}
volumes: {data: {}}
""",
        "db/.env": "WHERE=there\nWHO=db\n", "db/db.env": "E=1\n", "db/conf/broker.conf": "text",
    })  # fmt: skip
    text = "name: shop\ninclude: [db/stack.yaml]\nservices: {api: {command: x, depends_on: [db]}}\nvolumes: {data: {}}"
    spec = spec_of(tmp_path, text, environ={"WHO": "me"})
    variant = spec.services["db"].variants[0]
    assert spec.name == "shop"
    assert list(spec.services) == ["db", "broker", "api"]
    assert variant.argv == ("serve", "there", "me")
    assert (variant.environment, Path(variant.working_dir)) == ({"E": "1"}, tmp_path / "db")
    assert Path(spec.services["db"].watch[0].path) == tmp_path / "db" / "conf"
    assert spec.services["broker"].variants[0].files[0].content == "text"
    assert [Path(path).parent.name for path in spec.manifests] == [tmp_path.name, "db"]


def test_an_include_in_long_form_has_several_files_a_folder_and_variables(tmp_path: Path) -> None:
    write(tmp_path, {
        "in/a.yaml": "services: {a: {command: '$V', environment: {A: 1}, restart: always}}",
        "in/b.yaml": "services: {a: {environment: {A: 2}, restart: null}}",
        "in/v.env": "V=program",
    })  # fmt: skip
    include = "{path: [in/a.yaml, in/b.yaml], project_directory: ., env_file: in/v.env}"
    service = spec_of(tmp_path, f"include: {include}\nservices: {{}}").services["a"]
    variant = service.variants[0]
    assert (variant.argv, variant.environment, Path(variant.working_dir)) == (("program",), {"A": "2"}, tmp_path)
    assert service.restart.condition == "on-failure"


def test_a_later_file_changes_what_is_included(tmp_path: Path) -> None:
    write(tmp_path, {
        "in.yaml": "services: {a: {command: x, environment: {A: 1}}}",
        "stack.override.yaml": "services: {a: {environment: {A: 2}}}",
    })  # fmt: skip
    assert spec_of(tmp_path, "include: in.yaml\nservices: {}").services["a"].variants[0].environment == {"A": "2"}


def test_a_service_is_laid_over_the_one_that_it_extends(tmp_path: Path) -> None:
    write(tmp_path, {
        "common/base.yaml": """
services:
  root: {command: [x], environment: {A: 1, B: 1}, env_file: base.env, profiles: [p], restart: always}
  base: {extends: root, environment: {B: 2}, ports: {http: 80}}
""",
        "common/base.env": "E=1\n",
    })  # fmt: skip
    text = """
services:
  a:
    extends: {file: common/base.yaml, service: base}
    environment: [C=3, A]
    profiles: null
    ports: !override {http: 81}
  b: {extends: a, command: y, restart: null, ports: null}
"""
    spec = spec_of(tmp_path, text)
    a, b = (spec.services[name] for name in "ab")
    assert a.variants[0].argv == ("x",)
    assert a.variants[0].environment == {"B": "2", "C": "3", "E": "1"}
    assert Path(a.variants[0].working_dir) == tmp_path
    assert (a.profiles, [port.number for port in a.ports], a.restart.condition) == ((), [81], "always")
    assert (b.variants[0].argv, b.restart.condition) == (("y",), "on-failure")


def test_a_later_file_may_extend_a_service_of_an_earlier_one(tmp_path: Path) -> None:
    write(tmp_path, {"stack.override.yaml": "services: {b: {extends: a, environment: {B: 1}}}"})
    spec = spec_of(tmp_path, "services: {a: {command: x}}")
    assert (spec.services["b"].variants[0].argv, spec.services["b"].variants[0].environment) == (("x",), {"B": "1"})


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("include: [no.yaml]\nservices: {}", "no.yaml: cannot be read: No such file or directory (devctl init writes a first stack.yaml)"),
        ("include: [../x.yaml]\nservices: {}", 'stack.yaml:1:11: include: "../x.yaml" leads out of the project (it is PARENT/x.yaml, the project is FOLDER)'),
        ("include: [stack.yaml]\nservices: {}", "stack.yaml:1:11: files include each other: stack.yaml → stack.yaml"),
        ("include: [ring.yaml]\nservices: {}", "ring.yaml:1:11: files include each other: ring.yaml → ring.yaml"),
        ("include: [{paht: x}]\nservices: {}", 'stack.yaml:1:12: unknown key in include: "paht" (did you mean path? allowed: path, project_directory, env_file)\nstack.yaml:1:11: include needs the key path'),
        ("include: [{path: {a: b}}]\nservices: {}", "stack.yaml:1:18: include must be the path of a file"),
        ("include: [in.yaml]\nservices: {a: {command: x}}", "stack.yaml:2:12: services.a stands in in.yaml too, which is included (change it in a further file: -f, or stack.override.yaml)"),
        ("include: [in.yaml, in2.yaml]\nservices: {}", "in.yaml:1:12: services.a stands in in2.yaml too, which is included (change it in a further file: -f, or stack.override.yaml)"),
        ("services: {a: {extends: b}}", 'stack.yaml:1:25: services.a.extends: no service "b" (allowed: a)'),
        ("services: {a: {extends: {service: z, file: in.yaml}}}", 'stack.yaml:1:35: services.a.extends: no service in "in.yaml": "z" (allowed: a)'),
        ("services: {a: {extends: {service: z, file: no.yaml}}}", 'stack.yaml:1:44: no such file "no.yaml"'),
        ("services: {a: {command: x, extends: {file: in.yaml}}}", "stack.yaml:1:37: services.a.extends must name a service (extends: NAME, or {service: NAME, file: FILE})"),
        ("services: {a: {command: x, extends: b}, b: {extends: a}}", "stack.yaml:1:37: services extend each other: a → b → a"),
    ],
)  # fmt: skip
def test_what_cannot_be_included_or_extended_is_a_mistake_with_its_place(
    tmp_path: Path, text: str, mistake: str
) -> None:
    write(tmp_path, {
        "in.yaml": "services: {a: {command: x}}", "in2.yaml": "services: {a: {command: y}}",
        "ring.yaml": "include: [ring.yaml]\nservices: {r: {command: x}}",
    })  # fmt: skip
    folder = tmp_path.resolve()
    expected = mistake.replace("FOLDER", str(folder)).replace("PARENT", str(folder.parent)).split("\n")
    assert set(expected) <= set(mistakes_of(tmp_path, text))


def test_many_files_that_include_each_other_end_in_bounded_time(tmp_path: Path) -> None:
    for number in range(300):
        write(tmp_path, {f"{number}.yaml": f"include: [{number + 1}.yaml]\nservices: {{}}"})
    assert "200 files" in "".join(mistakes_of(tmp_path, "include: [0.yaml]\nservices: {a: {command: x}}"))


def test_mistakes_of_an_included_file_are_told_with_its_name(tmp_path: Path) -> None:
    write(tmp_path, {"in.yaml": "services:\n  b: {comand: x}"})
    text = "include: in.yaml\nservices: {a: {command: x}}"
    assert any(m.startswith('in.yaml:2:7: unknown key in services.b: "comand"') for m in mistakes_of(tmp_path, text))
    assert not load_text(tmp_path, "services: {a: {command: x}}").warnings
