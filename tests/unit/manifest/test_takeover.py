"""Files of other programs: whatever stands in them is taken over or listed with its place, and the result loads."""

# ruff: noqa: E501

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from devctl.manifest.compose import Converted, convert, convert_other
from devctl.manifest.load import LoadRequest, load
from devctl.paths import StackPaths
from devctl.tools.base import Unavailable


def loads(folder: Path, result: Converted) -> dict[str, Any]:
    """Load what was written as the stack.yaml of the folder and return it as plain data."""
    (folder / "stack.yaml").write_text(result.text)
    request = LoadRequest(StackPaths(folder), environ={}, profiles=("*",), available=lambda t: Unavailable(t, "no", ""))
    load(request)
    data = yaml.safe_load(result.text)
    assert isinstance(data, dict)
    return data


def taken(folder: Path, text: str, **files: str) -> tuple[dict[str, Any], str]:
    (folder / "compose.yaml").write_text(text)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    result = convert(folder / "compose.yaml", environ={})
    return loads(folder, result), "\n".join(map(str, result.notes))


KEPT = {
    "build": (".", "."), "command": ("[a, b]", ["a", "b"]), "entrypoint": ("[a]", ["a"]), "working_dir": ("/app", "/app"),
    "environment": ("{A: b}", {"A": "b"}), "env_file": ("[no.env]", [{"path": "no.env", "required": False}]),
    "healthcheck": ("{test: [CMD, x], interval: 3s}", {"test": ["CMD", "x"], "interval": "3s"}),
    "image": ("alpine:3", "alpine:3"), "labels": ("{a: b}", {"a": "b"}), "profiles": ("[p]", ["p"]),
    "restart": ("always", "always"), "scale": ("2", None), "stop_grace_period": ("3s", "3s"),
    "stop_signal": ("SIGINT", "SIGINT"), "volumes": ("[data:/data]", ["data:/data"]),
    "depends_on": ("[b]", {"b": {"condition": "service_started"}}), "deploy": ("{replicas: 2}", {"replicas": 2}),
    "ports": ("['80:80']", {"http": 80}), "cap_add": ("[NET_ADMIN]", ["NET_ADMIN"]), "cap_drop": ("[ALL]", ["ALL"]),
    "cpus": ("1.5", 1.5), "extra_hosts": ("[a:1.2.3.4]", ["a:1.2.3.4"]), "init": ("true", True), "mem_limit": ("1g", "1g"),
    "pull_policy": ("always", "always"), "read_only": ("true", True), "shm_size": ("1g", "1g"), "stdin_open": ("true", True),
    "tmpfs": ("/x", ["/x"]), "tty": ("true", True), "ulimits": ("{nproc: 1, nofile: {soft: 1, hard: 2}}", {"nproc": 1, "nofile": {"soft": 1, "hard": 2}}),
    "user": ("'1:2'", "1:2"),
    "post_start": ("[{command: [x]}]", [{"command": ["x"]}]),
    "pre_stop": ("[{command: x, user: root}]", [{"command": "x", "user": "root"}]),
}  # fmt: skip
LOST = {
    "annotations": "{a: b}", "attach": "false", "blkio_config": "{weight: 300}",
    "cgroup": "host", "cgroup_parent": "m", "configs": "[c]", "container_name": "x", "cpu_count": "1", "cpu_percent": "1",
    "cpu_period": "1", "cpu_quota": "1", "cpu_rt_period": "1", "cpu_rt_runtime": "1", "cpu_shares": "1",
    "cpuset": "0", "credential_spec": "{file: x}", "device_cgroup_rules": "[x]", "devices": "[/dev/x]", "dns": "8.8.8.8",
    "dns_opt": "[x]", "dns_search": "x", "domainname": "x", "driver_opts": "{a: b}", "expose": "['80']", "external_links": "[x]",
    "gpus": "all", "group_add": "[x]", "hostname": "x", "ipc": "host",
    "isolation": "x", "label_file": "x", "logging": "{driver: x}", "mac_address": "x",
    "mem_reservation": "1g", "mem_swappiness": "1", "memswap_limit": "1g", "models": "[m]", "network_mode": "host",
    "networks": "[n]", "oom_kill_disable": "true", "oom_score_adj": "1", "pid": "host", "pids_limit": "1", "platform": "x",
    "privileged": "true", "provider": "{type: x}",
    "runtime": "x", "secrets": "[s]", "security_opt": "[x]",
    "storage_opt": "{size: 1g}", "sysctls": "{a: b}",
    "use_api_socket": "true", "umask": "'022'", "userns_mode": "x", "uts": "host", "volumes_from": "[b]", "links": "['b:alias']",
    "pull_refresh_after": "1d", "develop": "{watch: [{path: ., action: sync, target: /x}]}", "pre_start": "[{command: x, user: root}]", "nonsense": "1",
}  # fmt: skip


