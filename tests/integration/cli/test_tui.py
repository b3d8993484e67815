"""The terminal UI in a real terminal over a real stack of three small services, and what happens under it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tmux import Terminal, devctl_in_tmux
from tests.waiting import eventually

pytestmark = [
    pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed"),
    pytest.mark.xdist_group("tui"),
    pytest.mark.timeout(300),
]
WEB = """
import http.server, json, os, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_): pass
def talk():
    for number in range(10**9):
        print(json.dumps({"level": "warning" if number % 5 == 4 else "info", "message": f"tick {number}"}), flush=True)
        time.sleep(0.2)
threading.Thread(target=talk, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
MANIFEST = """
name: small
telemetry: "off"
services:
  db: {command: [PYTHON, web.py], ports: {http: auto}, healthcheck: {http: /}}
  api:
    command: [PYTHON, web.py]
    ports: {http: auto}
    healthcheck: {http: /}
    depends_on: {db: {condition: service_healthy}}
  worker: {command: [sh, -c, "while true; do echo working; sleep 1; done"], depends_on: [api]}
"""


class Small:
    """The small stack, and devctl for it."""

    def __init__(self, folder: Path, runtime: str) -> None:
        self.folder = folder
        self.environment = {"XDG_RUNTIME_DIR": runtime, "DEVCTL_REDUCED_MOTION": "1"}

    def devctl(self, *arguments: str) -> str:
        argv = [sys.executable, "-m", "devctl", *arguments]
        environ = {**os.environ, **self.environment}
        return subprocess.run(argv, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=120).stdout

    def service(self, name: str) -> dict[str, object]:
        status = json.loads(self.devctl("status", "--json"))
        return next(service for service in status["services"] if service["name"] == name)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    folder = tmp_path_factory.mktemp("small")
    (folder / "web.py").write_text(WEB)
    (folder / "stack.yaml").write_text(MANIFEST.replace("PYTHON", sys.executable))
    with tempfile.TemporaryDirectory(prefix="dv") as runtime:
        stack = Small(folder, runtime)
        stack.devctl("up", "-d")
        try:
            yield stack
        finally:
            stack.devctl("down", "--volumes", "--yes")


@pytest.fixture
def tui(small: Small) -> Iterator[Terminal]:
    (small.folder / ".devctl" / "tui.json").unlink(missing_ok=True)
    with devctl_in_tmux(["tui"], small.folder, small.environment, (100, 30)) as terminal:
        terminal.sees("small ●", "worker")
        yield terminal


def test_everything_is_a_key_away_and_leaving_leaves_the_stack_as_it_is(small: Small, tui: Terminal) -> None:
    tui.sees("3/3 healthy", "● running", "http://127.0.0.1:")
    tui.press("2")
    tui.sees("Logs all services", "tick", "working", "following")
    tui.press("/")
    tui.type("level:warning")
    tui.press("Enter")
    tui.sees("/level:warning", "warn")
    tui.press("Escape")
    tui.sees("working")
    tui.press("?")
    tui.sees("Keys", "Moving")
    tui.press("Escape")
    tui.sees_not("Moving")
    tui.resize(200, 50)
    tui.press("1")
    tui.sees("Services", "Logs all services", "Traces all services")
    before = small.service("api")
    tui.press("q")
    tui.sees("small is healthy: 3 of 3 services healthy", "http://127.0.0.1:", "comes back here", "code=0")
    assert small.service("api")["instances"][0]["pid"] == before["instances"][0]["pid"]  # type: ignore[index]


def test_a_restart_from_it_restarts_the_service(small: Small, tui: Terminal) -> None:
    before = small.service("worker")["instances"][0]["pid"]  # type: ignore[index]
    tui.press("/")
    tui.type("running")
    tui.press("Enter")
    tui.sees_not("db ")
    tui.press("r")
    tui.sees("Restarted worker in")
    assert small.service("worker")["instances"][0]["pid"] != before  # type: ignore[index]


def test_a_killed_supervisor_is_noticed_and_found_again(small: Small, tui: Terminal) -> None:
    pid = json.loads(small.devctl("status", "--json"))["supervisor"]["pid"]
    os.kill(pid, 9)
    eventually(lambda: json.loads(small.devctl("status", "--json"))["supervisor"]["pid"] not in (0, pid), within=60)
    tui.sees("3/3 healthy")
    tui.press("2")
    tui.sees("tick")


def test_two_at_once_do_not_get_in_each_others_way(small: Small, tui: Terminal) -> None:
    with devctl_in_tmux(["tui"], small.folder, small.environment) as other:
        other.sees("3/3 healthy")
        tui.sees("3/3 healthy")
        other.press("q")
        other.sees("code=0")
        tui.press("3")
        tui.sees("Traces")


def test_a_stack_that_is_taken_down_and_started_again_is_followed(small: Small, tui: Terminal) -> None:
    small.devctl("down")
    tui.sees("not running")
    tui.press("2")
    tui.sees("tick")
    small.devctl("up", "-d")
    tui.press("1")
    tui.sees("3/3 healthy")
