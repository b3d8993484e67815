"""Every kind of mistake has one exact message, with its place, what is allowed and the nearest right word."""

# ruff: noqa: E501

from pathlib import Path

import pytest

from devctl.manifest.problems import ManifestError
from tests.unit.manifest.loading import load_text, mistakes_of

TABLE = [
    # unknown keys
    ("servces: {}\nservices: {}", 'stack.yaml:1:1: unknown key "servces" (did you mean services?)'),
    (
        "services:\n  a: {comand: x, command: y}",
        'stack.yaml:2:7: unknown key in services.a: "comand" (did you mean command?)',
    ),
    (
        "services:\n  a:\n    command: x\n    networks: [b]",
        'stack.yaml:4:5: unknown key in services.a: "networks" (everything here shares one loopback network)',
    ),
    ("version: '3'\nservices: {}", 'stack.yaml:1:1: unknown key "version" (it has no meaning any more; leave it out)'),
    (
        "services:\n  a: {command: x, ports: {http: 0}, healthcheck: {htpp: /}}",
        'stack.yaml:2:51: unknown key in services.a.healthcheck: "htpp" (did you mean http?)',
    ),
    ("name: x", "stack.yaml:1:1: the manifest needs the key services"),
    ("services:", "stack.yaml:1:10: services must be a mapping, not empty"),
    ("services: {a: {command: }}", "stack.yaml:1:25: services.a.command must be a text or a list, not empty"),
    # wrong types
    ("services: [a]", "stack.yaml:1:11: services must be a mapping, not a list"),
    ("services:\n  a: 3", 'stack.yaml:2:6: services.a must be a mapping, not "3"'),
    (
        "services:\n  a:",
        "stack.yaml:2:3: services.a does not say what to run (allowed: command, uses, image, build, native)",
    ),
    (
        "services:\n  a: {command: x, ports: [8080]}",
        "stack.yaml:2:26: services.a.ports must be a mapping such as {http: 8080}, not a list",
    ),
    (
        "services:\n  a: {command: x, ports: {http: 22:22}}",
        "stack.yaml:2:27: services.a.ports.http: HOST:CONTAINER goes with image or build (a process listens on the port itself)",
    ),
    (
        "services:\n  a: {command: x, ports: {http: 99999}}",
        'stack.yaml:2:33: services.a.ports.http must be a port number from 1 to 65535, or auto, not "99999"',
    ),
    (
        "services:\n  a: {command: x, ports: {http: 1e3}}",
        'stack.yaml:2:33: services.a.ports.http must be a port number from 1 to 65535, or auto, not "1e3"',
    ),
    (
        "services:\n  a: {command: x, optional: yes}",
        'stack.yaml:2:29: services.a.optional must be true or false, not "yes" (write true)',
    ),
    (
        "services:\n  a: {command: x, optional: Off}",
        'stack.yaml:2:29: services.a.optional must be true or false, not "Off" (write false)',
    ),
    (
        "services:\n  a: {command: x, optional: maybe}",
        'stack.yaml:2:29: services.a.optional must be true or false, not "maybe"',
    ),
    (
        "services:\n  a: {command: x, restart: alway}",
        'stack.yaml:2:28: services.a.restart cannot be "alway" (did you mean always? allowed: no, on-failure, always, unless-stopped)',
    ),
    (
        "services:\n  a: {command: x, run_as: natve}",
        'stack.yaml:2:27: services.a.run_as cannot be "natve" '
        "(did you mean native? allowed: auto, container, process, native, embedded)",
    ),
    (
        "services:\n  a: {command: x, stop_grace_period: 5}",
        "stack.yaml:2:38: services.a.stop_grace_period must be a duration such as 500ms, 2s or 1m30s, "
        'not "5" (write 5s for seconds)',
    ),
    (
        "telemetry: {record: lots}\nservices: {}",
        'stack.yaml:1:21: telemetry.record must be a size such as 64m or 2GiB, not "lots"',
    ),
    (
        "telemetry: offf\nservices: {}",
        'stack.yaml:1:12: telemetry cannot be "offf" (did you mean off? allowed: on, off, true, false)',
    ),
    ("services:\n  a: {command: []}", "stack.yaml:2:16: services.a.command is empty"),
    (
        "services:\n  a: {command: 'x \"y'}",
        "stack.yaml:2:16: services.a.command cannot be split into words: no closing quotation",
    ),
    (
        "services:\n  a: {command: x, environment: {B: [c]}}",
        "stack.yaml:2:36: services.a.environment.B must be text, not a list",
    ),
    (
        "services:\n  a: {command: x, environment: {1B: c}}",
        'stack.yaml:2:33: services.a.environment: "1B" cannot be the name of a variable',
    ),
    (
        "services:\n  a: {command: x, deploy: {replicas: -1}}",
        'stack.yaml:2:38: services.a.deploy.replicas must be a whole number from 0 to 1000, not "-1"',
    ),
    (
        "services:\n  a: {command: x, healthcheck: {log: '('}}",
        "stack.yaml:2:38: services.a.healthcheck.log is not a regular expression: "
        "missing ), unterminated subpattern at position 0",
    ),
    # names
    (
        "services:\n  -a: {command: x}",
        'stack.yaml:2:3: services: "-a" cannot be a name '
        "(letters, digits, - and _, beginning with a letter or digit, at most 63)",
    ),
    (
        "services:\n  'a;rm': {command: x}",
        'stack.yaml:2:3: services: "a;rm" cannot be a name '
        "(letters, digits, - and _, beginning with a letter or digit, at most 63)",
    ),
    (
        "name: Shop\nservices: {}",
        "stack.yaml:1:7: name must be a name of lower-case letters, digits, - and _ that begins with a letter or digit, "
        'not "Shop"',
    ),
    (
        "services:\n  hub: {command: x}",
        'stack.yaml:2:3: "hub" is a reserved name (call it something else; devctl\'s own hub has this name)',
    ),
    (
        "services:\n  kafka: {command: x}\n  a: {command: x, depends_on: [kafak]}",
        'stack.yaml:3:32: services.a.depends_on: no service "kafak" (did you mean kafka? allowed: kafka, a)',
    ),
    (
        "services:\n  a: {command: x, ports: {web: 1}}\n  b: {command: '${services.aa.web}'}",
        'stack.yaml:3:16: ${services.…}: no service "aa" (did you mean a? allowed: a, b, hub)',
    ),
    (
        "services:\n  a: {command: x, ports: {web: 1}}\n  b: {command: '${services.a.wep}'}",
        'stack.yaml:3:16: a has no port "wep" (did you mean web? allowed: web)',
    ),
    (
        "services:\n  a: {command: x}\n  b: {command: '${services.a.http}'}",
        'stack.yaml:3:16: a has no port "http" (a has no ports: name one under `ports`)',
    ),
    (
        "services:\n  a: {command: '${services.a}'}",
        "stack.yaml:2:16: ${services.a}: write ${services.SERVICE.PORT}, and .host, .port or .all behind it",
    ),
    (
        "services:\n  a: {command: x, image: '${services.a.http}', ports: {http: 0}}",
        "stack.yaml:2:26: services.a.image cannot hold the address of a service "
        "(it may stand in command, environment, healthcheck and with)",
    ),
    (
        "volumes: {data: }\nservices:\n  a: {command: '${volumes.dta}'}",
        'stack.yaml:3:16: ${volumes.…}: no volume "dta" (did you mean data? allowed: data)',
    ),
    (
        "services:\n  a: {uses: brokr}",
        'stack.yaml:2:13: services.a.uses: no recipe "brokr" (did you mean broker? allowed: broker, tracer, zipper)',
    ),
    # recipes
    (
        "services:\n  a: {uses: broker, with: {heep: 1g}}",
        'stack.yaml:2:28: unknown key in services.a.with: "heep" (did you mean heap? allowed: topics, heap, config, fast)',
    ),
    (
        "services:\n  a: {uses: broker, with: {topics: {t: {partitions: many}}}}",
        'stack.yaml:2:53: services.a.with.topics.t.partitions must be a whole number from 0 to 2147483647, not "many"',
    ),
    (
        "services:\n  a: {uses: broker, with: {fast: yes}}",
        'stack.yaml:2:34: services.a.with.fast must be true or false, not "yes" (write true)',
    ),
    ("services:\n  a: {uses: broker, with: {heap: '0'}}", "stack.yaml:2:13: services.a: a broker needs memory"),
    (
        "services:\n  a: {uses: broker, with: {config: ../x}}",
        "stack.yaml:2:13: services.a: ../x leads out of the project",
    ),
    (
        "services:\n  a: {uses: broker, with: {config: nothing}}",
        "stack.yaml:2:13: services.a: nothing is no file",
    ),
    (
        "services:\n  a: {uses: broker, ports: {htp: 1}}",
        'stack.yaml:2:29: services.a.ports: broker has no port "htp" (did you mean http? allowed: broker, http)',
    ),
    (
        "services:\n  a: {command: x, with: {b: c}}",
        "stack.yaml:2:25: services.a.with are settings of a recipe (it goes with uses)",
    ),
    (
        "services:\n  a: {command: x, uses: broker}",
        "stack.yaml:2:16: services.a has both uses and command (a recipe brings the command)",
    ),
    (
        "services:\n  a: {command: x, run_as: embedded}",
        "stack.yaml:2:27: services.a.run_as: embedded needs uses (process)",
    ),
    (
        "services:\n  a: {uses: broker, with: {heap: '${services.b.http}'}}",
        'stack.yaml:2:34: ${services.…}: no service "b" (allowed: a, hub)',
    ),
    (
        "telemetry: off\nservices:\n  a: {command: '${services.hub.otlp}'}",
        'stack.yaml:3:16: ${services.…}: no service "hub" (allowed: a)',
    ),
    # rings and ports
    (
        "services:\n  a: {command: x, depends_on: [a]}",
        "stack.yaml:2:32: services wait for each other: a → a (one of them must not wait)",
    ),
    (
        "services:\n  a: {command: x, depends_on: [b]}\n  b: {command: x, depends_on: [c]}\n"
        "  c: {command: x, depends_on: [a]}\n  d: {command: x, depends_on: [a]}",
        "stack.yaml:2:32: services wait for each other: a → b → c → a (one of them must not wait)",
    ),
    (
        "services:\n  a: {command: x, ports: {http: 80}}\n  b: {command: x, ports: {web: 80}}",
        "stack.yaml:3:27: port 80 of b.web is taken by a.http (web: auto)",
    ),
    (
        "services:\n  a: {command: x, front: true}",
        "stack.yaml:2:26: services.a.front: it has no port that the relay could hold (services.a.ports: {http: auto})",
    ),
    (
        "services:\n  relay: {command: x}",
        'stack.yaml:2:3: "relay" is a reserved name (call it something else; devctl\'s own relay has this name)',
    ),
    (
        "services:\n  a: {command: x, deploy: {update_config: {order: first}}}",
        'stack.yaml:2:51: services.a.deploy.update_config.order cannot be "first" (did you mean stop-first? allowed: auto, start-first, stop-first)',
    ),
    # checks
    (
        "services:\n  a: {command: x, ports: {http: 0}, healthcheck: {http: /, tcp: http}}",
        "stack.yaml:2:65: services.a.healthcheck has both http and tcp (keep one of them)",
    ),
    (
        "services:\n  a: {command: x, healthcheck: {interval: 1s}}",
        "stack.yaml:2:32: services.a.healthcheck does not say what to check (allowed: http, tcp, grpc, test, log, disable)",
    ),
    (
        "services:\n  a: {command: x, healthcheck: {http: /}}",
        "stack.yaml:2:39: services.a.healthcheck.http needs a port named http, or just one port "
        "(name one: services.a.ports: {http: auto})",
    ),
    (
        "services:\n  a: {command: x, ports: {p: 0, q: 0}, healthcheck: {http: /}}",
        "stack.yaml:2:60: services.a.healthcheck.http needs a port named http, or just one port "
        "(write http: {path: /…, port: NAME})",
    ),
    (
        "services:\n  a: {command: x, ports: {p: 0}, healthcheck: {tcp: q}}",
        'stack.yaml:2:53: services.a.healthcheck.tcp: no port "q" (allowed: p)',
    ),
    (
        "services:\n  a: {command: x, metrics: /metrics}",
        "stack.yaml:2:28: services.a.metrics needs a port named http, or just one port",
    ),
    # paths
    (
        "services:\n  a: {command: x, working_dir: ../b}",
        'stack.yaml:2:32: services.a.working_dir: "../b" leads out of the project (it is PARENT/b, the project is FOLDER)',
    ),
    (
        "services:\n  a: {command: x, watch: [/etc]}",
        'stack.yaml:2:27: services.a.watch[0]: "/etc" leads out of the project (it is /etc, the project is FOLDER)',
    ),
    (
        "services:\n  a: {command: x, build: link}",
        'stack.yaml:2:26: services.a.build: "link" leads out of the project (it is /usr, the project is FOLDER)',
    ),
    (
        "services:\n  a: {image: x, volumes: ['../b:/b']}",
        'stack.yaml:2:27: services.a.volumes[0]: "../b:/b" leads out of the project (it is PARENT/b, the project is FOLDER)',
    ),
    (
        "services:\n  a: {image: x, volumes: ['/var/run/docker.sock:/s']}",
        "stack.yaml:2:27: services.a.volumes[0] would hand over a socket, which may be as good as root",
    ),
    (
        "services:\n  a: {command: x, env_file: none.env}",
        'stack.yaml:2:29: services.a.env_file[0]: no such file "none.env" (write {path: …, required: false} if it may be missing)',
    ),
    (
        "services:\n  a: {command: x, build: {dockerfile: ../Dockerfile}}",
        'stack.yaml:2:39: services.a.build.dockerfile: "../Dockerfile" leads out of the project (it is PARENT/Dockerfile, the project is FOLDER)',
    ),
    # interpolation
    (
        "services:\n  a: {command: 'x $'}",
        "stack.yaml:2:16: a $ must be followed by a name or {; a literal one is written $$",
    ),
    ("services:\n  a: {command: '${N:?set it}'}", "stack.yaml:2:16: N must be set: set it"),
    (
        "services:\n  a: {command: x, ports: {http: '${P}'}}",
        'stack.yaml:2:33: services.a.ports.http must be a port number from 1 to 65535, or auto, not "${P}"',
    ),
    # exporters
    ("exporters: {x: {headers: {A: b}}}\nservices: {}", "stack.yaml:1:16: exporters.x needs one of otlp and zipkin"),
    (
        "exporters: {x: {otlp: here}}\nservices: {}",
        'stack.yaml:1:23: exporters.x.otlp must be an address such as http://host:4318, not "here"',
    ),
]