ELSEWHERE = {"extends"}  # what it brings is kept, see below
SERVICE_KEYS = {
    "annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup", "cgroup_parent", "command",
    "configs", "container_name", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period",
    "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset", "credential_spec", "depends_on", "deploy", "develop",
    "device_cgroup_rules", "devices", "dns", "dns_opt", "dns_search", "domainname", "driver_opts", "entrypoint",
    "env_file", "environment", "expose", "extends", "external_links", "extra_hosts", "gpus", "group_add",
    "healthcheck", "hostname", "image", "init", "ipc", "isolation", "label_file", "labels", "links", "logging",
    "mac_address", "mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "models", "network_mode",
    "networks", "oom_kill_disable", "oom_score_adj", "pid", "pids_limit", "platform", "ports", "post_start",
    "pre_start", "pre_stop", "privileged", "profiles", "provider", "pull_policy", "pull_refresh_after", "read_only",
    "restart", "runtime", "scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period",
    "stop_signal", "storage_opt", "sysctls", "tmpfs", "tty", "umask", "ulimits", "use_api_socket", "user", "userns_mode",
    "uts", "volumes", "volumes_from", "working_dir",
}  # fmt: skip
"""Every key of a service in the Compose specification."""
PARTS = {
    "build": {
        "context": ".", "dockerfile": "D", "args": "{a: b}", "target": "t", "dockerfile_inline": "FROM x", "entitlements": "[a]",
        "ssh": "[default]", "labels": "{a: b}", "cache_from": "[a]", "cache_to": "[a]", "no_cache": "true", "no_cache_filter": "[a]",
        "additional_contexts": "{a: .}", "network": "host", "provenance": "true", "pull": "true", "sbom": "true", "shm_size": "1g",
        "extra_hosts": "[a:1.2.3.4]", "isolation": "x", "privileged": "true", "secrets": "[a]", "tags": "[a]", "ulimits": "{a: 1}",
        "platforms": "[a]",
    },
    "deploy": {
        "mode": "global", "endpoint_mode": "vip", "replicas": "2", "labels": "{a: b}", "rollback_config": "{parallelism: 1}",
        "update_config": "{parallelism: 1}", "resources": "{reservations: {cpus: '1'}}", "restart_policy": "{condition: any}",
        "placement": "{constraints: [a]}",
    },
    "healthcheck": {
        "test": "[CMD, x]", "interval": "1s", "timeout": "1s", "retries": "2", "start_period": "1s", "start_interval": "1s",
        "disable": "true",
    },
}  # fmt: skip
TOP_LEVEL = {"version", "name", "include", "services", "jobs", "models", "networks", "volumes", "secrets", "configs"}


def test_the_table_names_every_key_of_the_specification_once() -> None:
    assert KEPT.keys() | LOST.keys() | ELSEWHERE == SERVICE_KEYS | {"nonsense"}
    assert not KEPT.keys() & LOST.keys()


