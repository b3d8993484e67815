"""What a right manifest means: defaults, short and long forms, environment, addresses, variants, profiles."""

# ruff: noqa: E501

from pathlib import Path

import pytest

from devctl.core.checks import Check, CommandCheck, GrpcCheck, HttpCheck, KafkaCheck, LogCheck, TcpCheck
from devctl.core.spec import Dependency, Exporter, Journey, Port, RestartPolicy, Watch, substitute
from devctl.core.status import Condition, Kind
from tests.unit.manifest.loading import NO_ENGINE, lacks_java, load_text, mistakes_of, service_of, spec_of


def test_a_service_with_nothing_but_a_command_gets_the_defaults(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{command: run it 'with care'}")
    (variant,) = service.variants
    assert variant.name == "process"
    assert variant.kind is Kind.PROCESS
    assert variant.argv == ("run", "it", "with care")
    assert variant.working_dir == str(tmp_path.resolve())
    assert variant.check is None
    assert service.restart == RestartPolicy()
    assert (service.replicas, service.optional, service.stop_signal, service.stop_grace_seconds) == (
        1,
        False,
        "SIGTERM",
        10.0,
    )


def test_short_and_long_forms_mean_the_same(tmp_path: Path) -> None:
    short = "{command: x y, environment: [A=b], ports: {http: auto}, healthcheck: {http: /h}, watch: [src], depends_on: [b]}"
    long = (
        "{command: [x, y], environment: {A: b}, ports: {http: 0}, healthcheck: {http: {path: /h}}, "
        "watch: [{path: src}], depends_on: {b: {condition: service_started, required: true}}}"
    )
    specs = [spec_of(tmp_path, f"services: {{a: {form}, b: {{command: z}}}}") for form in (short, long)]
    assert specs[0] == specs[1]


@pytest.mark.parametrize(
    ("healthcheck", "check"),
    [
        ("{http: /h}", HttpCheck(port="http", path="/h")),
        (
            "{http: {path: /h, port: admin, status: [200, 204], headers: {A: b}}}",
            HttpCheck(port="admin", path="/h", status=(200, 204), headers={"A": "b"}),
        ),
        ("{tcp: admin, interval: 1m30s}", TcpCheck(port="admin", interval_seconds=90.0)),
        ("{grpc: admin}", GrpcCheck(port="admin")),
        ("{grpc: {service: shop.v1.Orders}}", GrpcCheck(port="http", service="shop.v1.Orders")),
        ("{log: 'ready in [0-9]+'}", LogCheck(pattern="ready in [0-9]+")),
        ("{test: pg_isready}", CommandCheck(argv=("/bin/sh", "-c", "pg_isready"), start_interval_seconds=0.2)),
        ("{test: [CMD, a, b]}", CommandCheck(argv=("a", "b"), start_interval_seconds=0.2)),
        ("{test: [a, b], retries: '5'}", CommandCheck(argv=("a", "b"), retries=5, start_interval_seconds=0.2)),
        ("{test: [CMD-SHELL, a && b]}", CommandCheck(argv=("/bin/sh", "-c", "a && b"), start_interval_seconds=0.2)),
        ("{test: [NONE]}", None),
        ("{disable: true}", None),
        ("{http: /, start_period: 5s, timeout: 500ms, start_interval: 0}",
         HttpCheck(port="http", start_period_seconds=5.0, timeout_seconds=0.5, start_interval_seconds=0.0)),
    ],
)  # fmt: skip
def test_every_way_to_ask_becomes_a_check(tmp_path: Path, healthcheck: str, check: Check | None) -> None:
    text = f"{{command: x, ports: {{http: 0, admin: 0}}, healthcheck: {healthcheck}}}"
    assert service_of(tmp_path, text).variants[0].check == check


@pytest.mark.parametrize(
    ("body", "condition", "attempts"),
    [
        ("restart: no", "no", 5),
        ("restart: 'no'", "no", 5),
        ("restart: always", "always", 5),
        ("restart: unless-stopped", "unless-stopped", 5),
        ("restart: on-failure:7", "on-failure", 7),
        ("deploy: {restart_policy: {condition: any, max_attempts: 2}}", "always", 2),
        ("deploy: {restart_policy: {condition: none}}", "no", 5),
    ],
)
def test_restart_takes_composes_words(tmp_path: Path, body: str, condition: str, attempts: int) -> None:
    restart = service_of(tmp_path, f"{{command: x, {body}}}").restart
    assert (restart.condition, restart.max_attempts) == (condition, attempts)


def test_dependencies_keep_their_conditions(tmp_path: Path) -> None:
    text = (
        "services: {a: {command: x, depends_on: {b: {condition: service_healthy, restart: true}, "
        "c: {condition: service_completed_successfully, required: false}}}, b: {command: x}, c: {command: x}}"
    )
    assert spec_of(tmp_path, text).services["a"].depends_on == (
        Dependency("b", Condition.HEALTHY, restart=True),
        Dependency("c", Condition.COMPLETED, required=False),
    )


def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(tmp_path: Path) -> None:
    text = "{command: x, environment: {A: 010, B: 1.10, C: on, D: 22:22, E: true, F: '', G: 1_000}, deploy: {replicas: 010}}"
    service = service_of(tmp_path, text)
    assert service.replicas == 10
    assert service.variants[0].environment == {
        "A": "010", "B": "1.10", "C": "on", "D": "22:22", "E": "true", "F": "", "G": "1_000",
    }  # fmt: skip


def test_values_in_quotes_become_what_the_key_needs(tmp_path: Path) -> None:
    text = '{command: x, ports: {http: "${PORT:-8080}"}, optional: "${OPT}", deploy: {replicas: "${N:-1}"}}'
    service = service_of(tmp_path, text, environ={"OPT": "true"})
    assert (service.ports, service.optional, service.replicas) == ((Port("http", 8080),), True, 1)


def test_a_variable_that_is_not_set_is_empty_and_warned_of_once(tmp_path: Path) -> None:
    text = "telemetry: off\nservices: {a: {command: x, environment: {A: 'v$NOPE', B: '${NOPE}', C: '${NOPE:-d}'}}}"
    loaded = load_text(tmp_path, text)
    assert loaded.spec.services["a"].variants[0].environment == {"A": "v", "B": "", "C": "d"}
    assert [str(warning) for warning in loaded.warnings] == [
        "stack.yaml:2:45: the variable NOPE is not set: an empty text stands for it (${NOPE:-value} gives a default)"
    ]


def test_what_is_put_in_is_never_read_as_yaml_or_replaced_again(tmp_path: Path) -> None:
    value = "x\nrestart: always: [${OTHER} $$ ${services.b.http}"
    service = service_of(tmp_path, "{command: [x, '$V'], environment: {A: '${V}'}}", environ={"V": value, "OTHER": "o"})
    assert service.variants[0].argv == ("x", value)
    assert service.variants[0].environment == {"A": value}


def test_the_environment_file_comes_after_the_commands_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB='$A literal'\nC=\"${A}-${B}\"\nexport D=1 # comment\n")
    text = "{command: x, environment: {A: $A, B: $B, C: $C, D: $D}}"
    assert service_of(tmp_path, text, environ={"A": "own"}).variants[0].environment == {
        "A": "own", "B": "$A literal", "C": "own-$A literal", "D": "1",
    }  # fmt: skip


