"""Relayed services as they are used: one address while instances come, go, freeze, fail and are scaled."""

from __future__ import annotations

import os
import signal
import urllib.request
from dataclasses import replace

import pytest

from devctl.core.checks import CommandCheck, HttpCheck
from devctl.core.spec import RELAY, Port, Service
from devctl.errors import ExitCode
from devctl.session.protocol import ServiceView
from devctl.supervisor import sockets
from tests.integration.supervisor.conftest import RealStack, kill, process, script
from tests.integration.supervisor.load import Load
from tests.soak import IS_SOAK, rounds
from tests.waiting import eventually

KILLS = rounds(4, 20)
RESTARTS = rounds(1, 20)
CHECK = HttpCheck(port="http", interval_seconds=0.1, timeout_seconds=5.0, retries=3)  # a busy machine is no fault
IMPATIENT = replace(CHECK, timeout_seconds=1.0, retries=2)
SERVER = """
import os, signal, socket, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"%s" % os.environ.get("WHO", "?").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server.serve_forever()
"""


def web(number: int = 0, **fields: object) -> Service:
    service = script("web", SERVER, check=CHECK, environment={"WHO": "one"}, front=True)
    return replace(service, ports=(Port("http", number),), **fields)  # type: ignore[arg-type]


def with_variant(service: Service, **fields: object) -> Service:
    return replace(service, variants=(replace(service.variants[0], **fields),))  # type: ignore[arg-type]


def view(stack: RealStack) -> ServiceView:
    return next(s for s in stack.status()["services"] if s["name"] == "web")


def address(stack: RealStack) -> str:
    return view(stack)["ports"]["http"]


def instances(stack: RealStack) -> dict[str, int]:
    return {i["id"]: i["pid"] for i in view(stack)["instances"]}


def up(stack: RealStack, service: Service) -> dict[str, str]:
    """Bring the service up; return what was taken back."""
    with stack.client() as client:
        return client.apply(stack.spec(service, telemetry=False))["rolled_back"]


def test_the_status_tells_the_shared_address_from_those_of_the_instances(stack: RealStack) -> None:
    up(stack, web(replicas=2))
    status = view(stack)
    assert status["fronted"]
    addresses = {status["ports"]["http"], *(i["ports"]["http"] for i in status["instances"])}
    assert len(addresses) == 3


def test_a_restart_loses_no_request(stack: RealStack) -> None:
    up(stack, web(replicas=2))
    for _ in range(RESTARTS):
        before = set(instances(stack).values())
        with Load(address(stack)) as load, stack.client() as client:
            settled = client.restart(["web"])
        assert load.failures == []
        assert settled["healthy"]
        assert not before & set(instances(stack).values())


def test_a_single_relayed_instance_is_replaced_without_a_gap(stack: RealStack) -> None:
    up(stack, web())
    with Load(address(stack)) as load, stack.client() as client:
        client.restart(["web"])
    assert load.failures == []
    assert len(instances(stack)) == 1


def test_an_edit_rolls_and_loses_no_request(stack: RealStack) -> None:
    up(stack, web(replicas=2))
    edited = with_variant(web(replicas=2), environment={"WHO": "two"})
    with Load(address(stack)) as load:
        assert up(stack, edited) == {}
    assert load.failures == []
    assert set(load.answers) == {"one", "two"}
    with urllib.request.urlopen(f"http://{address(stack)}/") as answer:
        assert answer.read() == b"two"


@pytest.mark.parametrize("failing", ["ends", "never gets healthy"])
def test_a_version_that_does_not_become_healthy_is_taken_back(stack: RealStack, failing: str) -> None:
    good = web(replicas=2)
    up(stack, good)
    before = instances(stack)
    impatient = replace(CHECK, path="/" if failing == "ends" else "/nowhere", status=(204,), start_period_seconds=0.5)
    argv = (*good.variants[0].argv[:-1], "raise SystemExit(3)" if failing == "ends" else SERVER)
    with Load(address(stack)) as load:
        rolled_back = up(stack, with_variant(good, argv=argv, check=impatient, environment={"WHO": "bad"}))
    assert load.failures == []
    assert set(load.answers) == {"one"}
    assert instances(stack) == before
    assert rolled_back.keys() == {"web"}
    assert rolled_back["web"].startswith("web.3: ")
    assert up(stack, good) == {}, "what was taken back is over once nobody asks for it any more"
    assert view(stack)["reason"] == ""