@pytest.mark.parametrize(("parent", "key"), [(parent, key) for parent, keys in PARTS.items() for key in keys])
def test_a_key_of_a_key_is_kept_or_listed_with_its_place(tmp_path: Path, parent: str, key: str) -> None:
    rest = {"healthcheck": "" if key in ("test", "disable") else "test: [CMD, x], "}.get(parent, "")
    text = f"services:\n  a:\n    image: x\n    {parent}: {{{rest}{key}: {PARTS[parent][key]}}}"
    data, notes = taken(tmp_path, text)
    is_kept = key in data["services"]["a"].get(parent, {})
    is_listed = re.search(rf"^compose\.yaml:4:[0-9]+: services\.a\.{parent}\.{key}", notes, re.MULTILINE) is not None
    assert is_kept != is_listed


def test_limits_of_deploy_are_those_of_the_container(tmp_path: Path) -> None:
    limits = "{resources: {limits: {cpus: '0.5', memory: 64M, pids: 9}, reservations: {memory: 1M}}, replicas: 2}"
    data, notes = taken(tmp_path, f"services: {{a: {{image: x, deploy: {limits}}}}}")
    assert data["services"]["a"] == {"image": "x", "cpus": "0.5", "mem_limit": "64M", "deploy": {"replicas": 2}}
    assert "services.a.deploy.resources.limits.pids was left out" in notes
    assert "services.a.deploy.resources.reservations was left out" in notes


@pytest.mark.parametrize("hosts", ["{a: 1.2.3.4}", "{a: [1.2.3.4]}", "['a:1.2.3.4']"])
def test_further_names_are_kept_in_every_form(tmp_path: Path, hosts: str) -> None:
    data, _ = taken(tmp_path, f"services: {{a: {{image: x, extra_hosts: {hosts}}}}}")
    assert data["services"]["a"]["extra_hosts"] == ["a:1.2.3.4"]


@pytest.mark.parametrize("key", KEPT)
def test_a_key_that_both_have_is_kept(tmp_path: Path, key: str) -> None:
    value, expected = KEPT[key]
    rest = "" if key in ("image", "build") else "image: x, "
    data, _ = taken(tmp_path, f"services: {{a: {{{rest}{key}: {value}}}, b: {{image: y}}}}")
    service = data["services"]["a"]
    assert (service["deploy"] == {"replicas": 2}) if key == "scale" else service[key] == expected


@pytest.mark.parametrize("key", LOST)
def test_a_key_that_is_lost_is_listed_with_its_place(tmp_path: Path, key: str) -> None:
    data, notes = taken(tmp_path, f"services:\n  a:\n    image: x\n    {key}: {LOST[key]}\n  b: {{image: y}}")
    assert "a" in data["services"]
    assert re.search(rf"^compose\.yaml:4:[0-9]+: services\.a\.{key}", notes, re.MULTILINE)


@pytest.mark.parametrize("key", [*sorted(TOP_LEVEL - {"name", "include", "services", "volumes"}), "nonsense"])
def test_a_top_level_key_that_is_lost_is_listed_with_its_place(tmp_path: Path, key: str) -> None:
    _, notes = taken(tmp_path, f"services: {{a: {{image: x}}}}\n{key}: {{a: {{}}}}")
    assert f"compose.yaml:2:1: {key} was left out" in notes


@pytest.mark.parametrize(
    "key", ["external: true", "driver: nfs", "name: other", "driver_opts: {a: b}", "labels: [a]", "x: 1"]
)
def test_what_is_said_of_a_volume_is_listed(tmp_path: Path, key: str) -> None:
    data, notes = taken(tmp_path, f"services: {{a: {{image: x}}}}\nvolumes: {{data: {{{key}}}}}")
    assert data["volumes"] == {"data": {}}
    assert f"compose.yaml:2:18: volumes.data.{key.partition(':')[0]} was left out" in notes


