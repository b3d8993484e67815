"""A small service with spans: answers /health and /work, calls others, and misbehaves as a file says.

Environment: PORT; CALLS, such as `book=http://127.0.0.1:8000`; BEHAVIOUR, a JSON file that is read at each request:
{"status": 500, "delay": 0.5, "repeat": {"store": 20}, "skip": ["store"], "swallow": true, "drop_context": true,
"bad_parameter": true, "say": "a line", "health": 503}. DATABASE: an SQLite file that each request writes to.
"""

import contextlib
import http.server
import json
import os
import random
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request

NAME = os.environ.get("OTEL_SERVICE_NAME", "node")
HUB = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
CALLS = dict(pair.split("=", 1) for pair in os.environ.get("CALLS", "").split(",") if pair)
SERVER, CLIENT = 2, 3
spans: list[dict[str, object]] = []
lock = threading.Lock()
leak: list[object] = []


def behaviour() -> dict[str, object]:
    try:
        with open(os.environ.get("BEHAVIOUR", "")) as file:
            return dict(json.load(file))
    except (OSError, ValueError):
        return {}


def hexes(count: int) -> str:
    return f"{random.getrandbits(count * 8):0{count * 2}x}"


class Span:
    def __init__(self, name: str, kind: int, trace: str, parent: str) -> None:
        self.name, self.kind, self.trace, self.parent = name, kind, trace, parent
        self.id, self.start, self.status, self.url = hexes(8), time.time_ns(), 200, ""
        self.events: list[dict[str, str]] = []

    def end(self) -> None:
        limit = 500 if self.kind == SERVER else 400
        attributes = [{"key": "http.response.status_code", "value": {"intValue": str(self.status)}}]
        if self.url:
            attributes.append({"key": "url.full", "value": {"stringValue": self.url}})
        span = {
            "traceId": self.trace, "spanId": self.id, "parentSpanId": self.parent, "name": self.name, "kind": self.kind,
            "startTimeUnixNano": str(self.start), "endTimeUnixNano": str(time.time_ns()), "attributes": attributes,
            "status": {"code": 2} if self.status >= limit else {}, "events": self.events,
        }  # fmt: skip
        with lock:
            spans.append(span)


def export() -> None:
    while True:
        time.sleep(0.2)
        with lock:
            batch = spans[:]
            spans.clear()
        if not batch or not HUB:
            continue
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": NAME}}]}
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": batch}]}]}
        request = urllib.request.Request(
            HUB + "/v1/traces", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with contextlib.suppress(OSError):
            urllib.request.urlopen(request, timeout=2).close()


def call(name: str, url: str, span: Span, odd: dict[str, object]) -> int:
    out = Span(f"GET {name}", CLIENT, span.trace, span.id)
    out.url = f"{url}/work"
    headers = {} if odd.get("drop_context") else {"traceparent": f"00-{span.trace}-{out.id}-01"}
    path = "/work?amount=abc" if odd.get("bad_parameter") else "/work?amount=1"
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=3) as response:
            out.status = response.status
    except urllib.error.HTTPError as error:
        out.status = error.code
        error.close()
    except OSError as error:
        out.status = 599
        print(json.dumps({"level": "error", "message": f"call of {name} at {url} failed", "error": str(error)}))
        sys.stdout.flush()
    out.end()
    return out.status


def store() -> None:
    path = os.environ.get("DATABASE")
    if path:
        db = sqlite3.connect(path, timeout=0.3)
        try:
            with db:
                db.execute("CREATE TABLE IF NOT EXISTS entries (at INTEGER)")
                db.execute("INSERT INTO entries VALUES (?)", (time.time_ns(),))
        finally:
            db.close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        odd = behaviour()
        if self.path.startswith("/health"):
            self.answer(int(str(odd.get("health", 200))))
            return
        parts = self.headers.get("traceparent", "").split("-")
        trace, parent = (parts[1], parts[2]) if len(parts) == 4 else (hexes(16), "")
        span = Span("GET /work", SERVER, trace, parent)
        span.status = self.work(odd, span)
        span.end()
        self.answer(span.status)

    def work(self, odd: dict[str, object], span: Span) -> int:
        time.sleep(float(str(odd.get("delay", 0))))
        if "abc" in self.path:
            return 400
        if odd.get("say"):
            print(odd["say"], flush=True)
        try:
            store()
            if odd.get("leak_files"):
                leak.extend(open("/dev/null") for _ in range(40))  # noqa: SIM115
            if odd.get("leak_memory"):
                leak.append(bytearray(64 << 20))
        except (OSError, MemoryError, sqlite3.Error) as error:
            print(json.dumps({"level": "error", "message": "request failed", "error": repr(error)}), flush=True)
            return 500
        skip, repeat = odd.get("skip", []), odd.get("repeat", {})
        for name, url in CALLS.items():
            for _ in range(0 if name in skip else repeat.get(name, 1)):  # type: ignore[operator, attr-defined]
                status = call(name, url, span, odd)
                if status >= 400 and not odd.get("swallow"):
                    return 502
                if status >= 400:
                    span.events.append({"name": "exception", "timeUnixNano": str(time.time_ns())})
        return int(str(odd.get("status", 200)))

    def answer(self, status: int) -> None:
        body = b'{"ok": true}' if status < 400 else b'{"error": "no"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def burn() -> None:
    while True:
        while behaviour().get("burn"):
            for _ in range(20000):
                pass
        time.sleep(0.1)


def drive() -> None:
    """Send requests to what DRIVES names, as a user would."""
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(os.environ["DRIVES"] + "/work", timeout=4).close()
        time.sleep(0.05)


if __name__ == "__main__":
    for work in (export, burn):
        threading.Thread(target=work, daemon=True).start()
    if "DRIVES" in os.environ:
        drive()
    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