@pytest.mark.parametrize(("text", "mistake"), TABLE)
def test_a_mistake_has_one_exact_message(tmp_path: Path, text: str, mistake: str) -> None:
    (tmp_path / "link").symlink_to("/usr")
    expected = mistake.replace("FOLDER", str(tmp_path.resolve())).replace("PARENT", str(tmp_path.resolve().parent))
    assert mistakes_of(tmp_path, text) == [expected]


def test_all_mistakes_are_reported_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "nmae: x\nservices:\n  a: {command: x, restart: maybe}\n  b: {command: x, depends_on: [c]}\n  b: {command: y}"
    )
    assert [m.split(": ")[0] for m in mistakes_of(tmp_path, text)] == [
        "stack.yaml:1:1", "stack.yaml:3:28", "stack.yaml:4:32", "stack.yaml:5:3",
    ]  # fmt: skip


def test_a_flood_of_mistakes_ends_after_two_hundred(tmp_path: Path) -> None:
    text = "services:\n" + "".join(f"  s{i}: {{foo: 1}}\n" for i in range(5000))
    assert len(mistakes_of(tmp_path, text)) == 200


def test_a_ring_is_told_once_and_a_diamond_is_none(tmp_path: Path) -> None:
    diamond = "services: {a: {command: x, depends_on: [b, c]}, b: {command: x, depends_on: [d]}, c: {command: x, depends_on: [d]}, d: {command: x}}"
    assert mistakes_of(tmp_path, diamond) == []
    rings = "services: {a: {command: x, depends_on: [b, c]}, b: {command: x, depends_on: [a]}, c: {command: x, depends_on: [e]}, e: {command: x, depends_on: [c]}}"
    assert sum("wait for each other" in mistake for mistake in mistakes_of(tmp_path, rings)) == 2