@pytest.mark.parametrize(
    ("ports", "kept", "note"),
    [
        ("['80:80']", {"http": 80}, ""),
        ("['8080:80']", {"http": "8080:80"}, ""),
        ("['8080:80', '127.0.0.1:90:91/tcp']", {"p80": "8080:80", "p91": "90:91"}, ""),
        ("[80]", {"http": "auto:80"}, ""),
        ("['53:53/udp', '80:80']", {"http": 80}, "53:53/udp was left out (only TCP"),
        ("['80-90:80-90']", None, "80-90:80-90 was left out (a range"),
        ("['0.0.0.0:80:80']", {"http": 80}, "the address 0.0.0.0 was left out"),
        ("['${P}:80']", {"http": "${P}:80"}, ""),
        ("['${P:-81}:80']", {"http": "${P:-81}:80"}, ""),
        ("['${BOTH}']", {"http": "8080:80"}, "${BOTH} stands for 8080:80 now"),
        ("['${NOTHING}']", None, "${NOTHING} was left out"),
        (
            "[{target: 80, published: '8080', host_ip: 1.2.3.4, mode: host, name: web}]",
            {"web": "8080:80"},
            "ports.mode was left out",
        ),
        ("[{target: 80, protocol: udp}]", None, "only TCP"),
        ("[{target: 80, published: 80-90}]", None, "a range"),
        ("['80:80', '80:80']", {"p80": 80}, ""),
        ("x", None, "ports was left out"),
    ],
)
def test_ports_keep_both_their_sides_and_tell_the_rest(tmp_path: Path, ports: str, kept: Any, note: str) -> None:
    data, notes = taken(tmp_path, f"services: {{a: {{image: x, ports: {ports}}}}}", __env="BOTH=8080:80\nP=82\n")
    service = data["services"]["a"]
    assert {k: v for k, v in service.get("ports", {}).items() if not k.endswith("-2")} == (kept or {})
    assert note in notes


@pytest.mark.parametrize(
    ("volume", "kept", "note"),
    [
        ("data:/x:ro", "data:/x:ro", ""), ("./c:/x", "./c:/x", ""), ("./c:/x:z,ro", "./c:/x:ro", "the option z was left out"),
        ("/etc/passwd:/x", None, "/etc/passwd was left out (it leads out"), ("~/x:/x", None, "~/x was left out"),
        ("../x:/x", None, "../x was left out"), ("/x", None, "a volume without a name"),
        ("{type: bind, source: ./c, target: /x, read_only: true}", "./c:/x:ro", ""),
        ("{type: volume, source: data, target: /x, volume: {nocopy: true}}", "data:/x", "volumes.volume was left out"),
        ("{type: tmpfs, target: /x}", None, "not a tmpfs"), ("/var/run/docker.sock:/s", None, "docker.sock"),
    ],
)  # fmt: skip
def test_a_mount_is_kept_or_listed(tmp_path: Path, volume: str, kept: str | None, note: str) -> None:
    data, notes = taken(tmp_path, f"services:\n  a:\n    image: x\n    volumes:\n      - {volume}")
    assert data["services"]["a"].get("volumes", [None]) == [kept]
    assert note in notes


def test_what_a_recipe_cannot_take_over_is_listed_one_by_one(tmp_path: Path) -> None:
    data, notes = taken(
        tmp_path,
        """\
services:
  db:
    image: postgres:16-alpine
    environment: {POSTGRES_DB: shop, POSTGRES_PASSWORD: x}
    ports: ["5433:5432", "9999:9999"]
    volumes: [data:/var/lib/postgresql/data]
    command: postgres -c a=b
    healthcheck: {test: x}
  other: {image: "postgres:15", environment: [POSTGRES_DB=two]}
  third: {image: postgres}
""",
    )
    assert data["services"]["db"] == {"uses": "postgres", "with": {"databases": ["shop"]}, "ports": {"postgres": 5433}}
    assert data["services"]["third"] == {"uses": "postgres", "ports": {"postgres": "auto"}}
    for lost in (
        "3:12: services.db.image: postgres:16-alpine is the recipe postgres now", "POSTGRES_DB is with.databases now",
        "POSTGRES_PASSWORD was left out", "ports: 9999 was left out", "volumes: data:/var/lib/postgresql/data was left out",
        "services.db.command was left out", "services.db.healthcheck was left out", "services.third.ports.postgres is auto",
    ):  # fmt: skip
        assert lost in notes


