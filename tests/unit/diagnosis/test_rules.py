"""What each rule makes of a stack: of the answers of checks, of ends, of ports that others hold, of what changed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from devctl.core import events as happened
from devctl.core.spec import Spec, to_json
from devctl.diagnosis.answer import answer
from devctl.diagnosis.blame import blame
from devctl.diagnosis.evidence import Cause
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.loglines import LogLine
from devctl.diagnosis.rules.bus import dead_letters
from devctl.diagnosis.traffic import CONSUMER, PRODUCER, Stretch
from devctl.diagnosis.why import read_facts
from devctl.machine.survey import Entry, Survey
from devctl.paths import StackPaths
from devctl.record.span_window import SpanRow
from devctl.record.store import Run
from tests import fakes
from tests.fakes import World
from tests.histories import happen, read_services
from tests.unit.diagnosis.test_blame import after
from tests.unit.diagnosis.test_why import Source

ANSWERS = [
    ("404 Not Found", "probe-path"), ("401 Unauthorized", "probe-refused"), ("302 Found", "probe-redirect"),
    ("not HTTP: \\x15\\x03\\x01", "probe-tls"), ("400 Client sent an HTTP request to an HTTPS server.", "probe-tls"),
    ("not HTTP: SSH-2.0-OpenSSH_9.2", "probe-protocol"), ("it has no port web", "probe-port"),
    ("no such file or directory", "probe-command"), ("exit code 127: sh: 1: pg_isready: not found", "probe-command"),
    ("no answer within 1 s", "hanging"), ("503 no ink", "not-ready"), ("no topic pages.v1 yet", "topic-missing"),
    ("connection refused; it listens on 127.0.0.1:9000", "wrong-port"),
]  # fmt: skip


class Table(Survey):
    """The processes of a machine that a test makes: who listens where."""

    def __init__(self, listeners: dict[str, int]) -> None:
        self._listeners = listeners

    @cached_property
    def listeners(self) -> dict[str, int]:
        return self._listeners

    @cached_property
    def entries(self) -> dict[int, Entry]:
        return {pid: Entry(pid, "nginx", "S", 1, pid, 0.0) for pid in self._listeners.values()}


def facts_after(
    services: str, *happenings: str, lines: dict[str, list[str]] | None = None, run: Run | None = None,
    listeners: dict[str, int] | None = None, environment: dict[str, str] | None = None,
) -> Facts:  # fmt: skip
    """Return the facts of a stack after a history; `lines`: what its instances wrote last, just now."""
    world = World(fakes.spec(*read_services(services).values()))
    for what in happenings:
        happen(world, what)
    if environment is not None:
        world.loop.spec = with_environment(world.loop.spec, environment)
    facts = read_facts(Source(world, {}), StackPaths(Path("/t")), (), world.clock)
    facts.run = run or Run(Path("/t/nothing"))
    facts.survey = Table(listeners or {})
    for instance, texts in (lines or {}).items():
        facts._lines[instance] = [LogLine(instance, facts.now_ns, text, text, "error") for text in texts]
    return facts


def with_environment(spec: Spec, environment: dict[str, str]) -> Spec:
    """Return a specification whose service `a` has these variables."""
    service = spec.services["a"]
    variant = replace(service.variants[0], environment=environment)
    return replace(spec, services={**spec.services, "a": replace(service, variants=(variant,))})


def leads(facts: Facts) -> list[tuple[str, str]]:
    """Return service and kind of each root."""
    return [(root.cause.service, root.cause.kind) for root in blame(facts).roots]


def lead(facts: Facts, name: str) -> Cause:
    cause = blame(facts).lead(name)
    assert cause is not None
    return cause


@pytest.mark.parametrize(("text", "kind"), ANSWERS)
def test_the_answer_of_a_check_says_what_is_wrong_with_it(text: str, kind: str) -> None:
    view = after("a", "up", "a.1 started", "wait 11", answers={"a.1": text})
    assert [(root["service"], root["kind"]) for root in view["roots"]] == [("a", kind)]


@pytest.mark.parametrize("text", ["no answer within 2 s", "503 Service Unavailable"])
def test_a_start_may_be_silent_or_unready_for_a_while(text: str) -> None:
    view = after("a", "up", "a.1 started", "wait 5", answers={"a.1": text})
    assert [root for root in view["roots"] if root["kind"] in ("hanging", "not-ready")] == []


def test_a_check_that_fails_in_words_that_no_rule_reads_is_told_as_it_is() -> None:
    view = after("a", "up", "a.1 started", "a.1 ready", "a.1 unready", answers={"a.1": "three of four shards"})
    assert [root["kind"] for root in view["roots"]] == ["unhealthy"]
    assert "three of four shards" in view["roots"][0]["sentence"]


def test_a_service_that_has_yet_to_start_is_on_its_way_and_accused_of_nothing() -> None:
    view = after("a, b(after a healthy)", "up", "a.1 started")
    assert (view["roots"], view["waiting"]) == ([], ["a", "b"])


def test_a_program_that_names_no_port_is_told_the_one_that_somebody_has_of_those_it_is_told() -> None:
    facts = facts_after(
        "a", "up", "a.1 started", "a.1 exits 1", lines={"a.1": ["OSError: [Errno 98] Address already in use"]},
        environment={"LISTEN": "18931", "DB": "http://127.0.0.1:5432/"},
        listeners={"127.0.0.1:18931": 4711, "127.0.0.1:5432": 4712},
    )  # fmt: skip
    cause = lead(facts, "a")
    assert cause.sentence == "a cannot listen: port 18931 is already in use by nginx (pid 4711)"
    assert cause.next.startswith("End pid 4711, or give a another port")


def test_two_services_of_the_stack_that_want_one_port_are_told_to_part_and_not_to_be_ended() -> None:
    facts = facts_after("a, b", "up", "b.1 started", "b.1 ready", "a.1 started", "a.1 exits 1",
                        lines={"a.1": ["listen tcp :18931: bind: address already in use"]})  # fmt: skip
    pid = facts.snapshot.state.services["b"].instances["b.1"].pid
    facts.survey = Table({"127.0.0.1:18931": pid})
    cause = lead(facts, "a")
    assert cause.sentence == "a cannot listen: port 18931 is already in use by b"
    assert cause.next.startswith("Give a or b another port")


def test_no_port_is_named_where_nobody_can_tell_which() -> None:
    facts = facts_after(
        "a", "up", "a.1 started", "a.1 exits 1", lines={"a.1": ["OSError: [Errno 98] Address already in use"]}
    )
    assert lead(facts, "a").sentence == "a cannot listen: the address is already in use"


def test_a_server_whose_callers_went_away_is_not_taken_for_one_that_reaches_nobody() -> None:
    facts = facts_after(
        "a", "up", "a.1 started", "a.1 ready", "a.1 unready", lines={"a.1": ["BrokenPipeError: [Errno 32] Broken pipe"]}
    )
    assert "refused" not in [cause.kind for cause in blame(facts).causes["a"]]


def test_who_is_refused_without_an_address_is_told_the_only_one_that_it_needs_and_that_does_not_listen() -> None:
    facts = facts_after(
        "a(after b started), b", "up", "b.1 started", "a.1 started", "a.1 exits 1",
        lines={"a.1": ["ConnectionRefusedError: [Errno 111] Connection refused"]},
    )  # fmt: skip
    facts.snapshot.state.ports["b.1"] = {"http": 9321}
    assert lead(facts, "a").sentence == "a is refused by b (localhost:9321)"


@pytest.mark.parametrize("text", ["ENOSPC: no space left on device, write", "OSError: [Errno 24] Too many open files"])
def test_a_service_that_counts_as_good_and_says_again_and_again_what_it_lacks_is_named(text: str) -> None:
    once = facts_after("a", "up", "a.1 started", "a.1 ready", lines={"a.1": [text]})
    often = facts_after("a", "up", "a.1 started", "a.1 ready", lines={"a.1": [text] * 4})
    assert leads(once) == []
    assert [service for service, _ in leads(often)] == ["a"]


def test_one_that_was_stopped_for_a_change_and_waits_is_not_taken_for_one_that_was_killed() -> None:
    facts = facts_after("a, b(after a healthy)", "up", "a.1 started", "a.1 ready", "b.1 started", "b.1 ready",
                        "restart-with-dependents a", "b.1 exits -15")  # fmt: skip
    assert "killed" not in [kind for _, kind in leads(facts)]


def good_before(folder: Path, was: dict[str, str], spec: Spec) -> Run:
    """Return a run in which all was well with other variables."""
    run = Run(folder / "20260101-000000-0000")
    run.folder.mkdir(parents=True)
    run.good_spec_file.write_text(json.dumps(to_json(with_environment(spec, was))))
    return run


def test_what_was_changed_in_the_manifest_is_the_cause_of_what_fails_since(tmp_path: Path) -> None:
    spec = fakes.spec(*read_services("a").values())
    run = good_before(tmp_path, {"DB": "http://db:1"}, spec)
    facts = facts_after(
        "a", "up", "a.1 started", "a.1 ready", "a.1 unready", environment={"DB": "http://db:2"}, run=run
    )
    cause = lead(facts, "a")
    assert cause.kind == "changed"
    assert "DB was http://db:1, is http://db:2" in cause.sentence


def test_a_changed_service_that_counts_as_good_and_reaches_nobody_since_is_named(tmp_path: Path) -> None:
    spec = fakes.spec(*read_services("a").values())
    run = good_before(tmp_path, {"DB": "http://127.0.0.1:4321"}, spec)
    refusals = ["connect to 127.0.0.1:9999: Connection refused"] * 3
    changed = facts_after("a", "up", "a.1 started", "a.1 ready", environment={"DB": "http://127.0.0.1:9999"},
                          run=run, lines={"a.1": refusals})  # fmt: skip
    same = facts_after("a", "up", "a.1 started", "a.1 ready", environment={"DB": "http://127.0.0.1:4321"},
                       run=run, lines={"a.1": refusals})  # fmt: skip
    assert leads(changed) == [("a", "changed")]
    assert leads(same) == []


def test_a_definition_that_never_was_good_is_nothing_to_compare_with(tmp_path: Path) -> None:
    spec = fakes.spec(*read_services("a").values())
    before = Run(tmp_path / "20260101-000000-0000")
    before.folder.mkdir()
    before.spec_file.write_text(json.dumps(to_json(with_environment(spec, {"DB": "http://db:1"}))))
    now = Run(tmp_path / "20260102-000000-0000")
    facts = facts_after("a", "up", "a.1 started", "a.1 exits 3", environment={"DB": "http://db:2"}, run=now)
    assert leads(facts) == [("a", "exited")]


def test_a_change_that_was_taken_back_is_told_as_that() -> None:
    facts = facts_after("a", "up", "a.1 started", "a.1 ready")
    state = facts.snapshot.state
    state = replace(state, services={"a": replace(state.services["a"], rolled_back="ended with exit code 1")})
    facts.snapshot = replace(facts.snapshot, state=state)
    assert leads(facts) == [("a", "rolled-back")]


def test_the_file_that_caused_the_last_restart_is_told_where_the_service_fails_since() -> None:
    facts = facts_after("a", "up", "a.1 started", "a.1 ready", "a.1 unready")
    changed = happened.FilesChanged("a", "app.py")
    object.__setattr__(changed, "at_ns", facts.now_ns - 5)
    facts.__dict__["events"] = [changed]
    kinds = [cause.kind for cause in blame(facts).causes["a"] if not cause.is_weak]
    assert "file-changed" in kinds


def test_messages_that_were_put_aside_are_told_of_who_put_them_there() -> None:
    facts = facts_after("a", "up", "a.1 started", "a.1 ready")
    row = SpanRow(1, b"t" * 16, b"s" * 8, b"", "a", "send orders.v1.dlq", PRODUCER, False, 5, 7)
    facts.traffic.__dict__.update(recent=Stretch([row]), baseline=Stretch([]))
    (cause,) = dead_letters.examine(facts, "a")
    assert cause.sentence == "a could not work off 1 message and put them into orders.v1.dlq"


def test_an_answer_of_what_suffers_is_a_problem_though_its_cause_may_yet_pass() -> None:
    facts = facts_after("a(after b started), b", "up", "b.1 started", "a.1 started", "a.1 exits 1",
                        lines={"a.1": ["ConnectionRefusedError: [Errno 111] Connection refused"]})  # fmt: skip
    facts.snapshot.state.ports["b.1"] = {"http": 9321}
    view: Any = answer(facts, blame(facts))
    assert view["state"] == "problem"


def test_who_takes_nothing_in_since_its_sender_fails_is_no_cause_of_its_own() -> None:
    second = 1_000_000_000
    happenings = ("up", "a.1 started", "b.1 started", "a.1 ready", "b.1 ready")
    facts, failing = facts_after("a, b", *happenings), facts_after("a, b", *happenings, "a.1 unready")
    for each in (facts, failing):
        since = each.now_ns - 60 * second
        taken = SpanRow(1, b"t" * 16, b"s" * 8, b"", "b", "process orders.v1", CONSUMER, False, since, 7)
        sent = [SpanRow(n, bytes([n] * 16), bytes([n] * 8), b"", "a", "send orders.v1", PRODUCER, False,
                        since + n * second, 7) for n in range(2, 9)]  # fmt: skip
        each.traffic.__dict__.update(recent=Stretch([taken, *sent]), baseline=Stretch([taken]))
    assert leads(facts) == [("b", "consumer-stuck")]
    assert [service for service, _ in leads(failing)] == ["a"]
