"""Chromium for tests, spoken to over a pipe (the DevTools protocol): no driver, no port, no package.

A page remembers what a user would complain of: errors of scripts, lines of the console, requests to other hosts.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_SECONDS = 240.0
"""So long may a busy machine take for one answer: forty panels took 80 s beside a load of 55 on two cores."""
ATTEMPTS = 3
"""So often is begun anew what failed for reasons outside of the page and its test."""
TEST_SECONDS = 600
"""So long may a test of the page take on a machine that is busy with others: several answers, and Chromium's start."""
OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--window-size=1280,900",
)
_ON_THREE_AND_FOUR = (
    "import os, sys; r, w = int(sys.argv[1]), int(sys.argv[2]); os.dup2(r, 13); os.dup2(w, 14); "
    "os.dup2(13, 3); os.dup2(14, 4); os.execvp(sys.argv[3], sys.argv[3:])"
)
"""`--remote-debugging-pipe` reads from descriptor 3 and writes to 4."""


def program() -> str | None:
    """Return the path of a Chromium of this machine, None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@dataclass
class Page:
    """One tab."""

    browser: Browser
    session: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    is_disturbed: bool = False
    """A network of the machine came or went, for which Chromium gives up what it was loading, from loopback too."""

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.send(method, session=self.session, **parameters)

    def goto(self, address: str) -> None:
        """Go to an address, anew where a network of the machine came or went while it was loaded."""
        for _ in range(ATTEMPTS):
            if "ERR_NETWORK_CHANGED" not in self.send("Page.navigate", url=address).get("errorText", ""):
                return

    def run(self, script: str) -> Any:
        """Return the JSON value of an expression, awaited."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"].get("exception", {}).get("description", script))
        return answer["result"].get("value")

    def until(self, script: str, within: float = PATIENCE_SECONDS) -> Any:
        """Wait until an expression is true in the page and return it."""
        deadline = time.monotonic() + within
        while True:
            if self.is_disturbed:
                self.is_disturbed = False
                self.send("Page.reload")
            try:
                value = self.run(script)
            except AssertionError:
                value = None  # a page that is only just being loaded has nothing of it yet
            if value or time.monotonic() > deadline:
                assert value, f"never true: {script}\n{self.complaints}"
                return value
            self.browser.pump(0.05)

    def size(self, width: int, height: int) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector: str) -> None:
        x, y = self.middle(selector)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mouseMoved", *start)
        self.mouse("mousePressed", *start, button="left", clickCount=1)
        self.mouse("mouseMoved", (start[0] + end[0]) / 2, end[1], button="left", buttons=1)
        self.mouse("mouseMoved", *end, button="left", buttons=1)
        self.mouse("mouseReleased", *end, button="left", clickCount=1)

    def middle(self, selector: str) -> tuple[float, float]:
        quoted = json.dumps(selector)
        found_box = self.until(
            f"(() => {{ const e = document.querySelector({quoted}); if (!e) return null; "
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect(); "
            "return b.width ? [b.left + b.width / 2, b.top + b.height / 2] : null })()"
        )
        return found_box[0], found_box[1]

    def picture(self, path: Path) -> None:
        """Write what is seen as a PNG."""
        answer = self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))

    def hear(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        match event["method"]:
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description") or details["text"])
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.complaints.append(" ".join(str(each.get("value", "")) for each in parameters["args"]))
            case "Log.entryAdded" if "ERR_NETWORK_CHANGED" in parameters["entry"]["text"]:
                self.is_disturbed = True
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                entry = parameters["entry"]
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
            case "Network.requestWillBeSent":
                self.hosts.add(urlsplit(parameters["request"]["url"]).netloc)


class Browser:
    """A running Chromium."""

    def __init__(self, process: subprocess.Popen[bytes], reading: int, writing: int) -> None:
        self._process, self._reading, self._writing = process, reading, writing
        self._last = 0
        self._rest = b""
        self._answers: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}

    def page(self, *, width: int = 1280, height: int = 900) -> Page:
        """Open a tab in a profile of its own."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.size(width, height)
        return page

    def send(self, method: str, *, session: str = "", **parameters: Any) -> dict[str, Any]:
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while number not in self._answers:
            assert time.monotonic() < deadline, f"Chromium does not answer {method}"
            self.pump(0.2)
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def pump(self, seconds: float) -> None:
        """Take in what Chromium says within a time."""
        if not select.select([self._reading], [], [], seconds)[0]:
            return
        chunk = os.read(self._reading, 1 << 20)
        assert chunk, f"Chromium ended with {self._process.poll()}"
        *messages, self._rest = (self._rest + chunk).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            elif page := self._pages.get(message.get("sessionId", "")):
                page.hear(message)


@contextmanager
def running(log: Callable[[str], None] = lambda _: None) -> Iterator[Browser]:
    """Yield a Chromium without a window, which is gone afterwards with all that it wrote.

    One that ends before it says its version is started anew: a machine short of memory ends it now and then."""
    path = program()
    assert path
    for attempt in range(1, ATTEMPTS + 1):
        with _started(path) as browser:
            try:
                version = browser.send("Browser.getVersion")["product"]
            except (AssertionError, OSError):
                if attempt == ATTEMPTS:
                    raise
                continue
            log(version)
            yield browser
            return


@contextmanager
def _started(path: str) -> Iterator[Browser]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    read_theirs, write_ours = os.pipe()
    read_ours, write_theirs = os.pipe()
    with tempfile.TemporaryDirectory(prefix="devctl-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [sys.executable, "-c", _ON_THREE_AND_FOUR, str(read_theirs), str(write_theirs), path,
             f"--user-data-dir={profile}", *OPTIONS, *sandbox, "about:blank"],
            pass_fds=(read_theirs, write_theirs), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": profile, "DBUS_SESSION_BUS_ADDRESS": "disabled:"},
            start_new_session=True,
        )  # fmt: skip
        os.close(read_theirs)
        os.close(write_theirs)
        try:
            yield Browser(process, read_ours, write_ours)
        finally:
            _end(process)
            os.close(write_ours)
            os.close(read_ours)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End Chromium with its helpers, which are in its process group."""
    import signal

    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
