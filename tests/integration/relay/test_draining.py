"""Instances that come and go behind the relay: new connections, those under way, those that rest."""

import socket
import threading

from devctl.relay.table import TargetState
from tests.integration.relay.conftest import MakeInstance
from tests.integration.relay.running import RelayProcess, echo, http, request, response, samples


def test_new_connections_are_spread_over_the_instances(relay: RelayProcess, instance: MakeInstance) -> None:
    first, second = instance("order.1", echo), instance("order.2", echo)
    relay.route([first.target(), second.target()])
    clients = [relay.client() for _ in range(10)]
    for client in clients:
        client.sendall(b"x")
        client.recv(1)
    assert (first.accepted, second.accepted) == (5, 5)
    for client in clients:
        client.close()


def test_a_draining_instance_gets_no_new_connection(relay: RelayProcess, instance: MakeInstance) -> None:
    old, new = instance("order.1", http("old")), instance("order.2", http("new"))
    relay.route([old.target(TargetState.DRAINING), new.target()])
    for _ in range(4):
        with relay.client() as client:
            assert request(client).endswith("new")
    assert old.accepted == 0


def test_a_client_at_rest_is_given_to_another_instance_without_noticing(
    relay: RelayProcess, instance: MakeInstance
) -> None:
    old, new = instance("order.1", http("old")), instance("order.2", http("new"))
    relay.route([old.target()])
    with relay.client() as client:
        assert request(client).endswith("old")
        status = relay.route([old.target(TargetState.DRAINING), new.target()])
        assert status["open"]["order.1"] == 0
        assert request(client).endswith("new")


def test_a_client_at_rest_leaves_an_instance_that_is_not_healthy(relay: RelayProcess, instance: MakeInstance) -> None:
    frozen, twin = instance("order.1", http("frozen")), instance("order.2", http("twin"))
    relay.route([frozen.target()])
    with relay.client() as client:
        request(client)
        relay.route([frozen.target(TargetState.UNREADY), twin.target()])
        assert request(client).endswith("twin")


def test_a_request_under_way_is_answered_and_its_client_told_to_close(
    relay: RelayProcess, instance: MakeInstance
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def late(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        is_asked.set()
        may_answer.wait(20)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        connection.recv(1)

    old, new = instance("order.1", late), instance("order.2", http("new"))
    relay.route([old.target(), new.target(TargetState.UNREADY)])
    with relay.client() as client:
        client.sendall(b"POST /orders HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert is_asked.wait(20)
        relay.route([old.target(TargetState.DRAINING), new.target()])
        may_answer.set()
        answer = response(client)
        assert "connection: close" in answer.lower()
        assert answer.endswith("late")
        drained = relay.hear(lambda message: message.get("event") == "drained")
    assert drained["instance"] == "order.1"


def test_a_connection_of_another_protocol_stays_until_it_ends(relay: RelayProcess, instance: MakeInstance) -> None:
    old, new = instance("order.1", echo), instance("order.2", echo)
    relay.route([old.target()])
    with relay.client() as client:
        client.sendall(b"binary")
        assert client.recv(6) == b"binary"
        relay.route([old.target(TargetState.DRAINING), new.target()])
        client.sendall(b"more")
        assert client.recv(4) == b"more"
    drained = relay.hear(lambda message: message.get("event") == "drained")
    assert drained["instance"] == "order.1"
    assert sum(samples(relay.metrics(), "devctl_relay_drain_seconds_count")) == 1


def test_an_answer_in_the_middle_is_not_cut(relay: RelayProcess, instance: MakeInstance) -> None:
    may_go_on = threading.Event()

    def in_two_parts(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        may_go_on.wait(20)
        connection.sendall(b"two")
        connection.recv(1)

    old, new = instance("order.1", in_two_parts), instance("order.2", http("new"))
    relay.route([old.target()])
    with relay.client() as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        begun = client.recv(1 << 16)
        relay.route([old.target(TargetState.DRAINING), new.target()])
        may_go_on.set()
        assert begun + client.recv(1 << 16) == b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nonetwo"
        assert request(client).endswith("new")


def test_a_successor_knows_the_instances_before_anybody_tells_it(relay: RelayProcess, instance: MakeInstance) -> None:
    relay.route([instance("order.1", http("1")).target()])
    relay.kill()
    relay.start()
    with relay.client() as client:
        assert request(client).endswith("1")


def test_a_listening_socket_may_come_later(relay: RelayProcess, instance: MakeInstance) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay.port = listener.getsockname()[1]
        socket.send_fds(relay.control, [b'{"id": 0, "op": "listen"}\n'], [listener.fileno()])
        relay.route([instance("order.1", http("1")).target()])
        with relay.client() as client:
            assert request(client).endswith("1")
