"""A stack from up to down, with the real keeper and real processes."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devctl.actions.recorded import RecordedSession
from devctl.core.checks import HttpCheck
from devctl.core.spec import (
    File,
    Port,
    RestartCondition,
    RestartPolicy,
    Service,
    Spec,
    Variant,
    Watch,
    placeholder,
)
from devctl.core.status import Condition, Kind
from devctl.diagnosis.why import why
from devctl.errors import DevctlError, ExitCode
from devctl.record import store
from devctl.session.client import Client
from devctl.session.connect import connect, prepare
from devctl.session.protocol import Item
from devctl.supervisor.sockets import is_free
from devctl.views import offline
from tests.integration.supervisor.conftest import RealStack, is_alive, process, script
from tests.waiting import eventually

HTTP = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
CHECK = HttpCheck(path="/health")
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
time.sleep(600)
"""


def test_services_come_up_in_order_and_down_leaves_nothing(stack: RealStack) -> None:
    spec = stack.spec(
        script("a", HTTP, check=CHECK, ports=(Port("http"),)),
        process("b", "sleep", "600", after={"a": Condition.HEALTHY}),
    )
    with stack.client() as client:
        settled = client.apply(spec)
        assert settled["healthy"]
        assert settled["began"]
        assert [link["service"] for link in settled["critical_path"]] == ["a", "b"]
        assert stack.statuses() == {"a": "healthy", "b": "running"}
        client.down()
    assert not stack.is_left()
    last = offline.status(stack.paths)
    assert last is not None
    assert {s["name"]: s["status"] for s in last["services"]} == {"a": "stopped", "b": "stopped"}


def test_a_stop_leaves_no_process_though_they_ignore_term_or_left_the_session(stack: RealStack) -> None:
    spec = stack.spec(script("a", STUBBORN, stop_grace_seconds=0.2))
    with stack.client() as client:
        client.apply(spec)
        leader = stack.pids()["a.1"]
        eventually(lambda: len(stack.processes()) >= 4, what="the child")
        client.stop(["a"])
        assert not is_alive(leader)
        assert stack.statuses() == {"a": "stopped"}
        client.down()
    assert not stack.is_left()


def test_a_start_up_failure_is_said_at_once_with_its_last_words(stack: RealStack) -> None:
    spec = stack.spec(
        script("a", "print('no such database', flush=True); raise SystemExit(3)", check=CHECK, ports=(Port("http"),)),
        process("b", "sleep", "600", after={"a": Condition.HEALTHY}),
    )
    with stack.client() as client:
        settled = client.apply(spec)
        assert not settled["healthy"]
        assert settled["failed"] == ["a", "b"]
        assert stack.statuses() == {"a": "failed", "b": "blocked"}
        (explained,) = why(client, stack.paths, ["b"])
        assert [cause["service"] for cause in explained["chain"]] == ["b", "a"]
        root = explained["chain"][-1]
        assert root["exit_code"] == 3
        assert root["lines"] == ["no such database"]
        client.down()
    (later,) = why(RecordedSession(stack.paths), stack.paths, ["b"])
    assert [cause["service"] for cause in later["chain"]] == ["b", "a"]


def test_a_killed_service_comes_back_and_a_crash_loop_ends(stack: RealStack) -> None:
    quick = RestartPolicy(RestartCondition.ALWAYS, delay_seconds=0.0)
    spec = stack.spec(
        process("a", "sleep", "600"), script("b", "import time; time.sleep(0.05); raise SystemExit(1)", restart=quick)
    )
    with stack.client() as client:
        client.apply(spec)
        before = stack.pids()["a.1"]
        assert client.kill(["a"]) == ["a.1"]
        eventually(lambda: stack.pids()["a.1"] not in (0, before), what="the restart")
        eventually(lambda: stack.statuses()["b"] == "failed", what="the crash loop")
        (explained,) = why(client, stack.paths, ["b"])
        assert "crash loop" in explained["chain"][0]["says"]


def test_a_missing_program_is_a_failure_with_its_name(stack: RealStack) -> None:
    with stack.client() as client:
        settled = client.apply(stack.spec(process("a", "/nowhere/at-all")))
        assert settled["failed"] == ["a"]
        assert "/nowhere/at-all" in stack.status()["services"][0]["reason"]


def test_what_restarts_always_still_goes_down(stack: RealStack) -> None:
    always = RestartPolicy(RestartCondition.ALWAYS)
    quick = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(600)"
    with stack.client() as client:
        client.apply(stack.spec(*(script(f"s{n}", quick, restart=always) for n in range(5))))
        client.down()
    assert not stack.is_left()


