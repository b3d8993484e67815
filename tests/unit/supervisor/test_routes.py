"""What the relay and the forwarder answer to containers for."""

from dataclasses import replace

from devctl.core.spec import HUB, RELAY, Port, Service, Spec, Variant
from devctl.core.state import Option, ServiceState
from devctl.core.status import Kind
from devctl.relay.table import Route, Target
from devctl.supervisor.routes import forwards, make_table, with_relay
from tests.fakes import service, spec

BOX = Variant("container", Kind.CONTAINER, image="x")
PORTS = {
    "box.1": {"http": 1}, "native.1": {"http": 2}, "native.2": {"http": 3}, "front": {"http": 4},
    "front.1": {"http": 5}, "hub.1": {"otlp": 6},
}  # fmt: skip


def stack(*, has_box: bool = True) -> Spec:
    http = (Port("http"),)
    box = Service("box", (BOX,), ports=http)
    others = (service("native", ports=http, replicas=2), service("front", ports=http, front=True), service(HUB))
    return spec(*((box,) if has_box else ()), *others)


def chosen(variant: str) -> ServiceState:
    return ServiceState("box", options=(Option(variant, ""),))


def test_a_stack_with_a_container_has_the_relay() -> None:
    assert RELAY in with_relay(replace(stack(), active=("box",))).services
    assert RELAY not in with_relay(replace(stack(), active=("native",))).services


def test_a_relay_that_hangs_is_found_out_by_a_check_of_its_own() -> None:
    relay = with_relay(replace(stack(), active=("box",))).services[RELAY]
    assert relay.variants[0].liveness is not None


def test_the_relay_answers_containers_for_everything_that_is_none() -> None:
    table = make_table(stack(), {"box": chosen("container")}, PORTS, (), "/net")
    assert table.network == "/net"
    assert {(route.service, route.listen) for route in table.routes} == {
        ("native", 2), ("native", 3), ("front", 4), ("hub", 6),
    }  # fmt: skip
    assert Route("native", "http", 3, (Target("native.2", 3),)) in table.routes


def test_without_containers_the_relay_has_its_shared_ports_alone() -> None:
    table = make_table(stack(has_box=False), {}, PORTS, (), "/net")
    assert [route.listen for route in table.routes] == [4]
    assert table.network == ""


def test_the_forwarder_has_the_names_of_processes_and_of_what_is_relayed() -> None:
    names = forwards(stack(), {"box": chosen("container")}, PORTS)
    assert names == {"native": (2, 3), "front": (4,), "hub": (6,)}


def test_a_service_that_runs_as_a_process_meanwhile_is_forwarded_too() -> None:
    assert forwards(stack(), {"box": chosen("process")}, PORTS)["box"] == (1,)