def test_more_and_fewer_instances_lose_no_request(stack: RealStack) -> None:
    up(stack, web())
    first = instances(stack)
    with Load(address(stack)) as load, stack.client() as client:
        client.scale({"web": 3})
        assert len(instances(stack)) == 3
        client.scale({"web": 1})
    assert load.failures == []
    assert instances(stack) == first


def test_an_up_returns_to_the_number_of_the_manifest(stack: RealStack) -> None:
    up(stack, web())
    with stack.client() as client:
        client.scale({"web": 2})
    up(stack, web())
    assert len(instances(stack)) == 1


def test_a_direct_service_that_is_scaled_keeps_its_address(stack: RealStack) -> None:
    number = int(stack.free_port())
    up(stack, web(number, front=False))
    assert not view(stack)["fronted"]
    with stack.client() as client:
        client.scale({"web": 2})
    assert view(stack)["fronted"]
    assert address(stack) == f"127.0.0.1:{number}"
    assert f"127.0.0.1:{number}" not in {i["ports"]["http"] for i in view(stack)["instances"]}
    eventually(lambda: urllib.request.urlopen(f"http://127.0.0.1:{number}/").read() == b"one")
    with Load(address(stack)) as load, stack.client() as client:
        client.restart(["web"])
        client.scale({"web": 1})
    assert load.failures == []
    assert sum(stack.restarts().values()) == 0


def test_a_frozen_instance_gets_no_request_once_its_check_has_noticed(stack: RealStack) -> None:
    up(stack, with_variant(web(replicas=2), check=IMPATIENT))
    frozen = instances(stack)["web.1"]
    os.kill(frozen, signal.SIGSTOP)
    try:
        eventually(lambda: view(stack)["status"] == "unhealthy", what="the check notices")
        with Load(address(stack), timeout=5.0) as load:
            eventually(lambda: load.answers["one"] > 100)
        assert load.failures == []
    finally:
        os.kill(frozen, signal.SIGCONT)


def test_a_killed_relay_refuses_nobody_and_restarts_nobody(stack: RealStack) -> None:
    up(stack, web(replicas=2))
    before = instances(stack)
    with Load(address(stack)) as load:
        for number in range(1, KILLS + 1):
            kill(stack.pids()[f"{RELAY}.1"])
            answered = sum(load.answers.values())
            eventually(lambda answered=answered: sum(load.answers.values()) > answered + 20)  # type: ignore[misc]
            eventually(lambda number=number: stack.restarts()[f"{RELAY}.1"] == number)  # type: ignore[misc]
    assert not [failure for failure in load.failures if "refused" in failure.lower()]
    assert instances(stack) == before


def test_a_relay_that_hangs_keeps_no_instance_from_being_stopped(stack: RealStack) -> None:
    up(stack, web(replicas=2))
    before, relay = instances(stack), stack.pids()[f"{RELAY}.1"]
    os.kill(relay, signal.SIGSTOP)
    try:
        with stack.client() as client:
            assert client.restart(["web"])["healthy"]
    finally:
        os.kill(relay, signal.SIGCONT)
    assert not set(before.values()) & set(instances(stack).values())


@pytest.mark.skipif(not IS_SOAK, reason="its liveness check is patient: half a minute; run by make soak")
def test_a_relay_that_hangs_is_replaced(stack: RealStack) -> None:
    up(stack, web())
    os.kill(stack.pids()[f"{RELAY}.1"], signal.SIGSTOP)
    eventually(lambda: stack.restarts()[f"{RELAY}.1"] == 1, within=120)
    assert eventually(lambda: urllib.request.urlopen(f"http://{address(stack)}/").read() == b"one", within=30)


