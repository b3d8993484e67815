"""The relay on a system without epoll: the same connections, by its selectors."""

import socket
import threading
from collections.abc import Iterator

import pytest

from devctl.relay.app import Relay
from devctl.relay.poll import Poller
from devctl.relay.table import Route, Table, Target


def serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        connection.sendall(received[::-1])


@pytest.fixture
def port() -> Iterator[int]:
    poller, is_over = Poller(portable=True), threading.Event()
    relay = Relay(poller)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as server:
        relay.listen(listener)
        number = listener.getsockname()[1]
        relay.set_table(Table((Route("order", "http", number, (Target("order.1", server.getsockname()[1]),)),)))

        def turn() -> None:
            while not is_over.is_set():
                poller.after(0.01, lambda: None)
                poller.turn()

        threads = [threading.Thread(target=turn), threading.Thread(target=serve, args=(server,))]
        for thread in threads:
            thread.start()
        yield number
        is_over.set()
        for thread in threads:
            thread.join()


def test_bytes_pass_and_halves_close(port: int) -> None:
    content = bytes(range(256)) * 4096
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(content)
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: client.recv(1 << 16), b"")) == content[::-1]