def test_a_chain_of_a_thousand_is_no_trouble(tmp_path: Path) -> None:
    text = "services:\n  s0: {command: x}\n"
    text += "".join(f"  s{i}: {{command: x, depends_on: [s{i - 1}]}}\n" for i in range(1, 1000))
    assert mistakes_of(tmp_path, text) == []


def test_services_that_are_never_active_together_may_share_a_port(tmp_path: Path) -> None:
    text = "services: {a: {command: x, ports: {http: 80}}, b: {command: x, ports: {http: 80}, profiles: [p]}}"
    assert mistakes_of(tmp_path, text) == []
    assert mistakes_of(tmp_path, text, names=("b",)) == []
    expected = ["stack.yaml:1:72: port 80 of b.http is taken by a.http (http: auto)"]
    assert mistakes_of(tmp_path, text, profiles=("p",)) == expected
    assert mistakes_of(tmp_path, text, profiles=("p",), isolated=True) == []


def test_what_is_asked_for_must_exist(tmp_path: Path) -> None:
    text = "services: {order: {command: x, profiles: [extra]}}"
    assert mistakes_of(tmp_path, text, names=("ordr",)) == ['no service "ordr" (did you mean order? allowed: order)']
    assert mistakes_of(tmp_path, text, profiles=("extar",)) == [
        'no service has the profile "extar" (did you mean extra? allowed: extra)'
    ]
    assert mistakes_of(tmp_path, text, run_as="nativ") == [
        'cannot run as "nativ" (did you mean native? allowed: auto, container, process, native, embedded)'
    ]


