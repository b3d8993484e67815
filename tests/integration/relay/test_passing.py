"""Bytes through the relay: whole, both ways, half-closed, reset, slow, and never more in hand than is bounded."""

import contextlib
import hashlib
import resource
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from devctl.relay.table import TargetState
from tests.integration.relay.conftest import MakeInstance
from tests.integration.relay.running import RelayProcess, echo, http, is_reset, read_all, request, response, samples
from tests.soak import rounds
from tests.waiting import eventually

MEBIBYTE = 1 << 20
TRANSFER = rounds(64, 1024) * MEBIBYTE
SHORT_CONNECTIONS = rounds(1_000, 10_000)
OPEN_CONNECTIONS = 1_000
MOST_RESIDENT = 25 * MEBIBYTE

SENDER = """
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
block = bytes(range(256)) * 1024
for _ in range(int(sys.argv[2]) // len(block)): c.sendall(block)
c.shutdown(socket.SHUT_WR)
print(c.recv(100).decode())
"""


def pattern_digest(size: int) -> str:
    digest, block = hashlib.sha256(), bytes(range(256)) * 1024
    for _ in range(size // len(block)):
        digest.update(block)
    return digest.hexdigest()


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))


def test_what_a_client_sends_arrives_whole(relay: RelayProcess, instance: MakeInstance) -> None:
    def digest(connection: socket.socket) -> None:
        received = hashlib.sha256()
        while chunk := connection.recv(1 << 18):
            received.update(chunk)
        connection.sendall(received.hexdigest().encode())

    relay.route([instance("order.1", digest).target()])
    command = [sys.executable, "-c", SENDER, str(relay.port), str(TRANSFER)]
    sender = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert sender.stdout.strip() == pattern_digest(TRANSFER)


def test_what_an_instance_sends_arrives_whole(relay: RelayProcess, instance: MakeInstance) -> None:
    def pour(connection: socket.socket) -> None:
        block = bytes(range(256)) * 1024
        for _ in range(TRANSFER // len(block)):
            connection.sendall(block)

    relay.route([instance("order.1", pour).target()])
    received = hashlib.sha256()
    with relay.client() as client:
        while chunk := client.recv(1 << 18):
            received.update(chunk)
    assert received.hexdigest() == pattern_digest(TRANSFER)


def test_an_answer_comes_after_the_client_has_closed_its_half(relay: RelayProcess, instance: MakeInstance) -> None:
    def answer_at_the_end(connection: socket.socket) -> None:
        connection.sendall(read_all(connection)[::-1])

    relay.route([instance("order.1", answer_at_the_end).target()])
    with relay.client() as client:
        client.sendall(b"abc")
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b"cba"


def test_a_client_may_send_on_after_the_instance_has_closed_its_half(
    relay: RelayProcess, instance: MakeInstance
) -> None:
    received: list[bytes] = []

    def greet_and_listen(connection: socket.socket) -> None:
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)
        received.append(read_all(connection))

    relay.route([instance("order.1", greet_and_listen).target()])
    with relay.client() as client:
        assert read_all(client) == b"hello"
        client.sendall(b"still here")
    assert eventually(lambda: received) == [b"still here"]


def test_a_reset_by_the_instance_reaches_the_client_as_a_reset(relay: RelayProcess, instance: MakeInstance) -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    relay.route([instance("order.1", reset).target()])
    with relay.client() as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_an_early_answer_is_read_although_the_instance_takes_nothing_more(
    relay: RelayProcess, instance: MakeInstance
) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    relay.route([instance("order.1", refuse).target()])
    with relay.client() as client:
        client.sendall(b"x" * 10)
        assert response(client).startswith("HTTP/1.1 413")


