"""A stack of its own for each case: a manifest in a fresh folder, `devctl` as a person runs it, and the score."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
NODE = Path(__file__).parent / "programs" / "node.py"
LOOK_SECONDS = 40.0
"""How long a symptom may take to show: a probe's retries, and a slow machine."""


@dataclass(frozen=True)
class Case:
    """One seeded fault. `manifest`: services as YAML. `kinds`: any of these is right. `service`: the right root first.

    `seed` does the damage once the stack is up (none: it is in the manifest); `path`: services that the path must
    touch. `also`: a second root. No `service`: nothing is wrong, and nobody may be accused.
    """

    name: str
    tier: str
    stack: str
    manifest: str
    service: str = ""
    kinds: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    seed: Callable[[FailureStack], None] | None = None
    heal: Callable[[FailureStack], None] | None = None
    warm_spans: int = 0
    fast: bool = False
    ask: tuple[str, ...] = ()
    symptom: str = ""


@dataclass
class Score:
    """What came of one look."""

    case: Case
    service: bool
    kind: bool
    path: bool
    accused: list[str]
    seconds: float
    answer: dict[str, Any]

    @property
    def is_right(self) -> bool:
        return self.service and self.kind and self.path and not self.accused


class FailureStack:
    """One stack in a folder of its own."""

    def __init__(self, case: Case) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="dw"))
        self.folder = self.base / "s"
        self.folder.mkdir()
        self.case = case
        self.held: list[socket.socket] = []
        self.children: list[subprocess.Popen[bytes]] = []
        for name, text in case.files.items():
            self.write(name, text)
        self.manifest(case.manifest)

    def manifest(self, services: str) -> None:
        """Write the manifest; @PYTHON@ and @NODE@ stand for the programs."""
        text = services.replace("@PYTHON@", sys.executable).replace("@NODE@", str(NODE))
        if "@TAKEN@" in text:
            text = text.replace("@TAKEN@", str(self.take_port()))
        (self.folder / "stack.yaml").write_text(f"name: {self.case.stack}\n{text}")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755 if name.endswith(".sh") else 0o644)

    def behave(self, service: str, **behaviour: Any) -> None:
        """Let a node behave so from its next request on."""
        fresh = self.folder / f".{service}.json"
        fresh.write_text(json.dumps(behaviour))
        fresh.replace(self.folder / f"{service}.json")

    def take_port(self) -> int:
        """Listen on a free port, as a stranger would."""
        taken = socket.create_server(("127.0.0.1", 0))
        self.held.append(taken)
        return int(taken.getsockname()[1])

    def devctl(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.base), "COLUMNS": "80", "NO_COLOR": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "devctl", *arguments], cwd=self.folder, text=True, capture_output=True, timeout=90,
            env={**environment, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def why(self, *arguments: str) -> dict[str, Any]:
        answer = self.devctl("why", "--json", *arguments)
        assert answer.stdout.startswith("{"), f"{answer.stdout}\n{answer.stderr}"
        view: dict[str, Any] = json.loads(answer.stdout)
        return view

    def spans(self) -> int:
        """Return how many spans the run has."""
        for record in self.folder.glob(".devctl/runs/*/record.db"):
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(record, timeout=1)) as db:
                return int(db.execute("SELECT count(*) FROM spans").fetchone()[0])
        return 0

    def pids(self, service: str) -> list[int]:
        status = json.loads(self.devctl("status", "--json").stdout)
        return [i["pid"] for s in status["services"] if s["name"] == service for i in s["instances"] if i["pid"]]

    def send(self, service: str, number: signal.Signals, *, index: int = 0) -> None:
        os.kill(self.pids(service)[index], number)

    def up(self) -> None:
        """Start, and wait until it is healthy where the fault comes later."""
        is_broken = self.case.seed is None and bool(self.case.service)
        wait = ("--no-wait",) if is_broken else ()
        for attempt in range(3):
            done = self.devctl("up", "-d", "--no-watch", *wait)
            if is_broken or done.returncode == 0:
                return
            assert attempt < 2, f"{done.stdout}\n{done.stderr}"
            self.devctl("down")  # another stack of this moment took the same port; the next one takes another

    def close(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()
        for taken in self.held:
            taken.close()
        for service in ("store", "book", "front", "db"):
            with contextlib.suppress(Exception):
                for pid in self.pids(service):
                    os.kill(pid, signal.SIGCONT)
        self.devctl("down")
        shutil.rmtree(self.base, ignore_errors=True)


@contextlib.contextmanager
def running(case: Case) -> Iterator[FailureStack]:
    stack = FailureStack(case)
    try:
        stack.up()
        yield stack
    finally:
        stack.close()


def run(case: Case) -> Score:
    """Seed one fault and look until something shows; the answer of that look, and of one a moment later, count."""
    with running(case) as stack:
        if case.warm_spans:
            eventually(lambda: stack.spans() >= case.warm_spans, within=60, every=0.2, what="traffic that is well")
        if case.seed is not None:
            case.seed(stack)
        if not case.service:
            return score(case, stack, 3)
        with contextlib.suppress(AssertionError):  # the score says so
            eventually(lambda: is_shown(case, stack.why(*case.ask)), within=LOOK_SECONDS, every=0.3, what=case.name)
        return score(case, stack, 1)


def is_shown(case: Case, answer: dict[str, Any]) -> bool:
    """Whether an answer accuses somebody of what the case is about, also of what suffers from it, or gives time for it
    no more."""
    hops = {hop["service"] for root in answer["roots"] for hop in root["path"]}
    is_accused = any(root["confidence"] != "no evidence" or case.kinds == ("slow-start",) for root in answer["roots"])
    return is_accused and hops >= set(case.path)


class Stack(Protocol):
    """What can be asked why."""

    def why(self, *arguments: str) -> dict[str, Any]: ...


def score(case: Case, stack: Stack, looks: int) -> Score:
    accused: list[str] = []
    for _ in range(looks):
        began = time.monotonic()
        answer = stack.why(*case.ask)
        seconds = time.monotonic() - began
        accused += [r["service"] for r in answer["roots"] if r["service"] not in (case.service, *case.also)]
    roots = [root["service"] for root in answer["roots"]]
    first = answer["roots"][0] if roots else {"service": "", "kind": "", "path": []}
    hops = [hop["service"] for hop in first["path"]]
    is_path = all(name in hops for name in case.path) and all(hop["evidence"] for hop in first["path"])
    return Score(
        case,
        set(case.also) <= set(roots) if case.also and first["service"] in (case.service, *case.also)
        else first["service"] == case.service,
        first["kind"] in case.kinds or not case.kinds,
        is_path or not case.service,
        accused, seconds, answer,
    )  # fmt: skip
