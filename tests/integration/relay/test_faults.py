"""Wire faults, measured from outside: each does what it says for as long as it is there, and to whom it says."""

import socket
import time
from collections.abc import Callable

import pytest

from devctl.core.faults import Fault, FaultKind, Stream
from tests.integration.relay.conftest import MakeInstance
from tests.integration.relay.running import RelayProcess, echo, http, is_reset, read_all, request
from tests.soak import rounds
from tests.waiting import eventually

CONNECTIONS = rounds(200, 1_000)


def fault(kind: FaultKind, **values: object) -> Fault:
    return Fault(**{"name": f"order_{kind}_1", "service": "order", "kind": kind, **values})  # type: ignore[arg-type]


def seconds_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def echo_seconds(client: socket.socket) -> float:
    def once() -> None:
        client.sendall(b"x")
        assert client.recv(1) == b"x"

    return seconds_of(once)


def assert_takes(seconds: float, work: Callable[[], object], tolerance: float = 0.1, beside: float = 0.0) -> None:
    """Assert that `work` takes so long and never less. A busy machine adds to that, so the best of many tries counts;
    `beside`: what it takes undisturbed."""

    def is_on_time() -> bool:
        taken = seconds_of(work)
        assert taken >= seconds * (1 - tolerance)
        return taken - beside <= seconds * (1 + tolerance)

    eventually(is_on_time, within=90, what=f"{seconds} s are taken")


@pytest.mark.parametrize("stream", list(Stream))
def test_latency_is_what_was_asked_for(relay: RelayProcess, instance: MakeInstance, stream: Stream) -> None:
    target = instance("order.1", echo).target()
    relay.route([target])
    with relay.client() as client:
        undisturbed = min(echo_seconds(client) for _ in range(9))
        relay.route([target], [fault(FaultKind.LATENCY, milliseconds=100, stream=stream)])
        assert_takes(0.1, lambda: echo_seconds(client), beside=undisturbed)
        relay.route([target])
        eventually(lambda: echo_seconds(client) < 0.05, within=90)


def test_jitter_spreads_the_latency(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", echo).target()], [fault(FaultKind.LATENCY, milliseconds=30, jitter=25, seed=1)])
    with relay.client() as client:
        times = [echo_seconds(client) for _ in range(30)]
    assert max(times) - min(times) > 0.02


def test_bandwidth_limits_the_bytes_a_second(relay: RelayProcess, instance: MakeInstance) -> None:
    size = 100_000
    pour = instance("order.1", lambda connection: connection.sendall(bytes(size)))
    relay.route([pour.target()], [fault(FaultKind.BANDWIDTH, rate=200)])

    def fetch() -> None:
        with relay.client() as client:
            assert len(read_all(client)) == size

    assert_takes(0.5, fetch)


def test_a_timeout_passes_nothing_and_then_closes(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", echo).target()], [fault(FaultKind.TIMEOUT, milliseconds=200)])

    def ask() -> None:
        with relay.client() as client:
            client.sendall(b"x")
            assert client.recv(1) == b""

    assert_takes(0.2, ask)


def test_a_timeout_of_zero_lasts_until_it_is_removed(relay: RelayProcess, instance: MakeInstance) -> None:
    target = instance("order.1", echo).target()
    relay.route([target], [fault(FaultKind.TIMEOUT)])
    with relay.client() as client:
        client.sendall(b"x")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        relay.route([target])
        assert client.recv(1) == b""


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_resets_hit_the_share_of_connections(relay: RelayProcess, instance: MakeInstance, share: float) -> None:
    relay.route([instance("order.1", http("1")).target()], [fault(FaultKind.RESET, toxicity=share, seed=7)])

    def is_broken() -> bool:
        try:
            with relay.client() as client:
                request(client)
        except ConnectionError:
            return True
        return False

    broken = sum(is_broken() for _ in range(CONNECTIONS))
    assert broken / CONNECTIONS == pytest.approx(share, abs=0.05)


def test_the_same_seed_hits_the_same_connections(relay: RelayProcess, instance: MakeInstance) -> None:
    target = instance("order.1", lambda connection: connection.sendall(b"x")).target()

    def hits() -> list[bool]:
        relay.route([target])
        relay.route([target], [fault(FaultKind.RESET, toxicity=0.5, seed=3)])
        return [is_reset(relay) for _ in range(20)]

    assert hits() == hits()


def test_a_slow_close_delays_the_end_and_no_byte(relay: RelayProcess, instance: MakeInstance) -> None:
    greet = instance("order.1", lambda connection: connection.sendall(b"hello"))
    relay.route([greet.target()], [fault(FaultKind.SLOW_CLOSE, milliseconds=300)])
    greeted: list[float] = []

    def listen() -> None:
        with relay.client() as client:
            greeted.append(seconds_of(lambda: client.recv(5)))
            assert client.recv(1) == b""

    def is_greeted() -> bool:
        listen()
        return min(greeted) < 0.15

    assert_takes(0.3, listen)
    eventually(is_greeted, within=90, what="the greeting comes at once")


def test_down_cuts_open_connections_and_resets_new_ones(relay: RelayProcess, instance: MakeInstance) -> None:
    target = instance("order.1", echo).target()
    relay.route([target])
    with relay.client() as client:
        echo_seconds(client)
        relay.route([target], [fault(FaultKind.DOWN)])
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert is_reset(relay)
    relay.route([target])
    with relay.client() as client:
        echo_seconds(client)


def test_a_fault_ends_by_itself_and_says_so(relay: RelayProcess, instance: MakeInstance) -> None:
    until = time.monotonic() + 0.3
    relay.route([instance("order.1", http("1")).target()], [fault(FaultKind.DOWN, until=until)])
    assert is_reset(relay)
    ended = relay.hear(lambda message: message.get("event") == "fault_ended")
    assert ended["name"] == "order_down_1"
    with relay.client() as client:
        assert request(client).endswith("1")


def test_bytes_under_a_fault_keep_their_order_and_are_whole(relay: RelayProcess, instance: MakeInstance) -> None:
    content = bytes(range(256)) * 4096
    pour = instance("order.1", lambda connection: connection.sendall(content))
    faults = [
        fault(FaultKind.LATENCY, milliseconds=20, jitter=20),
        fault(FaultKind.BANDWIDTH, rate=8_000),
        fault(FaultKind.SLOW_CLOSE, milliseconds=50),
    ]
    relay.route([pour.target()], faults)
    with relay.client() as client:
        assert read_all(client) == content


def test_faults_show_in_the_metrics(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", echo).target()], [fault(FaultKind.LATENCY, milliseconds=1)])
    label = 'devctl_relay_faults{service="order",fault="order_latency_1",kind="latency"}'
    assert relay.metrics()[label] == 1