def test_every_address_of_another_service_is_listed_wherever_it_stands(tmp_path: Path) -> None:
    _, notes = taken(
        tmp_path,
        """\
services:
  db: {image: x}
  cache: {image: y}
  a:
    image: z
    environment:
      BOTH: "db:5432,cache:6379"
      DB_HOST: db
      URL: "http://cache/x?y=1"
      MODE: db
      PORTED: "db:${P}"
    command: wait-for db:5432
    healthcheck: {test: [CMD, pg_isready, -h, db]}
    labels: {upstream: "u@cache"}
""",
    )
    listed = [line for line in notes.splitlines() if "is an address among containers alone" in line]
    assert [re.sub(r"compose.yaml:([0-9]+):.*?services.a: (\S+) is.*", r"\1 \2", line) for line in listed] == [
        "7 db:5432", "7 cache:6379", "8 db", "9 cache", "11 db:${P}", "12 db:5432", "13 db", "14 cache",
    ]  # fmt: skip


def test_a_folder_or_a_path_that_is_called_like_a_service_is_no_address(tmp_path: Path) -> None:
    text = """\
services:
  jaeger: {image: x}
  web: {build: ./web, command: "serve --base-path=/jaeger/ui --file file:./etc/web/a.json /srv/web"}
"""
    assert "address" not in taken(tmp_path, text)[1]


def test_links_and_shared_networks_keep_their_order(tmp_path: Path) -> None:
    text = "services: {a: {image: x, links: ['b:alias', c], network_mode: 'service:d'}, b: {image: x}, c: {image: x}, d: {image: x}}"
    data, notes = taken(tmp_path, text)
    assert set(data["services"]["a"]["depends_on"]) == {"b", "c", "d"}
    assert "services.a.links: b as alias was left out" in notes


def test_what_cannot_run_is_left_out_with_what_depends_on_it(tmp_path: Path) -> None:
    data, notes = taken(
        tmp_path,
        """\
services:
  cloud: {provider: {type: aws}}
  needs: {image: x, depends_on: [cloud]}
  far: {image: x, depends_on: {needs: {condition: service_healthy}}}
  may: {image: x, depends_on: {cloud: {condition: service_started, required: false}}}
  bare: {command: rm -rf /}
""",
    )
    assert data["services"] == {"may": {"image": "x"}}
    assert "compose.yaml:2:3: services.cloud was left out" in notes
    assert "compose.yaml:3:3: services.needs was left out (it depends on cloud)" in notes
    assert "compose.yaml:4:3: services.far was left out (it depends on needs)" in notes
    assert "compose.yaml:6:3: services.bare was left out" in notes


def test_develop_watch_and_pre_start_become_watch_and_a_job(tmp_path: Path) -> None:
    data, notes = taken(
        tmp_path,
        """\
services:
  a:
    image: x
    develop: {watch: [{path: ./src, action: rebuild, ignore: [a/]}, {path: b, action: sync, target: /b}]}
    pre_start: [{command: [migrate], environment: [A=1]}]
""",
    )
    service = data["services"]["a"]
    assert service["watch"] == [{"path": "./src", "ignore": ["a/"]}, "b"]
    assert service["depends_on"] == {"a-pre-start-1": {"condition": "service_completed_successfully"}}
    assert data["services"]["a-pre-start-1"] == {
        "image": "x",
        "command": ["migrate"],
        "environment": ["A=1"],
        "restart": "no",
    }
    assert "is the job a-pre-start-1 now" in notes