def test_addresses_may_stand_in_a_list_of_variables_too(tmp_path: Path) -> None:
    text = "services: {web: {command: x, ports: {http: 81}}, a: {command: x, environment: ['W=http://${services.web.http}']}}"
    value = spec_of(tmp_path, text).services["a"].variants[0].environment["W"]
    assert substitute(value, {"services.web.http": "h:1"}) == "http://h:1"


def test_a_default_with_braces_is_balanced_in_dot_env_and_env_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('SET=${LIMITS:-{"n":1}}\nUNSET=${NOTHING:-{"n":{"m":1}}}\n')
    (tmp_path / "a.env").write_text('FILE=${LIMITS:-{"n":1}}\nQUOTED="${LIMITS:-{}}"\n')
    text = "{command: x, env_file: a.env, environment: ['SET=$SET', 'UNSET=$UNSET', 'HERE=${LIMITS:-{}}']}"
    environment = service_of(tmp_path, text, environ={"LIMITS": '{"n":2}'}).variants[0].environment
    assert environment == {
        "SET": '{"n":2}', "UNSET": '{"n":{"m":1}}', "FILE": '{"n":2}', "QUOTED": '{"n":2}', "HERE": '{"n":2}',
    }  # fmt: skip


def test_environment_goes_before_env_file_and_pass_env(tmp_path: Path) -> None:
    (tmp_path / "one.env").write_text("A=1\nB=1\nC=$X\n")
    (tmp_path / "two.env").write_text("B=2\n")
    text = "{command: x, pass_env: [A, P_*], env_file: [one.env, {path: two.env}, {path: no.env, required: false}], environment: [D=4, X]}"
    environ = {"A": "0", "P_1": "p", "X": "x", "SECRET": "s"}
    assert service_of(tmp_path, text, environ=environ).variants[0].environment == {
        "A": "1", "P_1": "p", "B": "2", "C": "x", "D": "4", "X": "x",
    }  # fmt: skip


