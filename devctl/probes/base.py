"""The agreement that every probe keeps: it asks once, within its time, and keeps what it saw for people."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Protocol

from devctl.core.checks import PortCheck
from devctl.core.launch import HOST, main_port
from devctl.http.connection import LOCALHOST, PlainConnection
from devctl.values import dataclass

SHOWN_CHARACTERS = 200
BODY_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question brought: `text` says for people what was seen; `is_refused`: nobody listens yet."""

    is_good: bool
    text: str
    seconds: float = 0.0
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The instance that is asked. `log_folder` holds its log, `since_ns` is when it was started."""

    instance: str
    ports: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = "/"
    log_folder: Path = Path()
    since_ns: int = 0
    host: str = HOST
    container: str = ""  # the id of its container, and the address of the engine that holds it
    engine: str = ""


class Probe(Protocol):
    """One way to ask one instance. `describe` says what is asked, such as `GET http://…/health`."""

    describe: str

    async def ask(self) -> Answer:
        """Ask once. May raise OSError and TimeoutError, which `ask` below turns into an answer."""
        ...


async def ask(probe: Probe, timeout_seconds: float) -> Answer:
    """Ask once within `timeout_seconds`; failing to ask is an answer too."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_seconds):
            answer = await probe.ask()
    except TimeoutError:
        answer = Answer(False, f"no answer within {timeout_seconds:g} s")
    except OSError as error:
        answer = Answer(False, describe_error(error), is_refused=error.errno == errno.ECONNREFUSED)
    return replace(answer, seconds=time.perf_counter() - began)


def describe_error(error: OSError) -> str:
    """Return an error of the system in few words, without addresses."""
    texts = {errno.ECONNREFUSED: "connection refused", errno.ECONNRESET: "connection reset"}
    if error.errno in texts:
        return texts[error.errno]
    return os.strerror(error.errno).lower() if error.errno else str(error)


def port_of(check: PortCheck, target: Target) -> int:
    """Return the number of the port that `check` names, else of the main one."""
    name = check.port or main_port(target.ports)
    if name not in target.ports:
        raise OSError(f"{target.instance} has no port {name or 'named http, and not just one'}")
    return target.ports[name]


def host_of(target: Target) -> str:
    """Return where to connect to: an instance of this machine may listen on either loopback."""
    return LOCALHOST if target.host == HOST else target.host


def noted(text: str, connection: PlainConnection) -> str:
    """Return an answer's text, with where it came from unless that is where everybody looks."""
    return f"{text} (on [{connection.host}] only)" if ":" in connection.host else text


def shorten(body: bytes) -> str:
    """Return the begin of what a service answered, as one line of text."""
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
