"""What runs where: words of an image never run on this machine; `native` says what does."""

# ruff: noqa: E501

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from devctl.core.checks import Check, CommandCheck, HttpCheck, TcpCheck
from devctl.core.container import Build, Container, Mount
from devctl.core.spec import Port, Service, digest, to_json
from devctl.core.status import Kind
from devctl.manifest.where import OF_A_CONTAINER
from tests.unit.manifest.loading import NO_ENGINE, has_engine, load_text, mistakes_of, service_of, spec_of

NEVER_HERE = "its command is the image's and never runs on this machine"
SAY_NATIVE = "say how it runs on this machine: native: {command: [...]}"
IMAGES = ("image: alpine:3", "build: .", "build: {context: .}, image: me")
NATIVE = "native: {command: serve here}"


def is_unavailable(service: Service, *reasons: str) -> bool:
    return service.variants == () and service.missing[0].reason in (reasons or (NO_ENGINE.reason,))


# The words of an image


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    "written",
    ["command: evil a", "entrypoint: evil", "entrypoint: [evil, x], command: [a]", "healthcheck: {test: evil}",
     "command: evil, restart: 'no'", "command: evil, restart: always, deploy: {replicas: 3}", "command: evil, optional: true"],
)  # fmt: skip
def test_a_service_with_an_image_is_a_container_and_cannot_be_had_without_an_engine(
    tmp_path: Path, image: str, written: str
) -> None:
    service = service_of(tmp_path, f"{{{image}, {written}}}")
    assert is_unavailable(service)
    assert service.missing[0].remedy.endswith(SAY_NATIVE)


@pytest.mark.parametrize("native", ["", f", {NATIVE}"])
def test_no_word_of_an_image_comes_into_what_runs_here_whatever_is_asked_for(tmp_path: Path, native: str) -> None:
    run_as = ("auto", "container", "process", "native", "embedded")
    for image, mine, all_ in itertools.product(IMAGES, run_as, run_as):
        text = (
            f"services: {{a: {{{image}, entrypoint: evil, command: [evil, x], working_dir: /evil, run_as: {mine}, "
            f"healthcheck: {{test: [CMD, evil]}}{native}}}}}"
        )
        if not mistakes_of(tmp_path, text, run_as=all_):
            assert "evil" not in str(to_json(spec_of(tmp_path, text, run_as=all_).services["a"])), (text, all_)


@pytest.mark.parametrize("run_as", ["process", "native"])
def test_asking_all_to_run_as_processes_runs_no_image_and_says_why(tmp_path: Path, run_as: str) -> None:
    service = service_of(tmp_path, "{image: alpine, command: evil}", run_as=run_as)
    assert is_unavailable(service, NEVER_HERE)
    assert service.missing[0].remedy == SAY_NATIVE


@pytest.mark.parametrize("run_as", ["auto", "container", "embedded"])
def test_otherwise_an_image_lacks_an_engine(tmp_path: Path, run_as: str) -> None:
    assert is_unavailable(service_of(tmp_path, "{image: alpine, command: evil}", run_as=run_as))


