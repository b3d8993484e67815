"""What programs of many languages say before they give up, and which rule reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from devctl.diagnosis.loglines import LogLine, folded, read_lines_of
from devctl.diagnosis.rules.base import LineRule, match_any
from devctl.diagnosis.rules.boot import address_in_use, refused
from devctl.diagnosis.rules.registry import GROUPS, declared
from devctl.diagnosis.why import read_facts
from devctl.paths import StackPaths
from devctl.record.store import Run
from tests import fakes
from tests.fakes import World
from tests.histories import happen, read_services
from tests.unit.diagnosis.test_why import Source
from tests.unit.record.streams import make_run, write

LINES = [
    ("ModuleNotFoundError: No module named 'flask'", "module-missing", "flask"),
    ("/usr/bin/python3: No module named services.pay", "module-missing", "services.pay"),
    ("ImportError: cannot import name 'Order' from 'shop'", "module-missing", "cannot import name 'Order' from 'shop'"),
    ("Error: Cannot find module 'express'", "module-missing", "express"),
    ("Error: Could not find or load main class shop.Main", "module-missing", "shop.Main"),
    ("java.lang.NoClassDefFoundError: org/slf4j/Logger", "module-missing", "org/slf4j/Logger"),
    ("./press: error while loading shared libraries: libink.so.2: cannot open", "library-missing", "libink.so.2"),
    ("KeyError: 'DATABASE_URL'", "variable-missing", "DATABASE_URL"),
    ("Error: environment variable STRIPE_KEY is not set", "variable-missing", "STRIPE_KEY"),
    ("panic: missing required environment variable PORT_NUMBER", "variable-missing", "PORT_NUMBER"),
    ("sh: 1: API_TOKEN: parameter not set", "variable-missing", "API_TOKEN"),
    ("./start.sh: line 3: REDIS_URL: unbound variable", "variable-missing", "REDIS_URL"),
    ("ValueError: DATABASE_URL must be set", "variable-missing", "DATABASE_URL"),
    ("RuntimeError: Missing required setting: SECRET_KEY", "variable-missing", "SECRET_KEY"),
    ("FATAL: required env var JWT_SECRET not found", "variable-missing", "JWT_SECRET"),
    ("Error: DATABASE_URL environment variable is required", "variable-missing", "DATABASE_URL"),
    ("FileNotFoundError: [Errno 2] No such file or directory: '/etc/shop.yaml'", "file-missing", "/etc/shop.yaml"),
    ("Error: ENOENT: no such file or directory, open '/app/config.json'", "file-missing", "/app/config.json"),
    ("open config/app.toml: no such file or directory", "file-missing", "config/app.toml"),
    ("python3: can't open file '/app/main.py': [Errno 2] No such file or directory", "file-missing", "/app/main.py"),
    ("Error: Unable to access jarfile target/app.jar", "file-missing", "target/app.jar"),
    ("cat: /etc/ink: No such file or directory", "file-missing", "/etc/ink"),
    ("PermissionError: [Errno 13] Permission denied: '/var/lib/ink.db'", "permission", "/var/lib/ink.db"),
    ("mkdir: cannot create directory '/data': Permission denied", "permission", "/data"),
    ("open /var/run/app.pid: permission denied", "permission", "/var/run/app.pid"),
    ("sqlite3.OperationalError: attempt to write a readonly database", "permission", "readonly"),
    ("Error: listen EACCES: permission denied 0.0.0.0:80", "permission", None),
    ("socket.gaierror: [Errno -2] Name or service not known", "unknown-host", ""),
    ("Error: getaddrinfo ENOTFOUND postgres", "unknown-host", "postgres"),
    ("dial tcp: lookup redis-main on 127.0.0.11:53: no such host", "unknown-host", "redis-main"),
    ('could not translate host name "db" to address: Name or service not known', "unknown-host", "db"),
    ("java.net.UnknownHostException: kafka", "unknown-host", "kafka"),
    ("curl: (6) Could not resolve host: catalog", "unknown-host", "catalog"),
    ('FATAL:  password authentication failed for user "shop"', "authentication", "shop"),
    ("ERROR 1045 (28000): Access denied for user 'shop'@'localhost'", "authentication", "shop"),
    ("redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair", "authentication", None),
    ("sqlite3.OperationalError: no such table: orders", "schema", "orders"),
    ('ERROR: relation "orders" does not exist', "schema", "orders"),
    ('FATAL:  database "shop" does not exist', "schema", "shop"),
    ("alembic.util.exc.CommandError: Can't locate revision identified by 'ab12'", "schema", None),
    ("json.decoder.JSONDecodeError: Expecting value: line 3 column 1 (char 20)", "configuration", None),
    ("yaml.scanner.ScannerError: mapping values are not allowed here", "configuration", None),
    ("error loading config file app.toml: toml: line 3: expected value", "configuration", None),
    ('nginx: [emerg] unknown directive "sever" in /etc/nginx/nginx.conf:7', "configuration", None),
    ("main.py: error: unrecognized arguments: --prot 80", "configuration", None),
    ("flag provided but not defined: -prot", "configuration", None),
    ("ValueError: invalid literal for int() with base 10: 'abc'", "configuration", None),
    ("SyntaxError: invalid syntax", "syntax-error", None),
    ("OSError: [Errno 28] No space left on device", "disk-full", None),
    ("sqlite3.OperationalError: database or disk is full", "disk-full", None),
    ("write /data/seg: no space left on device", "disk-full", None),
    ("MemoryError", "out-of-memory", None),
    ("java.lang.OutOfMemoryError: Java heap space", "out-of-memory", None),
    ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "out-of-memory", None),
    ("OSError: [Errno 12] Cannot allocate memory", "out-of-memory", None),
    ("OSError: [Errno 24] Too many open files: '/tmp/x'", "too-many-files", None),
    ("accept tcp [::]:8080: accept4: too many open files", "too-many-files", None),
    ("RuntimeError: can't start new thread", "too-many-files", None),
    ("FATAL:  sorry, too many clients already", "too-many-connections", None),
    ("TimeoutError: QueuePool limit of size 5 overflow 10 reached", "too-many-connections", None),
    ("sqlite3.OperationalError: database is locked", "database-locked", None),
    ("ERROR: deadlock detected", "database-locked", None),
    ("KafkaError{code=UNKNOWN_TOPIC_OR_PART,str=\"Subscribed topic not available: a.v1\"}", "topic-missing", None),
    ("Topic 'orders.v9' does not exist", "topic-missing", "orders.v9"),
    ("NOT_FOUND - no queue 'mail' in vhost '/'", "topic-missing", "mail"),
]  # fmt: skip

INNOCENT = [
    "listening on http://127.0.0.1:8080", "GET /work 200 12 ms", "connected to postgres at 127.0.0.1:5432",
    "loaded configuration from app.toml", "cache miss for key 404", "started in 0.4 s", "0 errors, 0 warnings",
    "retrying in 1 s", "migration 7 applied", "opened /var/lib/ink.db", "user logged in", "memory: 512 MB of 2 GB",
]  # fmt: skip


def line_rules() -> list[LineRule]:
    return [rule for group in GROUPS for rule in declared(group) if isinstance(rule, LineRule)]


def line(text: str) -> LogLine:
    return LogLine("a.1", 1, text, text, "")


def readings(text: str) -> list[tuple[LineRule, str]]:
    """Return the rules that read a line and what they name, the strongest first."""
    matches = [(rule, match) for rule in line_rules() if (match := rule.match(line(text)))]
    return [(rule, match["what"] or "") for rule, match in sorted(matches, key=lambda pair: pair[0].rank)]


@pytest.mark.parametrize(("text", "kind", "what"), LINES, ids=[text[:60] for text, _, _ in LINES])
def test_what_a_program_says_is_read_as_what_it_means(text: str, kind: str, what: str | None) -> None:
    rules = readings(text)

    assert rules, "no rule reads it"
    assert rules[0][0].kind == kind
    assert what is None or rules[0][1] == what


@pytest.mark.parametrize("text", INNOCENT)
def test_a_line_that_says_nothing_bad_is_read_by_no_rule(text: str) -> None:
    assert readings(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "OSError: [Errno 98] Address already in use", "listen tcp :8080: bind: address already in use",
        "Error: listen EADDRINUSE: address already in use :::3000", "Port 8080 is already in use",
        "Web server failed to start. Port 8080 was already in use.",
    ],
)  # fmt: skip
def test_a_taken_port_is_read_in_the_words_of_many_servers(text: str) -> None:
    assert match_any(address_in_use.PATTERNS, line(text))


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 5432)", 5432),
        ("dial tcp 127.0.0.1:6379: connect: connection refused", 6379),
        ("Error: connect ECONNREFUSED ::1:9092", 9092),
        ('connection to server at "localhost" (127.0.0.1), port 5433 failed: Connection refused', 5433),
        ("HTTPConnectionPool(host='localhost', port=8500): Max retries exceeded: Connection refused", 8500),
        ("Connection to node -1 (localhost/127.0.0.1:9092) could not be established", 9092),
    ],
)
def test_a_refused_connection_names_its_address(text: str, port: int) -> None:
    assert refused.address_in([text])[1] == port


def test_equal_lines_are_told_once_with_their_number() -> None:
    assert folded(["a", "b", "b", "b", "", "c"]) == ("a", "b (×3)", "c")


def test_a_sentence_has_no_gap_where_the_line_names_nothing() -> None:
    world = World(fakes.spec(*read_services("a").values()))
    for what in ("up", "a.1 started", "a.1 exits 1"):
        happen(world, what)
    facts = read_facts(Source(world, {}), StackPaths(Path("/t")), (), world.clock)
    facts.run = Run(Path("/t"))
    text = "MongoServerError: Authentication failed."
    facts._lines["a.1"] = [LogLine("a.1", facts.now_ns, text, text, "")]
    (rule,) = [rule for rule in line_rules() if rule.kind == "authentication"]

    (cause,) = rule.examine(facts, "a")

    assert cause.sentence == "a is refused for its credentials"


def test_the_lines_of_a_trace_are_found_near_it_and_nowhere_else(tmp_path: Path) -> None:
    run, second = make_run(tmp_path), 1_000_000_000
    text = b'{"level": "error", "message": "no", "trace_id": "0123456789abcdef0123456789abcdef"}\n'
    write(run, "a.1", [(5 * second, text), (100 * second, text), (101 * second, b"other\n"), (500 * second, text)])
    lines = read_lines_of(run, "0123456789abcdef0123456789abcdef", ["a"], 100 * second, 102 * second)
    assert [line.at_ns for line in lines] == [100 * second]