def test_a_slow_reader_slows_itself_alone(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", echo).target()])
    with relay.client() as slow, relay.client() as quick:
        slow.setblocking(False)
        block = bytes(1 << 16)
        with contextlib.suppress(BlockingIOError):
            while True:  # until every buffer between here and there is full
                slow.send(block)
        for _ in range(100):
            quick.sendall(b"ping")
            assert quick.recv(4) == b"ping"


def test_a_slow_reader_gets_everything_in_the_end(relay: RelayProcess, instance: MakeInstance) -> None:
    size = 16 * MEBIBYTE
    relay.route([instance("order.1", lambda connection: connection.sendall(bytes(size))).target()])
    with relay.client() as client:
        eventually(lambda: next(samples(relay.metrics(), "devctl_relay_held_bytes")) > 0, within=60)
        assert len(read_all(client)) == size


def test_memory_is_bounded_with_many_readers_that_do_not_read(relay: RelayProcess, instance: MakeInstance) -> None:
    pour = instance("order.1", lambda connection: connection.sendall(bytes(8 * MEBIBYTE)))
    relay.route([pour.target()])
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            stack.enter_context(relay.client())
        eventually(lambda: next(samples(relay.metrics(), "devctl_relay_held_bytes")) > 4 * MEBIBYTE, within=60)
        assert resident(relay.process.pid) < MOST_RESIDENT
    eventually(lambda: next(samples(relay.metrics(), "devctl_relay_held_bytes")) == 0, within=60)


def test_a_thousand_connections_may_be_open(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", echo).target()])
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(relay.client()) for _ in range(OPEN_CONNECTIONS)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        assert [int(client.recv(10)) for client in clients] == list(range(OPEN_CONNECTIONS))
        assert resident(relay.process.pid) < MOST_RESIDENT
    eventually(lambda: next(samples(relay.metrics(), "devctl_relay_connections_open")) == 0)


def test_short_connections_leave_nothing_behind(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", http("1")).target()])
    before = relay.descriptors()

    def call(_: int) -> str:
        with relay.client() as client:
            return request(client)[-1]

    with ThreadPoolExecutor(8) as pool:
        assert Counter(pool.map(call, range(SHORT_CONNECTIONS))) == {"1": SHORT_CONNECTIONS}
    eventually(lambda: relay.descriptors() <= before + 1)
    assert sum(samples(relay.metrics(), "devctl_relay_connections_total")) == SHORT_CONNECTIONS


def test_a_killed_relay_refuses_nobody(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", http("1")).target()])
    relay.kill()
    with relay.client() as client:  # while nobody accepts
        answers: list[str] = []
        caller = threading.Thread(target=lambda: answers.append(request(client)))
        caller.start()
        relay.start()
        caller.join(20)
    assert answers[0].startswith("HTTP/1.1 200")


def test_where_no_descriptor_is_left_clients_wait_and_nothing_stays_broken(
    relay: RelayProcess, instance: MakeInstance
) -> None:
    relay.route([instance("order.1", http("1")).target()])
    limit = relay.descriptors() + 21
    resource.prlimit(relay.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            with contextlib.suppress(
                ConnectionResetError
            ):  # accepted, and then no descriptor was left for its instance
                stack.enter_context(relay.client())
        eventually(lambda: relay.descriptors() >= limit, what="the relay has no descriptor left")
        for kind, address in (
            (socket.AF_UNIX, str(relay.control_path)),
            (socket.AF_INET, ("127.0.0.1", relay.metrics_port)),
        ):
            stack.enter_context(socket.socket(kind)).connect(address)
    eventually(lambda: next(samples(relay.metrics(), "devctl_relay_connections_open")) == 0)
    with relay.client() as client:
        assert request(client).endswith("1")
    with relay.another_control() as control:
        control.sendall(b'{"id":1,"op":"status"}\n')
        assert b'"id":1' in control.recv(1 << 16)


def test_an_instance_that_refuses_is_passed_over(relay: RelayProcess, instance: MakeInstance) -> None:
    dead, alive = instance("order.1", http("1")), instance("order.2", http("2"))
    relay.route([dead.target(), alive.target()])
    dead.close()
    for _ in range(6):
        with relay.client() as client:
            assert request(client).endswith("2")


def test_a_client_is_reset_where_no_instance_is_ready(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", echo).target(TargetState.UNREADY)])
    assert is_reset(relay)
    assert list(samples(relay.metrics(), "devctl_relay_connections_refused_total")) == [1]