def test_what_runs_before_a_service_has_what_its_container_has(tmp_path: Path) -> None:
    data, notes = taken(
        tmp_path,
        """\
services:
  a:
    image: x
    user: "1"
    working_dir: /app
    environment: {A: "1", B: "2"}
    volumes: [data:/data]
    ports: ["80:80"]
    command: serve
    pre_start: [{command: migrate, user: root, environment: [B=3], volumes: ["./c:/c"], per_replica: true}]
volumes: {data: {}}
""",
    )
    assert data["services"]["a-pre-start-1"] == {
        "image": "x", "user": "root", "working_dir": "/app", "environment": {"A": "1", "B": "3"},
        "volumes": ["data:/data", "./c:/c"], "command": "migrate", "restart": "no",
    }  # fmt: skip
    assert "services.a.pre_start[0].per_replica was left out" in notes


def test_several_files_includes_and_extends_are_one_manifest(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "compose.yaml").write_text("services: {inner: {build: ., env_file: a.env}}")
    (tmp_path / "sub" / "base.yaml").write_text("services: {base: {image: x, volumes: ['./c:/c']}}")
    (tmp_path / "one.yaml").write_text(
        "include: [sub/compose.yaml]\nservices: {a: {extends: {file: sub/base.yaml, service: base}, environment: {A: 1}}}"
    )
    (tmp_path / "two.yaml").write_text("services: {a: {environment: {A: null, B: 2}, restart: always}}")
    result = convert([tmp_path / "one.yaml", tmp_path / "two.yaml"], environ={})
    services = loads(tmp_path, result)["services"]
    assert services["inner"] == {"build": "sub", "env_file": [{"path": "sub/a.env", "required": False}]}
    assert services["a"] == {"image": "x", "volumes": ["./sub/c:/c"], "environment": {"B": 2}, "restart": "always"}