@pytest.mark.parametrize("change", ["another port", "no such service"])
def test_a_port_that_nobody_asks_for_any_more_is_free(stack: RealStack, change: str) -> None:
    number = int(stack.free_port())
    up(stack, web(number))
    assert not sockets.is_free(number)
    if change == "another port":
        up(stack, web(int(stack.free_port())))
        assert urllib.request.urlopen(f"http://{address(stack)}/").read() == b"one"
    else:
        with stack.client() as client:
            client.apply(stack.spec(process("other", "sleep", "1000"), telemetry=False))
    eventually(lambda: sockets.is_free(number), what=f"port {number} is let go")


def test_traffic_flows_on_while_nobody_supervises(stack: RealStack) -> None:
    up(stack, web(replicas=2))
    at, supervisor = address(stack), stack.status()["supervisor"]["pid"]
    kill(supervisor)
    with Load(at) as load:
        eventually(lambda: sum(load.answers.values()) > 200)
    assert load.failures == []
    before = instances(stack)
    with Load(at) as load, stack.client() as client:
        client.restart(["web"])
    assert load.failures == []
    assert not set(before.values()) & set(instances(stack).values())


def test_the_shared_port_outlives_the_keeper_too(stack: RealStack) -> None:
    up(stack, web())
    at, keeper = address(stack), stack.status()["keeper"]["pid"]
    kill(keeper)
    eventually(lambda: stack.status()["keeper"]["pid"] not in (0, keeper), what="another keeper")
    with Load(at) as load:
        kill(stack.pids()[f"{RELAY}.1"])
        eventually(lambda: sum(load.answers.values()) > 100)
    assert not [failure for failure in load.failures if "refused" in failure.lower()]


def test_a_fault_is_on_the_wire_until_it_is_removed(stack: RealStack) -> None:
    up(stack, web())
    with stack.client() as client:
        added = client.add_fault({"service": "web", "kind": "down"})
        assert added["name"] == "web_down_1"
        assert [fault["name"] for fault in view(stack)["faults"]] == ["web_down_1"]
        with pytest.raises(OSError, match="reset"):
            urllib.request.urlopen(f"http://{address(stack)}/")
        assert client.remove_faults(["web_down_1"]) == ["web_down_1"]
        assert urllib.request.urlopen(f"http://{address(stack)}/").read() == b"one"


def test_a_fault_with_a_time_ends_by_itself_in_the_status_too(stack: RealStack) -> None:
    up(stack, web())
    with stack.client() as client:
        client.add_fault({"service": "web", "kind": "latency", "milliseconds": 1}, seconds=0.2)
    eventually(lambda: view(stack)["faults"] == [])


def test_a_direct_service_takes_no_fault(stack: RealStack) -> None:
    up(stack, web(front=False))
    with stack.client() as client, pytest.raises(Exception, match="directly") as refusal:
        client.add_fault({"service": "web", "kind": "down"})
    assert getattr(refusal.value, "exit_code", None) == ExitCode.USAGE
    assert "front: true" in getattr(refusal.value, "next", "")


def test_the_relay_itself_takes_no_fault(stack: RealStack) -> None:
    up(stack, web())
    with stack.client() as client, pytest.raises(Exception, match="devctl's own"):
        client.add_fault({"service": RELAY, "kind": "down"})


def test_a_liveness_check_that_fails_restarts_the_instance(stack: RealStack) -> None:
    hung = stack.paths.folder / "hung"
    liveness = CommandCheck(argv=("test", "!", "-e", str(hung)), interval_seconds=0.1)
    up(stack, with_variant(web(front=False), liveness=liveness))
    before = instances(stack)["web.1"]
    hung.touch()
    eventually(lambda: stack.restarts()["web.1"] == 1)
    hung.unlink()
    eventually(lambda: view(stack)["status"] == "healthy")
    assert instances(stack)["web.1"] != before
    assert view(stack)["note"].startswith("web.1 was restarted: failed its liveness check")