def test_a_job_and_replicas_and_addresses_work_together(stack: RealStack) -> None:
    tell = "import os, sys; print(os.environ['WHERE'], os.environ['PORT'], flush=True)"
    everywhere = placeholder("services.web.http.all")
    spec = stack.spec(
        script("job", tell, ports=(Port("http"),), environment={"WHERE": everywhere}),
        script("web", HTTP, check=CHECK, ports=(Port("http"),), replicas=3, after={"job": Condition.COMPLETED}),
    )
    with stack.client() as client:
        assert client.apply(spec)["failed"] == [], why(client, stack.paths)
        assert stack.statuses() == {"job": "completed", "web": "healthy"}
        web = stack.status()["services"][1]
        ports = {i["id"]: i["ports"]["http"] for i in web["instances"]}
        assert len(set(ports.values())) == 3
        launches = {made["instance"]: made for made in client.spec()["launches"]}
        assert launches["job.1"]["environment"]["WHERE"] == ",".join(ports.values())
        assert client.apply(spec)["critical_path"] == []
        assert [answer["healthy"] for answer in client.check(["web"])] == [True, True, True]


def test_a_variant_whose_program_cannot_be_had_gives_way_to_the_next(stack: RealStack) -> None:
    sleep = process("a", "sleep", "600").variants[0]
    lost = replace(sleep, name="native", tools=("no-such-tool",))
    here = replace(sleep, name="native", argv=(placeholder("tools.here"), "600"), tools=("here",))
    spec = stack.spec(
        Service("a", (lost, replace(sleep, name="embedded"))),
        Service("b", (lost,), optional=True),
        Service("c", (here,), optional=True),
    )
    with stack.client() as client:
        settled = client.apply(replace(spec, tools={"here": "/bin/sleep"}))
        assert settled["healthy"]
        assert stack.statuses() == {"a": "running", "b": "unavailable", "c": "running"}
        shown = {s["name"]: s for s in stack.status()["services"]}
        assert shown["a"]["variant"] == "embedded"
        assert "no-such-tool" in shown["b"]["reason"]


def test_a_taken_port_is_named_with_its_owner_before_anything_starts(stack: RealStack) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        number = stranger.getsockname()[1]
        spec = stack.spec(process("a", "sleep", "600"), process("b", "sleep", "600", ports=(Port("http", number),)))
        with stack.client() as client, pytest.raises(DevctlError) as refused:
            client.apply(spec)
    assert refused.value.exit_code is ExitCode.ENVIRONMENT
    assert str(number) in refused.value.what
    assert f"process {os.getpid()}" in refused.value.what
    eventually(lambda: not stack.is_left(), what="the end of the idle supervisor")
    assert offline.status(stack.paths) is None