def test_only_a_short_list_of_the_hosts_environment_is_passed_on(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "XDG_RUNTIME_DIR": "/r", "https_proxy": "p", "SSL_CERT_FILE": "c",
        "AWS_SECRET_ACCESS_KEY": "s", "PYTHONPATH": "x", "VIRTUAL_ENV": "v", "MINE_1": "m", "MINE": "n",
    }  # fmt: skip
    spec = spec_of(tmp_path, "pass_env: [MINE_*]\nservices: {a: {command: x}}", environ=environ)
    assert sorted(spec.host_environment) == [
        "HOME", "LC_ALL", "MINE_1", "PATH", "SSL_CERT_FILE", "XDG_RUNTIME_DIR", "https_proxy",
    ]  # fmt: skip


def test_addresses_stay_references_until_the_ports_are_known(tmp_path: Path) -> None:
    text = (
        "services: {a: {command: 'x --to ${services.b.http} ${services.a.web.port}', ports: {web: 0}, "
        "environment: {B: 'http://${services.b.http.host}:${services.b.http.port}/${services.b.http.all}'}}, "
        "b: {command: x, ports: {http: 1}}}"
    )
    variant = spec_of(tmp_path, text).services["a"].variants[0]
    expected = {
        "services.b.http": "h:1", "services.b.http.host": "h", "services.b.http.port": "1", "services.b.http.all": "h:1",
        "services.a.web.port": "7",
    }  # fmt: skip
    assert [substitute(word, expected) for word in variant.argv] == ["x", "--to", "h:1", "7"]
    assert substitute(variant.environment["B"], expected) == "http://h:1/h:1"


def test_a_command_is_split_before_paths_are_put_in(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    variant = service_of(
        folder, "{command: 'x --data=${volumes.data}/a ${python}'}", environ={"VIRTUAL_ENV": "/v e"}
    ).variants[0]
    data = str(folder.resolve() / ".devctl/volumes/data")
    assert variant.argv == ("x", f"--data={data}/a", "/v e/bin/python")
    assert variant.folders == (data,)


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("python: py3\n", {"VIRTUAL_ENV": "/v"}, "py3"),
        ("python: sub/python\n", {}, "FOLDER/sub/python"),
        ("python: /opt/python\n", {}, "/opt/python"),
        ("", {"VIRTUAL_ENV": "/v"}, "/v/bin/python"),
        ("", {}, "FOLDER/.venv/bin/python"),
    ],
)
def test_python_is_the_manifests_then_the_environments(
    tmp_path: Path, text: str, environ: dict[str, str], expected: str
) -> None:
    beside = tmp_path / ".venv/bin/python"
    beside.parent.mkdir(parents=True)
    beside.touch(0o755)
    spec = spec_of(tmp_path, text + "services: {a: {command: ['${python}']}}", environ=environ)
    assert spec.services["a"].variants[0].argv == (expected.replace("FOLDER", str(tmp_path.resolve())),)


def test_without_any_other_python_it_is_the_one_on_the_path(tmp_path: Path) -> None:
    program = tmp_path / "bin/python3"
    program.parent.mkdir()
    program.touch(0o755)
    environ = {"PATH": str(program.parent)}
    assert service_of(tmp_path, "{command: ['${python}']}", environ=environ).variants[0].argv == (str(program),)


def test_paths_are_seen_from_the_manifests_folder(tmp_path: Path) -> None:
    service = service_of(
        tmp_path, "{command: x, working_dir: src, watch: [src, {path: ./lib, dependents: true, ignore: ['*.tmp']}]}"
    )
    root = str(tmp_path.resolve())
    assert service.variants[0].working_dir == f"{root}/src"
    assert service.watch == (Watch(f"{root}/src"), Watch(f"{root}/lib", ("*.tmp",), dependents=True))


