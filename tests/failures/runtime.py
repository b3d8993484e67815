"""The run-time tier: what goes wrong in a stack that was well."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from tests.failures.harness import Case, FailureStack

HEALTH = "{http: /health, interval: 500ms, timeout: 5s, retries: 3}"


def ledger(*, store: str = "", book: str = "", more: str = "", relayed: str = "false") -> str:
    """Return a stack of four: shopper → front → book → store, all with spans; `store` and `book`: further keys."""

    def node(name: str, calls: str, needs: str, extra: str = "") -> str:
        environment = f"BEHAVIOUR: {name}.json"
        if calls:
            environment += f', CALLS: "{calls}=http://${{services.{calls}.http}}"'
        depends = f"depends_on: {{{needs}: {{condition: service_healthy}}}}" if needs else ""
        return f"""
  {name}:
    command: [@PYTHON@, "@NODE@"]
    ports: {{http: auto}}
    front: {relayed}
    healthcheck: {HEALTH}
    environment: {{{environment}{", DATABASE: store.db" if name == "store" else ""}}}
    {depends}
    {extra}"""

    return (
        "services:"
        + node("store", "", "", store)
        + node("book", "store", "store", book)
        + node("front", "book", "book")
        + """
  shopper:
    command: [@PYTHON@, "@NODE@"]
    environment: {DRIVES: "http://${services.front.http}"}
    depends_on: {front: {condition: service_healthy}}
"""
        + more
    )


def stop(service: str, index: int = 0):  # type: ignore[no-untyped-def]
    return lambda stack: stack.send(service, signal.SIGSTOP, index=index)


def behave(service: str, **behaviour: object):  # type: ignore[no-untyped-def]
    return lambda stack: stack.behave(service, **behaviour)


def fault(*arguments: str):  # type: ignore[no-untyped-def]
    return lambda stack: stack.devctl("fault", "add", *arguments, check=True)


def lock(stack: FailureStack) -> None:
    """Hold the database of store, as another program would."""
    code = (
        "import sqlite3,time; db=sqlite3.connect('store.db',isolation_level=None,timeout=30); "
        "db.execute('BEGIN EXCLUSIVE'); print('held',flush=True); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=stack.folder, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    stack.children.append(child)


def kill(service: str):  # type: ignore[no-untyped-def]
    return lambda stack: stack.send(service, signal.SIGKILL)


def case(name: str, seed, service: str, *kinds: str, path: tuple[str, ...] = (), **options) -> Case:  # type: ignore[no-untyped-def]
    manifest = options.pop("manifest", None) or ledger()
    return Case(f"run time: {name}", "runtime", options.pop("stack", "ledger"), manifest, service, kinds, path,
                seed=seed, **{"warm_spans": 250, **options})  # fmt: skip


CASES = [
    case("store stopped by a signal", stop("store"), "store", "process-stopped", path=("book",), fast=True),
    case("middle stopped by a signal", stop("book"), "book", "process-stopped", path=("front",)),
    case("one of two replicas stopped", stop("book", 1), "book", "process-stopped",
         manifest=ledger(book="deploy: {replicas: 2}", relayed="true")),
    case("store killed and back", kill("store"), "store", "killed"),
    case("store stopped on request", lambda s: s.devctl("stop", "store"), "store", "stopped", path=("book",)),
    case("latency on the wire", fault("book", "--latency", "300ms"), "book", "wire-fault",
         manifest=ledger(relayed="true")),
    case("outage on the wire", fault("store", "--down"), "store", "wire-fault", path=("book",),
         manifest=ledger(relayed="true")),
    case("loss on the wire", fault("book", "--reset", "40%"), "book", "wire-fault", manifest=ledger(relayed="true")),
    case("database locked by another program", lock, "store", "database-locked", path=("book", "front")),
    case("files leak", behave("store", leak_files=True), "store", "too-many-files",
         manifest=ledger().replace('command: [@PYTHON@, "@NODE@"]',
                                   'command: [sh, -c, "ulimit -n 120; exec @PYTHON@ @NODE@"]', 1)),
    case("memory runs out by its limit", behave("store", leak_memory=True), "store", "out-of-memory",
         manifest=ledger().replace('command: [@PYTHON@, "@NODE@"]',
                                   'command: [sh, -c, "ulimit -v 900000; exec @PYTHON@ @NODE@"]', 1)),
    case("health check fails", behave("store", health=503), "store", "not-ready"),
    case("hangs without a word", behave("store", delay=30), "store", "too-late", "no-answer", "hanging",
         path=("book",)),
    case("slow by itself", behave("store", delay=0.6), "store", "slow", path=("book", "front")),
    case("processor hog", behave("store", burn=True, delay=0.4), "store", "processor", "slow"),
    case("liveness restarts it", behave("book", health=500), "book", "liveness", "not-ready",
         manifest=ledger(book="liveness: {http: /health, interval: 500ms, retries: 2}")),
    case("killed again and again", lambda s: [s.send("book", signal.SIGKILL) or time.sleep(1.5) for _ in range(3)],
         "book", "crash-loop", "killed"),
]  # fmt: skip