def test_eight_racing_ups_make_one_supervisor(stack: RealStack) -> None:
    clients: list[Client] = []
    threads = [threading.Thread(target=lambda: clients.append(stack.client())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spec = stack.spec(process("a", "sleep", "600"))
    pids = {client.hello()["pid"] for client in clients}
    began = [client.apply(spec)["began"] for client in clients]
    for client in clients:
        client.close()
    assert len(pids) == 1
    assert began.count(True) == 1
    assert len(stack.pids()) == 1


def test_an_edit_restarts_the_changed_service_alone_and_rewrites_live_files(stack: RealStack) -> None:
    content = f"{placeholder('services.b.http.all')} {placeholder('services.a.variant')}"
    live = File(str(stack.paths.folder / "targets"), content, live=True)
    follower = Service("c", (Variant("process", Kind.PROCESS, argv=("sleep", "600"), files=(live,)),))
    web = process("b", "sleep", "600", ports=(Port("http"),))
    with stack.client() as client:
        client.apply(stack.spec(process("a", "sleep", "600"), web, follower))
        before = stack.pids()
        first = Path(live.path).read_text()
        two = replace(web, replicas=2)
        client.apply(stack.spec(process("a", "sleep", "700"), two, follower))
        after = stack.pids()
        assert after["a.1"] != before["a.1"]
        assert after["b.1"] == before["b.1"]
        assert after["c.1"] == before["c.1"]
        eventually(lambda: Path(live.path).read_text().startswith(first.split()[0] + ","), what="the live file")


def test_a_changed_live_file_is_brought_into_force_in_what_runs(stack: RealStack) -> None:
    seen = stack.paths.folder / "seen"
    take = ("sh", "-c", f'cat "$0" > {seen}; echo not well >&2; exit 1', str(stack.paths.folder / "live"))

    def spec(content: str) -> Spec:
        live = File(take[-1], content, live=True)
        return stack.spec(
            Service("a", (Variant("process", Kind.PROCESS, argv=("sleep", "600"), files=(live,), on_change=take),))
        )

    with stack.client() as client:
        client.apply(spec("old"))
        before = stack.pids()
        assert not seen.exists()
        client.apply(spec("new"))
        eventually(lambda: seen.exists() and seen.read_text() == "new", what="the command that follows a change")
        run = store.current(stack.paths)
        assert run is not None
        eventually(lambda: "in force: not well" in (run.folder / "events.jsonl").read_text(), what="its last words")
        assert stack.pids() == before


def test_what_is_stopped_on_purpose_has_no_variant_in_live_files_so_that_nobody_is_paged(stack: RealStack) -> None:
    live = File(str(stack.paths.folder / "targets"), placeholder("services.a.variant"), live=True)
    follower = Service("c", (Variant("process", Kind.PROCESS, argv=("sleep", "600"), files=(live,)),))
    with stack.client() as client:
        spec = stack.spec(process("a", "sleep", "600"), follower)
        client.apply(spec)
        assert Path(live.path).read_text() == "process"
        client.stop(["a"])
        eventually(lambda: Path(live.path).read_text() == "", what="the word that it is stopped")
        client.apply(spec, names=["a"])
        eventually(lambda: Path(live.path).read_text() == "process", what="the word that it runs")


def test_a_refused_request_leaves_no_trace(stack: RealStack) -> None:
    prepared = prepare(stack.paths, start=True)
    assert prepared is not None
    prepared.cancel()
    assert not stack.is_left()
    assert connect(stack.paths) is None
    with stack.client() as client, pytest.raises(DevctlError, match="no service 'x'") as refused:
        client.apply(stack.spec(process("a", "sleep", "1")), names=["x"])
    assert refused.value.exit_code is ExitCode.USAGE
    eventually(lambda: not stack.is_left(), what="the end of the idle supervisor")
    assert not stack.paths.state.exists()


def test_a_start_that_was_suspended_until_its_supervisor_left_starts_another(stack: RealStack) -> None:
    prepared = prepare(stack.paths, start=True)
    assert prepared is not None
    stack.client().close()  # the first one ends as soon as its last client is gone
    eventually(lambda: not stack.paths.socket.exists(), what="the end of the idle supervisor")
    with prepared.connect() as client:
        assert client.apply(stack.spec(process("a", "sleep", "600")))["healthy"]
        client.down()
    assert not stack.is_left()


def test_one_refused_manifest_after_the_other_leaves_no_trace(stack: RealStack) -> None:
    for _ in range(6):
        prepared = prepare(stack.paths, start=True)
        assert prepared is not None
        prepared.cancel()
    assert not stack.is_left()


def test_a_refused_manifest_does_not_disturb_who_joined_meanwhile(stack: RealStack) -> None:
    for joins_before in (True, False):
        refused = prepare(stack.paths, start=True)
        joined = prepare(stack.paths, start=True)
        assert refused is not None
        assert joined is not None
        client = joined.connect() if joins_before else None
        canceller = threading.Thread(target=refused.cancel)
        canceller.start()
        with client or joined.connect() as client:
            assert client.apply(stack.spec(process("a", "sleep", "600")))["healthy"]
            canceller.join()
            assert stack.statuses() == {"a": "running"}
            client.down()
        assert not stack.is_left()


def test_watch_tells_the_status_and_then_every_change(stack: RealStack) -> None:
    with stack.client() as client, stack.client() as listener:
        client.apply(stack.spec(process("a", "sleep", "600")))
        items = listener.watch()
        first: Item = next(items)
        assert first["status"]["services"][0]["status"] == "running"
        client.stop(["a"])
        seen = [s["status"] for item in items_until_stopped(items) for s in item.get("services", [])]
        assert seen == ["stopping", "stopped"]


def items_until_stopped(items: Iterator[Item]) -> list[Item]:
    taken: list[Item] = []
    for item in items:
        taken.append(item)
        if any(s["status"] == "stopped" for s in item.get("services", [])):
            return taken
    return taken


def test_a_changed_file_restarts_its_service(stack: RealStack) -> None:
    source = stack.paths.folder / "source"
    source.mkdir()
    watched = process("a", "sleep", "600", watch=(Watch(str(source), ignore=("*.log",)),))
    with stack.client() as client:
        client.apply(stack.spec(watched, process("b", "sleep", "600")), watch=True)
        before = stack.pids()

        def restarted() -> bool:
            (source / "ignored.log").write_text("x")
            (source / "app.py").write_text("x")
            return stack.pids()["a.1"] not in (0, before["a.1"])

        eventually(restarted, every=0.3, what="the restart")
        assert stack.pids()["b.1"] == before["b.1"]


@pytest.mark.timeout(60)
def test_three_hundred_services_come_up_and_go_down_without_trace(stack: RealStack) -> None:
    spec = stack.spec(*(process(f"s{n}", "sleep", "600") for n in range(300)))
    with stack.client() as client:
        assert client.apply(spec)["healthy"]
        assert len(stack.processes()) >= 300
        client.down()
    assert not stack.is_left()


def test_two_copies_have_ports_of_their_own_outside_the_ephemeral_range(stack: RealStack) -> None:
    low, high = (int(n) for n in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    spec = stack.spec(script("a", HTTP, check=CHECK, ports=(Port("http"),)))
    with stack.client() as client:
        client.apply(spec)
        number = int(stack.status()["services"][0]["ports"]["http"].rpartition(":")[2])
    assert not low <= number <= high
    assert not is_free(number)