def test_an_image_from_another_file_takes_the_command_with_it(tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text("services: {a: {image: alpine}}")
    files = (tmp_path / "stack.yaml", tmp_path / "over.yaml")
    assert is_unavailable(spec_of(tmp_path, "services: {a: {command: evil}}", files=files).services["a"])


def test_a_command_from_another_file_is_the_images(tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text("services: {a: {command: evil, entrypoint: [more]}}")
    files = (tmp_path / "stack.yaml", tmp_path / "over.yaml")
    text = "services: {a: {image: alpine, entrypoint: [evil]}}"
    assert is_unavailable(spec_of(tmp_path, text, files=files).services["a"])


def test_native_from_another_file_brings_an_image_to_this_machine(tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text("services: {a: {native: {command: [serve, there]}}}")
    files = (tmp_path / "stack.yaml", tmp_path / "over.yaml")
    text = "services: {a: {image: alpine, command: evil, native: {command: serve, environment: {A: b}}}}"
    (variant,) = spec_of(tmp_path, text, files=files).services["a"].variants
    assert (variant.argv, variant.environment) == (("serve", "there"), {"A": "b"})


def test_an_image_from_an_anchor_takes_the_command_with_it(tmp_path: Path) -> None:
    text = "x-base: &base {image: alpine}\nservices: {a: {<<: *base, command: evil}}"
    assert is_unavailable(spec_of(tmp_path, text).services["a"])


def test_an_image_whose_variable_is_not_set_is_a_mistake_and_not_a_program_of_this_machine(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path, "services:\n  a: {image: '${TAG}', command: evil}") == [
        'stack.yaml:2:14: services.a.image must be the name of an image, not "${TAG}" (leave it out if there is none)'
    ]


def test_a_build_with_nothing_behind_it_is_as_good_as_none(tmp_path: Path) -> None:
    assert service_of(tmp_path, "{build: , command: mine}").variants[0].argv == ("mine",)


def test_a_container_in_an_inactive_profile_is_none_of_what_is_active(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "services: {a: {image: x, command: evil, profiles: [p]}, b: {command: x}}")
    assert spec.active == ("b",)
    assert is_unavailable(spec.services["a"])


def test_paths_of_an_image_may_be_any_and_its_entrypoint_may_be_empty(tmp_path: Path) -> None:
    assert is_unavailable(service_of(tmp_path, "{image: x, working_dir: /app, entrypoint: []}"))
    assert is_unavailable(service_of(tmp_path, "{image: x, working_dir: /app, entrypoint: ''}"))


def test_the_addresses_of_a_container_can_still_be_referred_to(tmp_path: Path) -> None:
    text = "services: {a: {image: x, ports: {http: 0}}, b: {command: 'to ${services.a.http}'}}"
    assert mistakes_of(tmp_path, text) == []


# Both ways


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    ("run_as", "flag"), [("auto", "auto"), ("process", "container"), ("native", ""), ("auto", "embedded")]
)
def test_a_service_that_says_both_ways_runs_its_native_command(
    tmp_path: Path, image: str, run_as: str, flag: str
) -> None:
    service = service_of(tmp_path, f"{{{image}, command: evil, run_as: {run_as}, {NATIVE}}}", run_as=flag)
    (variant,) = service.variants
    assert (variant.name, variant.argv, variant.working_dir) == ("process", ("serve", "here"), str(tmp_path.resolve()))


@pytest.mark.parametrize(("run_as", "flag"), [("container", "auto"), ("auto", "container")])
def test_it_is_a_container_where_that_is_asked_for(tmp_path: Path, run_as: str, flag: str) -> None:
    service = service_of(tmp_path, f"{{image: x, run_as: {run_as}, {NATIVE}}}", run_as=flag)
    assert is_unavailable(service)
    assert service.missing[0].remedy == "Start one. Without run_as: container its `native` section runs here"


def test_native_alone_is_enough(tmp_path: Path) -> None:
    assert service_of(tmp_path, f"{{{NATIVE}}}").variants[0].argv == ("serve", "here")


def test_a_native_command_knows_python_volumes_and_folders_of_this_machine(tmp_path: Path) -> None:
    body = "{image: x, working_dir: /app, native: {command: ['${python}', '${volumes.a}/x'], working_dir: tools}}"
    (variant,) = service_of(tmp_path, body, environ={"VIRTUAL_ENV": "/v"}).variants
    assert variant.argv[0] == "/v/bin/python"
    assert variant.working_dir == str(tmp_path.resolve() / "tools")
    assert variant.folders == (str(tmp_path.resolve() / ".devctl/volumes/a"),)


def test_natives_variables_go_before_those_that_both_ways_share(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("A=file\nB=file\nC=file\n")
    body = "{image: x, env_file: a.env, environment: {B: both, C: both}, native: {command: y, environment: {C: native, D: }}}"
    (variant,) = service_of(tmp_path, body, environ={"D": "mine"}).variants
    assert variant.environment == {"A": "file", "B": "both", "C": "native", "D": "mine"}


@pytest.mark.parametrize(
    ("shared", "native", "check"),
    [
        ("{http: /h}", "", HttpCheck(port="http", path="/h")),
        ("{http: /h}", "{interval: 9s}", HttpCheck(port="http", path="/h", interval_seconds=9.0)),
        ("{http: /h}", "{tcp: http}", TcpCheck(port="http")),
        ("{http: /h}", "{disable: true}", None),
        ("{test: evil}", "", None),
        ("{test: [NONE]}", "", None),
        ("{test: evil}", "{test: [CMD, ask]}", CommandCheck(argv=("ask",), start_interval_seconds=0.2)),
    ],
)  # fmt: skip
def test_a_native_service_is_checked_by_what_both_ways_share_and_by_its_own(
    tmp_path: Path, shared: str, native: str, check: Check | None
) -> None:
    section = f"{{command: y, healthcheck: {native}}}" if native else "{command: y}"
    service = service_of(tmp_path, f"{{image: x, ports: {{http: 0}}, healthcheck: {shared}, native: {section}}}")
    assert service.variants[0].check == check
    assert service.ports == (Port("http"),)


def test_a_check_that_only_the_image_has_is_pointed_out(tmp_path: Path) -> None:
    text = f"services:\n  a: {{image: x, healthcheck: {{test: curl x}}, {NATIVE}}}"
    assert [str(warning) for warning in load_text(tmp_path, text).warnings] == [
        "stack.yaml:2:37: services.a.healthcheck.test runs inside the image: on this machine a counts as good when it runs "
        "(native: {healthcheck: …} checks it here)"
    ]
    assert (
        load_text(
            tmp_path, text.replace("test: curl x", "tcp: http").replace("image: x", "image: x, ports: {http: 0}")
        ).warnings
        == ()
    )


# Mistakes


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ("{image: x, command: y, run_as: process}", f"37: services.a.run_as: process needs a `native` section, since {NEVER_HERE} ({SAY_NATIVE})"),
        ("{build: ., run_as: native}", f"25: services.a.run_as: native needs a `native` section, since {NEVER_HERE} ({SAY_NATIVE})"),
        ("{image: x, run_as: embedded}", "25: services.a.run_as: embedded needs uses (container)"),
        ("{command: x, run_as: container}", "27: services.a.run_as: container needs image or build"),
        ("{native: {command: x}, run_as: container}", "37: services.a.run_as: container needs image or build"),
        ("{command: x, entrypoint: y}", "31: services.a.entrypoint goes with image or build (write the whole command line under `command`)"),
        ("{command: x, native: {command: y}}", "16: services.a has both command and native, and no image (keep one of them; command is the image's where there is one)"),
        ("{uses: broker, native: {command: y}}", "29: services.a has both uses and native (a recipe brings the command)"),
        ("{uses: broker, entrypoint: y}", "33: services.a has both uses and entrypoint (a recipe brings the command)"),
        ("{image: x, native: {environment: {A: b}}}", "25: services.a.native needs the key command"),
        ("{image: x, native: {command: }}", "35: services.a.native.command must be a text or a list, not empty"),
        ("{image: x, native: {command: y, image: z}}", '38: unknown key in services.a.native: "image" (allowed: command, environment, working_dir, healthcheck)'),
        ("{image: x, native: {command: y, working_dir: /app}}", '51: services.a.native.working_dir: "/app" leads out of the project (it is /app, the project is FOLDER)'),
        ("{image: x, native: {command: y, healthcheck: {interval: 1s}}}", "51: services.a.native.healthcheck does not say what to check (allowed: http, tcp, grpc, test, log, disable)"),
        ("{image: x, native: {command: y, healthcheck: {tcp: q}}}", '57: services.a.native.healthcheck.tcp: no port "q"'),
        ("{image: x, command: ['${python}', -m, y]}", f"26: services.a.command runs inside the image, where ${{python}} of this machine is not ({SAY_NATIVE})"),
        ("{build: ., entrypoint: '${python} x'}", f"29: services.a.entrypoint runs inside the image, where ${{python}} of this machine is not ({SAY_NATIVE})"),
        ("{image: x, healthcheck: {test: [CMD, '${python}']}}", f"37: services.a.healthcheck.test runs inside the image, where ${{python}} of this machine is not ({SAY_NATIVE})"),
        ("{build: , native: }", "3: services.a does not say what to run (allowed: command, uses, image, build, native)"),
    ],
)  # fmt: skip
def test_ways_that_do_not_fit_are_mistakes_with_what_to_do(tmp_path: Path, body: str, mistake: str) -> None:
    expected = f"stack.yaml:2:{mistake}".replace("FOLDER", str(tmp_path.resolve()))
    assert mistakes_of(tmp_path, f"services:\n  a: {body}") == [expected]


def test_a_dollar_that_is_escaped_is_a_word_of_the_image(tmp_path: Path) -> None:
    assert is_unavailable(service_of(tmp_path, "{image: x, command: 'echo $${python}'}"))


# With an engine


@pytest.mark.parametrize(("run_as", "native"), [("auto", ""), ("container", ""), ("container", f", {NATIVE}")])
def test_with_an_engine_an_image_runs_as_a_container(tmp_path: Path, run_as: str, native: str) -> None:
    body = f"{{image: x, command: [a, b], entrypoint: [e], ports: {{http: 80}}{native}}}"
    (variant,) = service_of(tmp_path, body, run_as=run_as, find_engine=has_engine).variants
    assert (variant.name, variant.kind, variant.argv, variant.image) == ("container", Kind.CONTAINER, ("a", "b"), "x")
    assert variant.container == Container(entrypoint=("e",), targets={"http": 80})


def test_the_engine_that_was_found_is_in_the_specification_where_it_may_be_needed(tmp_path: Path) -> None:
    assert spec_of(tmp_path, "services: {a: {image: x}}", find_engine=has_engine).engine == "unix:///engine.sock"
    assert spec_of(tmp_path, "services: {a: {command: x}}", find_engine=has_engine).engine == ""


def test_a_container_gets_nothing_of_this_machine_s_environment_and_nothing_of_native(tmp_path: Path) -> None:
    body = "{image: x, environment: {A: b}, run_as: container, native: {command: y, environment: {C: d}}}"
    service = service_of(tmp_path, body, environ={"PATH": "/bin"}, find_engine=has_engine)
    assert service.variants[0].environment == {"A": "b"}


def test_a_port_of_a_container_may_have_another_number_here(tmp_path: Path) -> None:
    body = "{image: x, ports: {http: '8080:80', admin: 'auto:81', raw: auto, same: 9000}}"
    service = service_of(tmp_path, body, find_engine=has_engine)
    assert {port.name: port.number for port in service.ports} == {"http": 8080, "admin": 0, "raw": 0, "same": 9000}
    assert service.variants[0].container == Container(targets={"http": 80, "admin": 81, "same": 9000})


def test_a_copy_of_its_own_keeps_the_ports_inside(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{image: x, ports: {http: 80}}", find_engine=has_engine, isolated=True)
    assert service.ports == (Port("http", 0),)
    assert service.variants[0].container == Container(targets={"http": 80})


def test_mounts_are_folders_of_the_project_and_of_its_volumes(tmp_path: Path) -> None:
    body = "{image: x, volumes: ['data:/var/data', './conf:/etc/conf:ro']}"
    (variant,) = service_of(tmp_path, body, find_engine=has_engine).variants
    folder = tmp_path.resolve()
    assert variant.container is not None
    assert variant.container.mounts == (
        Mount(f"{folder}/.devctl/volumes/data", "/var/data"), Mount(f"{folder}/conf", "/etc/conf", read_only=True),
    )  # fmt: skip
    assert variant.folders == (f"{folder}/.devctl/volumes/data",)


def test_rights_and_limits_of_a_container_are_compose_s(tmp_path: Path) -> None:
    body = (
        "{image: x, user: '1:2', read_only: true, tmpfs: /tmp, cap_add: [NET_ADMIN], cap_drop: [ALL], init: true, "
        "extra_hosts: ['a=1.2.3.4'], shm_size: 1m, mem_limit: 2g, cpus: 1.5, ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}}"
    )
    (variant,) = service_of(tmp_path, body, find_engine=has_engine).variants
    assert variant.container == Container(
        user="1:2", read_only=True, tmpfs=("/tmp",), cap_add=("NET_ADMIN",), cap_drop=("ALL",), init=True,
        extra_hosts=("a:1.2.3.4",), shm_bytes=1 << 20, memory_bytes=2 << 30, cpus=1.5,
        ulimits={"nofile": (1, 2), "nproc": (3, 3)},
    )  # fmt: skip


WRITTEN = {
    "user": "me", "read_only": "true", "tmpfs": "/tmp", "cap_add": "[A]", "cap_drop": "[A]", "extra_hosts": "['a:b']",
    "init": "true", "tty": "true", "stdin_open": "true", "shm_size": "1m", "mem_limit": "1m", "cpus": "1",
    "ulimits": "{a: 1}", "pull_policy": "always",
}  # fmt: skip


@pytest.mark.parametrize("key", OF_A_CONTAINER)
def test_what_only_a_container_can_have_is_refused_for_a_process_with_its_place(tmp_path: Path, key: str) -> None:
    (mistake,) = mistakes_of(tmp_path, f"services:\n  a: {{command: x, {key}: {WRITTEN[key]}}}")
    assert mistake.startswith("stack.yaml:2:")
    assert f"services.a.{key} goes with image or build" in mistake


def test_a_process_listens_on_its_port_itself(tmp_path: Path) -> None:
    (mistake,) = mistakes_of(tmp_path, "services:\n  a: {command: x, ports: {http: '8080:80'}}")
    assert "services.a.ports.http: HOST:CONTAINER goes with image or build" in mistake


# Building


def test_a_build_makes_an_image_of_composes_name_with_arguments_of_this_environment(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    text = "{build: {context: src, target: t, args: {A: 1, B: , C: }}, native: {command: x}}"
    build = service_of(tmp_path, text, environ={"B": "mine"}).build
    assert build == Build(f"{tmp_path.name}-a", str(tmp_path / "src"), target="t", args={"A": "1", "B": "mine"})


def test_a_build_with_an_image_is_called_so_and_a_text_is_the_context(tmp_path: Path) -> None:
    assert service_of(tmp_path, "{build: ., image: 'me:2'}").build == Build("me:2", str(tmp_path))


def test_an_image_that_was_built_anew_is_another_definition(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{build: .}", find_engine=has_engine)
    (variant,) = service.variants
    assert digest(service, variant) != digest(service, replace(variant, image_id="sha256:1"))
