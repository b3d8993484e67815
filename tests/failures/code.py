"""The tier of code and configuration: everything runs, and does the wrong thing."""

from __future__ import annotations

from tests.failures.harness import Case, FailureStack
from tests.failures.runtime import behave, case, ledger, stop

WRONG = 'CALLS: "store=http://127.0.0.1:9"'


def edit(stack: FailureStack) -> None:
    """Bring the stack up again with an address that is wrong."""
    stack.manifest(ledger().replace('CALLS: "store=http://${services.store.http}"', WRONG))
    stack.devctl("up", "-d", "--no-watch")


def two(stack: FailureStack) -> None:
    stop("audit")(stack)
    stack.behave("store", status=500)


AUDIT = """
  audit:
    command: [@PYTHON@, "@NODE@"]
    ports: {http: auto}
    healthcheck: {http: /health, interval: 500ms, timeout: 5s, retries: 3}
    environment: {BEHAVIOUR: audit.json}
"""
NOISE = (
    "import time\\nwhile True:\\n print('ERROR could not sync the cache, trying again', flush=True); time.sleep(.02)"
)
NOISY = f"""
  chatter:
    command: [@PYTHON@, -c, "{NOISE}"]
"""
DONE = """
  tidy: {command: "true"}
"""


def of_code(name, seed, service, *kinds, **options) -> Case:  # type: ignore[no-untyped-def]
    made = case(name, seed, service, *kinds, **options)
    return Case(**{**{f: getattr(made, f) for f in made.__dataclass_fields__}, "tier": "code", "name": f"code: {name}"})


def healthy(name: str, **options) -> Case:  # type: ignore[no-untyped-def]
    return of_code(name, None, "", **options)


CASES = [
    of_code("wrong status", behave("store", status=500), "store", "errors", path=("book", "front"), fast=True),
    of_code("wrong status in the middle", behave("book", status=503), "book", "errors", path=("front",)),
    of_code("refuses what it took", behave("store", status=404), "store", "wrong-status", path=("book",)),
    of_code("wrong parameter", behave("book", bad_parameter=True), "book", "wrong-request", path=("front",)),
    of_code("missing call", behave("book", skip=["store"]), "book", "missing-call"),
    of_code("swallowed error", lambda s: (s.behave("book", swallow=True), s.behave("store", status=500)), "store",
            "errors", "swallowed-error"),
    of_code("one query for each item", behave("book", repeat={"store": 12}), "book", "n-plus-1"),
    of_code("lost trace context", behave("book", drop_context=True), "book", "lost-trace-context"),
    of_code("manifest edit", edit, "book", "unknown-peer", "changed", "refused", path=("front",)),
    of_code("two faults at once", two, "audit", "process-stopped", "errors", also=("store",),
            manifest=ledger(more=AUDIT)),
    of_code("noisy but innocent neighbour", behave("store", status=500), "store", "errors", path=("book",),
            manifest=ledger(more=NOISY)),
    healthy("nothing wrong", fast=True),
    healthy("nothing wrong, a task that is done", manifest=ledger(more=DONE)),
    healthy("nothing wrong, a noisy neighbour", manifest=ledger(more=NOISY)),
    healthy("nothing wrong, relayed, two replicas", manifest=ledger(book="deploy: {replicas: 2}", relayed="true")),
]  # fmt: skip
