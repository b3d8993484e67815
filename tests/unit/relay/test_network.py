"""The relay's sockets for containers."""

import socket
from pathlib import Path

from devctl.relay.app import Relay
from devctl.relay.network import NetworkSockets
from devctl.relay.poll import Poller
from devctl.relay.table import Route, Table, Target, from_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_there_is_one_socket_for_each_number_and_none_for_those_that_went(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    watched: list[int] = []
    sockets = NetworkSockets(lambda _, number: watched.append(number), lambda _: None)
    sockets.follow(str(folder), [80, 81])
    assert names(folder) == ["80.sock", "81.sock"]
    assert folder.stat().st_mode & 0o777 == 0o700
    sockets.follow(str(folder), [81, 82])
    assert names(folder) == ["81.sock", "82.sock"]
    assert watched == [80, 81, 82]
    sockets.follow("", [])
    assert names(folder) == []


def test_a_socket_that_an_earlier_relay_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "80.sock").touch()
    sockets = NetworkSockets(lambda *_: None, lambda _: None)
    sockets.follow(str(tmp_path), [80])
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "80.sock"))
    sockets.follow("", [])


def test_a_connection_of_a_container_reaches_the_loopback_of_this_machine(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as client:
        number = server.getsockname()[1]
        poller = Poller()
        relay = Relay(poller)
        relay.set_table(Table((Route("native", "http", number, (Target("native.1", number),)),), (), str(tmp_path)))
        client.connect(str(tmp_path / f"{number}.sock"))
        client.sendall(b"hello")
        server.settimeout(0.01)
        accepted = None
        while accepted is None:
            poller.turn()
            try:
                accepted, _ = server.accept()
            except TimeoutError:
                continue
        with accepted:
            accepted.setblocking(False)
            data = b""
            while not data:
                poller.turn()
                try:
                    data = accepted.recv(100)
                except BlockingIOError:
                    continue
        assert data == b"hello"
        client.close()
        while relay.pools[number].connections:
            poller.turn()
        relay.set_table(Table())


def test_the_folder_is_part_of_the_table_and_of_an_older_one_empty() -> None:
    table = Table((), (), "/folder")
    assert from_json(table.to_json()) == table
    assert from_json({"routes": [], "faults": []}).network == ""
