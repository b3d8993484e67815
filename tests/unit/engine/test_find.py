"""Which engine is taken, and what is said where none can be."""

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devctl.engine import ask, find
from devctl.engine.base import Address, Engine, NoEngine

VERSION = {"Version": "29.1.0", "ApiVersion": "1.52", "MinAPIVersion": "1.44", "Components": [{"Name": "Engine"}]}
INFO = {"MemTotal": 8_000_000_000, "NCPU": 4, "OperatingSystem": "Debian", "SecurityOptions": ["name=seccomp"]}


def answering(version: dict[str, Any] = VERSION, info: dict[str, Any] = INFO) -> find.Ask:
    return lambda _address, path: {"/version": version, "/info": info}[path]


def failing(error: OSError) -> find.Ask:
    def ask_engine(_address: Address, _path: str) -> Any:
        raise error

    return ask_engine


def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def make_context(folder: Path, name: str, host: str) -> None:
    meta = folder / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    (folder / ".docker/config.json").write_text(json.dumps({"currentContext": name}))


def test_docker_host_goes_before_the_context(tmp_path: Path) -> None:
    make_context(tmp_path, "colima", "unix:///context.sock")
    engine = find.find({**home(tmp_path), "DOCKER_HOST": "unix:///named.sock"}, answering())
    assert isinstance(engine, Engine)
    assert engine.address == Address("unix:///named.sock", "DOCKER_HOST")


def test_the_current_context_goes_before_the_usual_places(tmp_path: Path) -> None:
    make_context(tmp_path, "colima", "unix:///context.sock")
    engine = find.find(home(tmp_path), answering())
    assert isinstance(engine, Engine)
    assert engine.address.socket_path == "/context.sock"


def test_a_context_that_does_not_exist_is_named(tmp_path: Path) -> None:
    outcome = find.find({**home(tmp_path), "DOCKER_CONTEXT": "gone"}, answering())
    assert isinstance(outcome, NoEngine)
    assert "'gone' does not exist" in outcome.reason


def test_the_usual_places_are_tried_where_there_is_a_socket(tmp_path: Path) -> None:
    socket_path = tmp_path / ".colima/default/docker.sock"
    socket_path.parent.mkdir(parents=True)
    socket_path.touch()
    engine = find.find(home(tmp_path), lambda a, path: answering()(a, path) if a.origin == "Colima" else {})
    assert isinstance(engine, Engine)
    assert engine.address == Address(f"unix://{socket_path}", "Colima")


def test_version_memory_and_cores_are_those_of_the_engine() -> None:
    engine = find.examine(Address("unix:///x", "Docker"), answering())
    assert isinstance(engine, Engine)
    assert (engine.title, engine.api_version, engine.cores) == ("Docker 29.1.0", "1.52", 4)
    assert not engine.is_rootless


def test_podman_and_rootless_are_told_apart() -> None:
    version = {**VERSION, "Version": "5.2.0", "Components": [{"Name": "Podman Engine"}]}
    engine = find.examine(Address("unix:///x", "Podman"), answering(version, {"SecurityOptions": ["name=rootless"]}))
    assert isinstance(engine, Engine)
    assert engine.title == "Podman 5.2.0, rootless"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "denied"), "you may not use it"),
        (TimeoutError(), "is hung"),
        (ConnectionRefusedError(111, "refused"), "does not run"),
        (FileNotFoundError(2, "gone"), "does not run"),
        (ask.NotAnEngine("no"), "cannot be used"),
    ],
)
def test_what_is_wrong_with_an_engine_is_one_sentence_with_a_remedy(error: OSError, message: str) -> None:
    outcome = find.find({"DOCKER_HOST": "unix:///named.sock"}, failing(error))
    assert isinstance(outcome, NoEngine)
    assert message in outcome.reason
    assert "/named.sock" in outcome.reason
    assert outcome.remedy


@pytest.mark.parametrize("url", ["ssh://me@far", "tcp://192.0.2.1:2375"])
def test_an_engine_of_another_machine_is_refused(url: str) -> None:
    outcome = find.find({"DOCKER_HOST": url}, answering())
    assert isinstance(outcome, NoEngine)
    assert url in outcome.reason


def test_something_else_that_answers_is_no_engine() -> None:
    outcome = find.examine(Address("unix:///x", "Docker"), answering({"hello": "world"}))
    assert isinstance(outcome, NoEngine)


@pytest.fixture
def mute_socket(tmp_path: Path) -> Iterator[str]:
    """A socket that takes connections and answers nothing."""
    path = str(tmp_path / "mute.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        yield path


def test_an_engine_that_does_not_answer_ends_in_a_time_out(mute_socket: str) -> None:
    with pytest.raises(TimeoutError):
        ask.ask(Address(f"unix://{mute_socket}", "Docker"), "/version", timeout=0.05)


def test_an_answer_that_is_no_http_is_not_an_engine(mute_socket: str, tmp_path: Path) -> None:
    path = str(tmp_path / "babble.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def babble() -> None:
            with listener.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"hello\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        with pytest.raises(ask.NotAnEngine):
            ask.ask(Address(f"unix://{path}", "Docker"), "/version")
        thread.join()