def test_paths_are_seen_from_where_the_manifest_lies(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "compose.yaml").write_text("services: {a: {build: ../app, volumes: ['./c:/c']}}")
    services = loads(tmp_path, convert(tmp_path / "deploy" / "compose.yaml", tmp_path, {}))["services"]
    assert services["a"] == {"build": "app", "volumes": ["./deploy/c:/c"]}


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {image: x, ports: ['80:80'], deploy: {replicas: 3}}}",
        "services: {a: {image: x, ports: ['80:80']}, b: {image: x, ports: ['80:81']}}",
        "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}",
        "services: {my.app: {image: x}, b: {image: x, depends_on: [my.app]}, hub: {image: x}}",
        "services: {a: {image: x, profiles: [a.b], restart: sometimes, stop_signal: SIGRTMIN+3, environment: {'a b': 1}}}",
        "services: {a: {image: '${X:?must}', environment: {A: '${Y?must}'}}}",
        "services: {a: {build: {context: 'https://github.com/a/b.git', dockerfile_inline: FROM x}}}",
        "services: {a: {image: x, healthcheck: {test: [], interval: 5}}, b: {image: x, deploy: {mode: global, restart_policy: {condition: x}}}}",
        "services: {a: {image: x, environment: ['A=$1 b', B=$$c], command: 'echo $(date)', labels: [a=b]}}",
        "services: {a: {image: kafka, environment: {A: '$'}}, b: {image: x, command: 'a \"b'}}",
        "name: My App\nservices: {a: {image: x, depends_on: {nobody: {condition: service_healthy}}}}",
        "services: {a: {image: x, ports: 3, volumes: 2, deploy: 3, healthcheck: x, environment: 4, labels: 5, env_file: {a: b}, depends_on: 7}}",
        "services: {a: {image: [x]}, b: {build: [x]}, c: 3, d: }",
        "services: {a: {image: x, command: !reset null, ports: !override ['80:80']}}\ninclude: [nowhere.yaml]",
        "services: {a: {image: x, entrypoint: '', command: [], user: '${UID}'}}",
        "services: {a: {image: x, healthcheck: {test: [CMD, a], start_interval: 1s, x-a: 1}, env_file: [{path: a, format: raw}]}}",
        "services: []",
        "services:",
        "x-a: 1",
    ],
)
def test_whatever_is_written_loads(tmp_path: Path, text: str) -> None:
    taken(tmp_path, text)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_written_loads_also_where_much_stands_together(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    keys = {**{key: value for key, (value, _) in KEPT.items()}, **LOST}
    services = ["a", "b", "c.d", "hub"]
    lines = ["services:"]
    for name in services:
        lines.append(f"  {name}:")
        lines += [f"    {key}: {keys[key]}" for key in random.sample(sorted(keys), 12) if key != "depends_on"]
        lines.append(f"    depends_on: [{', '.join(random.sample(services, 2))}]")
    taken(tmp_path, "\n".join(lines))


def test_a_name_of_devctls_own_services_is_renamed(tmp_path: Path) -> None:
    loaded, notes = taken(tmp_path, "services: {relay: {image: a}, hub: {image: b, depends_on: [relay]}}")
    assert loaded["services"].keys() == {"relay-service", "hub-service"}
    assert "services.relay is called relay-service now" in notes


def test_a_procfile_becomes_services(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text(
        "# dev\nweb: bundle exec puma -p $PORT\nworker: RAILS_ENV=dev bin/jobs | tee log\nrelease: ./migrate\nnot a line\n"
    )
    (tmp_path / ".env").write_text("A=1")
    result = convert_other(tmp_path / "Procfile", environ={})
    services = loads(tmp_path, result)["services"]
    assert services["web"] == {
        "command": ["sh", "-c", "bundle exec puma -p $$PORT"],
        "ports": {"http": "auto"},
        "env_file": ".env",
    }
    assert services["worker"]["command"] == ["sh", "-c", "RAILS_ENV=dev bin/jobs | tee log"]
    assert services["release"] == {"command": "./migrate", "env_file": ".env", "restart": "no", "profiles": ["release"]}
    assert "Procfile:5:1: line 5 was left out (it is not of the form NAME: COMMAND)" in map(str, result.notes)


def test_a_process_compose_file_becomes_services(tmp_path: Path) -> None:
    (tmp_path / "process-compose.yaml").write_text("""\
version: "0.5"
log_level: info
environment: [A=1]
processes:
  db:
    command: "postgres -D $DATA > log"
    working_dir: .
    readiness_probe: {exec: {command: pg_isready}, period_seconds: 2, failure_threshold: 4, success_threshold: 1}
    shutdown: {signal: 2, timeout_seconds: 7, command: x}
    availability: {restart: on_failure, backoff_seconds: 2, max_restarts: 3}
  api:
    command: api
    environment: [B=2]
    depends_on: {db: {condition: process_healthy}, job: {condition: process_completed_successfully}}
    readiness_probe: {http_get: {host: 127.0.0.1, port: 8080, path: /h}}
    replicas: 1
  job: {command: migrate, availability: {restart: "no"}, disabled: true, namespace: x}
  log: {command: x, ready_log_line: "ready (now)"}
""")
    result = convert_other(tmp_path / "process-compose.yaml", environ={})
    services = loads(tmp_path, result)["services"]
    assert services["db"]["command"] == ["sh", "-c", "postgres -D $$DATA > log"]
    assert services["db"]["healthcheck"] == {"interval": "2s", "retries": 4, "test": ["CMD-SHELL", "pg_isready"]}
    assert (services["db"]["stop_signal"], services["db"]["stop_grace_period"]) == ("SIGINT", "7s")
    assert services["db"]["deploy"]["restart_policy"] == {"condition": "on-failure", "max_attempts": 3, "delay": "2s"}
    assert services["api"]["environment"] == ["A=1", "B=2"]
    assert services["api"]["ports"] == {"http": 8080}
    assert services["api"]["depends_on"]["job"] == {"condition": "service_completed_successfully"}
    assert services["log"]["healthcheck"] == {"log": "ready\\ \\(now\\)"}
    notes = "\n".join(map(str, result.notes))
    for lost in (
        "2:1: log_level was",
        "readiness_probe.success_threshold was",
        "shutdown.command was",
        "processes.job.namespace was",
    ):
        assert lost in notes