def test_a_missing_manifest_says_what_to_do(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    with pytest.raises(ManifestError) as caught:
        load_text(tmp_path, "services: {}", files=[missing])
    assert (
        str(caught.value)
        == "none.yaml: cannot be read: No such file or directory\n  devctl init writes a first stack.yaml"
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("A=1\nB\nC D=1\n", ".env:3:1: not a line of the form NAME=VALUE"),
        ("A=1\nB='x", ".env:2:1: not a line of the form NAME=VALUE"),
        ("A=${B:?is needed}", ".env:1:1: B must be set: is needed"),
        ("A=x" + " " * 500_000 + "y", ".env: has more than a hundred blanks in a row: not a file of NAME=VALUE lines"),
        ("A=" + "x" * 1_100_000, ".env: is larger than 1 MiB"),
        ("A=\0", ".env:1:3: a NUL byte: not a text file"),
    ],
)
def test_a_broken_environment_file_is_told_with_its_line(tmp_path: Path, text: str, mistake: str) -> None:
    (tmp_path / ".env").write_text(text)
    assert mistakes_of(tmp_path, "services: {a: {command: x}}") == [mistake]


def test_no_message_shows_a_value_from_the_environment(tmp_path: Path) -> None:
    environ = {"CANARY": "s3cr3t-canary"}
    for key, value in [
        ("restart", "$CANARY"), ("ports", "{http: $CANARY}"), ("run_as", "$CANARY"), ("optional", "$CANARY"),
        ("working_dir", "../$CANARY"), ("healthcheck", "{log: '($CANARY'}"), ("stop_signal", "$CANARY"),
        ("profiles", "[$CANARY/]"), ("depends_on", "[$CANARY]"), ("uses", "$CANARY"), ("page", "$CANARY"),
        ("healthcheck", "{tcp: $CANARY}"), ("environment", "['$CANARY x']"), ("env_file", "$CANARY"),
        ("volumes", "['../$CANARY:/x']"), ("healthcheck", "{http: {path: /, port: $CANARY}}"),
    ]:  # fmt: skip
        mistakes = mistakes_of(tmp_path, f"services: {{a: {{command: x, {key}: {value}}}}}", environ=environ)
        assert "s3cr3t" not in "\n".join(mistakes), key


def test_a_mistake_that_services_share_through_an_anchor_is_told_once(tmp_path: Path) -> None:
    text = "x-s: &s {command: x, restart: maybe}\nservices: {a: {<<: *s}, b: {<<: *s}}"
    (told,) = mistakes_of(tmp_path, text)
    assert "services.a.restart" in str(told)
    assert "also of b" in str(told)


def test_the_ports_of_an_unknown_recipe_are_no_second_mistake(tmp_path: Path) -> None:
    text = 'services:\n  c: {uses: brooker}\n  a: {command: x, environment: {A: "${services.c.http}"}}'
    (told,) = mistakes_of(tmp_path, text)
    assert "brooker" in str(told)
