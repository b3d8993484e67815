"""The small deciding parts of the supervisor: schedules, restarts, watches, what is sent to the hub."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from devctl.core import events as happened
from devctl.core.checks import HttpCheck
from devctl.core.spec import File, RestartPolicy, Service, Spec, Watch
from devctl.core.state import Instance
from devctl.errors import EnvironmentProblem, ExitCode
from devctl.paths import StackPaths
from devctl.probes.base import Answer
from devctl.record.variants import KeptVariants
from devctl.supervisor import files
from devctl.supervisor.fetch import at_hand
from devctl.supervisor.health import Schedule
from devctl.supervisor.restart import Ended, describe_exit, pause_seconds
from devctl.supervisor.stopping import signal_number
from devctl.supervisor.telemetry import Telemetry, metrics_body, trace_body
from devctl.supervisor.watch import changed_files
from tests import fakes
from tests.fakes import World

GOOD, BAD = Answer(True, "200"), Answer(False, "503")
CHECK = HttpCheck(interval_seconds=2, retries=3, start_interval_seconds=0.025, start_period_seconds=10)


def test_a_start_is_asked_often_and_ever_less_often_until_the_first_good_answer() -> None:
    schedule = Schedule(CHECK, 0.0, is_good=False)
    assert [schedule.pause(at) for at in (0.0, 1.0, 5.0, 9.0)] == pytest.approx([0.025, 0.025, 0.1, 0.18])
    assert schedule.take(GOOD, 9.0) is True
    assert schedule.pause(9.0) == 2


def test_where_nobody_listens_yet_is_asked_sooner_unless_many_are_asked() -> None:
    schedule = Schedule(CHECK, 0.0, is_good=False)
    pauses = [schedule.pause(0.0, crowd=crowd) for crowd in (0, 1, 12, 50, 1000)]
    assert pauses == pytest.approx([0.025, 0.01, 0.01, 0.015, 0.025])
    assert schedule.pause(5.0, crowd=1) == pytest.approx(0.1)


def test_failures_within_the_start_period_count_for_nothing() -> None:
    schedule = Schedule(CHECK, 0.0, is_good=False)
    assert [schedule.take(BAD, at) for at in (0, 1, 5, 9.9)] == [None] * 4
    assert [schedule.take(BAD, at) for at in (10, 12, 14, 16)] == [None, None, False, None]
    assert schedule.take(GOOD, 18) is True


def test_a_good_one_becomes_bad_after_as_many_failures_as_its_retries_and_flapping_is_not_enough() -> None:
    schedule = Schedule(CHECK, 0.0, is_good=True)
    assert [schedule.take(a, 1) for a in (BAD, BAD, GOOD, BAD, BAD)] == [None] * 5
    assert schedule.take(BAD, 1) is False
    assert schedule.take(BAD, 1) is None
    assert schedule.take(GOOD, 1) is True


def ended(consecutive_restarts: int, *, good_since: float = 0.0, jitter: float = 1.0) -> Ended:
    return Ended(
        Instance("a.1", "a", 1, consecutive_restarts=consecutive_restarts, good_since=good_since), 1, 100.0, jitter
    )


def test_pauses_grow_with_jitter_up_to_thirty_seconds() -> None:
    policy = RestartPolicy()
    assert [pause_seconds(policy, ended(n)) for n in (0, 1, 2, 3, 6, 50)] == [0, 1, 2, 4, 30, 30]
    assert pause_seconds(policy, ended(3, jitter=0.0)) == 2
    assert pause_seconds(policy, ended(3, good_since=89.0)) == 0, "ten seconds of health reset it"
    assert pause_seconds(replace(policy, delay_seconds=7.0), ended(0)) == 7


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "ended with exit code 0"), (-9, "was ended by SIGKILL"), (-99, "was ended by signal 99"),
     (None, "ended, nobody knows how (its keeper was killed)")],
)  # fmt: skip
def test_an_end_is_described_in_words(code: int | None, text: str) -> None:
    assert describe_exit(code) == text


def test_a_changed_file_hits_who_watches_it_unless_it_is_ignored(tmp_path: Path) -> None:
    source = str(tmp_path / "src")
    services = {
        "a": Service("a", watch=(Watch(source, ("*.log", "cache")),)),
        "b": Service("b", watch=(Watch(f"{source}/b", dependents=True),)),
    }
    assert changed_files([f"{source}/b/x.py"], services).paths == {"a": f"{source}/b/x.py", "b": f"{source}/b/x.py"}
    assert changed_files([f"{source}/b/x.py"], services).with_dependents == {"b"}
    assert changed_files([f"{source}/x.log", f"{source}/cache/y.py", f"{source}2/x.py"], services).paths == {}


@pytest.mark.parametrize(("name", "number"), [("SIGTERM", 15), ("INT", 2), ("9", 9)])
def test_signals_are_known_by_name_and_number(name: str, number: int) -> None:
    assert signal_number(name) == number


def test_programs_are_at_hand_only_while_all_their_paths_exist(tmp_path: Path) -> None:
    paths = {"java": str(tmp_path), "kafka": str(tmp_path / "gone")}
    assert at_hand(["java"], paths) == {"java": str(tmp_path)}
    assert at_hand(["java", "kafka"], paths) is None
    assert at_hand(["grafana"], paths) is None


def test_files_are_written_once_for_their_owner_alone(tmp_path: Path) -> None:
    file = File(str(tmp_path / "deep" / "config"), "secret")
    assert files.write_files([file]) == [file.path]
    assert files.write_files([file]) == []
    assert Path(file.path).stat().st_mode & 0o777 == 0o600
    assert [p.name for p in Path(file.path).parent.iterdir()] == ["config"]


def test_a_full_disk_is_said_plainly() -> None:
    problem = files.problem(OSError(errno.ENOSPC, "No space left on device"), "/x")
    assert isinstance(problem, EnvironmentProblem)
    assert (problem.what, problem.exit_code) == ("the disk is full", ExitCode.ENVIRONMENT)


def test_the_variant_that_was_chosen_stays_with_the_data(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    variant = fakes.service("k").variants[0]
    service = Service("k", (replace(variant, name="native"), replace(variant, name="embedded")), uses="kafka")
    spec = fakes.spec(service, fakes.service("own"))
    KeptVariants(paths, lambda: "2026-01-31").record(service, "embedded")
    kept = KeptVariants(paths).prefer(spec).services["k"]
    assert kept.kept == "embedded, kept with its data since 2026-01-31; `--run-as native` changes it"
    names = [v.name for v in KeptVariants(paths).prefer(spec).services["k"].variants]
    assert names == ["embedded", "native"]
    only = replace(spec, services={"k": replace(service, variants=service.variants[:1])})
    assert [v.name for v in KeptVariants(paths).prefer(only).services["k"].variants] == ["native"]
    (paths.volumes / ".variants.json").write_text('{"k": "embedded"}')
    assert (
        KeptVariants(paths).prefer(spec).services["k"].kept
        == "embedded, kept with its data; `--run-as native` changes it"
    )
    (paths.volumes / ".variants.json").write_text("garbage")
    assert KeptVariants(paths).prefer(spec) == spec


def test_metrics_tell_restarts_states_and_start_durations() -> None:
    world = World(fakes.spec(fakes.service("a")))
    world.up()
    world.started("a.1")
    world.wait(1.5)
    world.ready("a.1")
    world.exits("a.1", 1)
    body = metrics_body(world.loop.state, world.loop.statuses, 5, {"attributes": []})
    metrics = {m["name"]: m for m in body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    assert metrics["devctl.service.restarts"]["sum"]["dataPoints"][0]["asInt"] == "1"
    shown = json.dumps(metrics["devctl.service.status"])
    assert "starting" in shown
    assert json.dumps(body)


def test_a_start_becomes_a_trace_with_a_span_for_each_step_probe_and_download() -> None:
    world = World(fakes.spec(fakes.service("a")))
    telemetry = Telemetry(world.loop)
    world.up()
    world.started("a.1")
    world.ready("a.1")
    world.post(happened.FetchBegan("g", "native"))
    world.post(happened.VariantMissing("g", "native", "no network"))
    spans = telemetry._spans
    assert [(s.name, s.error) for s in spans] == [
        ("probe a.1", ""), ("start a.1", ""), ("fetch g", "no network"),
    ]  # fmt: skip
    made = trace_body(spans[0], spans[1:], {})["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {s.get("parentSpanId", "") for s in made} == {"", made[0]["spanId"]}
    assert len({s["traceId"] for s in made}) == 1


def test_a_specification_without_services_is_no_trouble() -> None:
    world = World(Spec("t", "/t"))
    world.up()
    world.down()
    assert world.statuses() == {}