def test_a_key_with_nothing_behind_it_is_as_good_as_none(tmp_path: Path) -> None:
    empty = "{command: x, environment: , ports: , depends_on: , env_file: , healthcheck: , deploy: , watch: , labels: }"
    assert service_of(tmp_path, empty) == service_of(tmp_path, "{command: x}")


def test_waiting_for_the_end_of_what_never_ends_is_warned_of(tmp_path: Path) -> None:
    text = "services: {a: {command: x, depends_on: {b: {condition: service_completed_successfully}}}, b: {command: x, restart: always}}"
    assert [str(warning) for warning in load_text(tmp_path, text).warnings] == [
        "stack.yaml:1:41: services.a waits until b has ended, but its restart is always (services.b: {restart: no})"
    ]


# Recipes


def test_a_recipe_brings_ports_variants_in_order_and_its_check(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{uses: broker, with: {topics: {t: {partitions: 3}, u: }, fast: 'true'}}")
    assert [variant.name for variant in service.variants] == ["native", "embedded"]
    assert service.variants[0].argv[:3] == ("broker", "t=3", "u=1")
    assert [missing.variant for missing in service.missing] == ["container"]
    assert service.ports == (Port("broker", 9092), Port("http", 8888))
    assert (service.page, service.stop_grace_seconds) == ("http", 30.0)
    assert service.variants[0].check == KafkaCheck(port="broker")


def test_a_tool_that_cannot_be_had_makes_its_variant_missing_with_reason_and_cure(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{uses: broker}", available=lacks_java)
    assert [variant.name for variant in service.variants] == ["embedded"]
    assert (service.missing[0].variant, service.missing[0].reason, service.missing[0].remedy) == (
        "native",
        "no java here",
        "get one",
    )


def test_what_the_manifest_says_goes_over_the_recipe(tmp_path: Path) -> None:
    text = (
        "{uses: broker, ports: {broker: auto}, environment: {A: own}, metrics: /m, stop_grace_period: 1s, "
        "healthcheck: {start_period: 9s}}"
    )
    service = service_of(tmp_path, text)
    assert service.ports == (Port("broker", 0), Port("http", 8888))
    assert service.variants[0].environment == {"HEAP": "256m", "A": "own"}
    assert service.variants[0].check == KafkaCheck(port="broker", start_period_seconds=9.0)
    assert (service.metrics, service.stop_grace_seconds) == ("/m", 1.0)


@pytest.mark.parametrize(
    ("run_as", "flag", "variants"),
    [
        ("auto", "", ["native", "embedded"]),
        ("auto", "auto", ["native", "embedded"]),
        ("auto", "embedded", ["embedded"]),
        ("native", "embedded", ["native"]),
        ("auto", "process", ["native"]),
        ("container", "", []),
    ],
)
def test_run_as_chooses_and_the_services_own_word_counts_most(
    tmp_path: Path, run_as: str, flag: str, variants: list[str]
) -> None:
    service = service_of(tmp_path, f"{{uses: broker, run_as: {run_as}}}", run_as=flag)
    assert [variant.name for variant in service.variants] == variants
    assert service.variants or service.missing[0].reason == NO_ENGINE.reason


def test_run_as_may_come_from_the_environment(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{uses: broker}", environ={"DEVCTL_RUN_AS": "embedded"})
    assert [variant.name for variant in service.variants] == ["embedded"]


def test_a_product_without_an_image_runs_as_it_can_where_all_shall_be_containers(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{uses: tracer}", run_as="container")
    assert [variant.name for variant in service.variants] == ["native", "embedded"]
    assert service_of(tmp_path, "{uses: tracer, run_as: container}").variants == ()


def test_a_command_stays_a_process_whatever_is_asked_for_all(tmp_path: Path) -> None:
    assert service_of(tmp_path, "{command: x}", run_as="embedded").variants[0].name == "process"


def test_an_image_alone_cannot_be_had_without_an_engine(tmp_path: Path) -> None:
    service = service_of(tmp_path, "{image: postgres:16}")
    assert service.variants == ()
    assert service.missing[0].reason == NO_ENGINE.reason


def test_a_recipe_sees_the_active_services_and_files_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/x.yml").write_text("hello")
    text = "services: {a: {uses: broker, with: {config: conf/x.yml}}, b: {command: x}, c: {command: x, profiles: [p]}}"
    variant = spec_of(tmp_path, text).services["a"].variants[0]
    assert variant.argv == ("broker", "a,b")
    assert variant.files[0].content == "hello"


# What is active


PROFILES = (
    "services: {db: {command: x, profiles: [never]}, a: {command: x, depends_on: [db]}, "
    "b: {command: x, profiles: [extra]}, c: {command: x, profiles: [extra, more], depends_on: [b]}, "
    "d: {command: x, depends_on: {b: {condition: service_started, required: false}}}}"
)


@pytest.mark.parametrize(
    ("names", "profiles", "active"),
    [
        ((), (), ("db", "a", "d")),
        ((), ("extra",), ("db", "a", "b", "c", "d")),
        ((), ("*",), ("db", "a", "b", "c", "d")),
        (("c",), (), ("b", "c")),
        (("d",), (), ("d",)),
        (("a",), ("extra",), ("db", "a")),
        (("db",), (), ("db",)),
    ],
)
def test_names_and_profiles_choose_and_dependencies_come_along(
    tmp_path: Path, names: tuple[str, ...], profiles: tuple[str, ...], active: tuple[str, ...]
) -> None:
    assert spec_of(tmp_path, PROFILES, names=names, profiles=profiles).active == active


# The whole stack


def test_the_hub_is_added_unless_telemetry_is_off(tmp_path: Path) -> None:
    text = "exporters: {x: {otlp: 'http://h:4318', headers: {K: v}}}\nservices: {a: {command: x}}"
    spec = load_text(tmp_path, text).spec
    assert spec.active == ("a", "hub")
    assert spec.services["hub"].ports == (
        Port("otlp", 4318, inherited=True),
        Port("otlp_grpc", 4317, inherited=True),
    )
    assert spec.exporters == (Exporter("x", "otlp", "http://h:4318", {"K": "v"}),)
    assert "hub" not in spec_of(tmp_path, "services: {a: {command: x}}").services


def test_the_top_level_keys_reach_the_spec(tmp_path: Path) -> None:
    text = (
        "name: shop\ntelemetry: {record: 1GiB}\nlogs: {record: 64m}\n"
        "journeys: {order: {attribute: shop.order.id, field: order_id}, user: user.id}\nservices: {a: {command: x, telemetry: off}}"
    )
    spec = load_text(tmp_path, text).spec
    assert (spec.name, spec.record_bytes, spec.log_bytes, spec.telemetry) == ("shop", 1 << 30, 64 << 20, True)
    assert spec.journeys == (Journey("order", "shop.order.id", "order_id"), Journey("user", "user.id", "user.id"))
    assert spec.services["a"].telemetry is False
    assert spec.manifests == (str(tmp_path.resolve() / "stack.yaml"),)


def test_a_stack_without_a_name_has_its_folders(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop.2"
    folder.mkdir()
    assert spec_of(folder, "services: {a: {command: x}}").name == "myshop2"
    assert spec_of(folder, "services: {a: {command: x}}", project="other").name == "other"


def test_isolated_frees_every_fixed_port(tmp_path: Path) -> None:
    spec = load_text(tmp_path, "services: {a: {command: x, ports: {http: 80}}, b: {uses: broker}}", isolated=True).spec
    assert {port.number for service in spec.services.values() for port in service.ports} == {0}


def test_extensions_may_stand_anywhere(tmp_path: Path) -> None:
    text = "x-a: [1]\nservices: {a: {command: x, x-b: {c: d}, healthcheck: {x-z: 1, test: y}, deploy: {x-c: 1}}}"
    assert mistakes_of(tmp_path, text) == []


def test_an_edit_without_a_meaning_changes_nothing(tmp_path: Path) -> None:
    text = "services:\n  a: {command: x, ports: {p: 0}}\n"
    two = "# a comment\nservices:\n  a:\n    ports: {p: auto}\n    command: [x]\n"
    assert spec_of(tmp_path, text) == spec_of(tmp_path, two)


def test_what_is_watched_is_a_name_also_where_it_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "current").symlink_to("one")
    (watch,) = service_of(tmp_path, "{command: x, watch: [current]}").watch
    assert Path(watch.path) == tmp_path.resolve() / "current"
