"""Histories: text files of what happens to a stack, line by line, and what devctl then orders and shows.

    = A title that says in one sentence what must hold
    services: a, b(after a healthy, no check), c(job, restart always, replicas 2, optional, tools java)
    up                  > start a.1             | a starting, b blocked
    a.1 started         >                       | a starting, b blocked

Left what happens, between `>` and `|` what is ordered in any order, right the status of the named services.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from devctl.core import events as happened
from devctl.core.spec import (
    Dependency,
    FailureAction,
    Port,
    RestartCondition,
    RestartPolicy,
    Service,
    Spec,
    UpdateOrder,
)
from devctl.core.status import Condition
from tests import fakes
from tests.fakes import World

_CONDITIONS = {"started": Condition.STARTED, "healthy": Condition.HEALTHY, "completed": Condition.COMPLETED}


@dataclass(frozen=True)
class Moment:
    """One line: what happens, what is then ordered, and the status of services then."""

    number: int
    happens: str
    orders: tuple[str, ...]
    statuses: dict[str, str]


@dataclass(frozen=True)
class History:
    """A title, the services, and the moments in order."""

    title: str
    spec: Spec
    moments: tuple[Moment, ...]


def read_all() -> list[History]:
    """Return every history of every file beside this one."""
    texts = [path.read_text() for path in sorted(Path(__file__).parent.glob("*.txt"))]
    return [_read(block) for text in texts for block in re.split(r"^= ", text, flags=re.MULTILINE)[1:]]


def _read(block: str) -> History:
    lines = block.splitlines()
    services: dict[str, Service] = {}
    moments: list[Moment] = []
    for number, line in enumerate(lines[1:], 2):
        if line.startswith("services:"):
            services = read_services(line.removeprefix("services:"))
        elif line.strip():
            moments.append(_moment(number, line))
    return History(lines[0].strip(), fakes.spec(*services.values(), tools={"here": "/here"}), tuple(moments))


def read_services(text: str) -> dict[str, Service]:
    """Return the services of a line such as `a, b(after a healthy, no check)`."""
    entries = re.findall(r"([\w-]+)(?:\(([^)]*)\))?", text)
    return {
        name: _service(name, [w.strip() for w in dependencies.split(",") if w.strip()])
        for name, dependencies in entries
    }


def _service(name: str, traits: list[str]) -> Service:
    made = fakes.service(name)
    for trait in traits:
        made = _with(made, trait)
    return made


def _with(made: Service, trait: str) -> Service:
    match trait.split():
        case ["after", other, condition]:
            return replace(made, depends_on=(*made.depends_on, Dependency(other, _CONDITIONS[condition])))
        case ["maybe", "after", other]:
            dependency = Dependency(other, Condition.HEALTHY, required=False)
            return replace(made, depends_on=(*made.depends_on, dependency))
        case ["no", "check"] | ["job"]:
            return replace(made, variants=tuple(replace(v, check=None) for v in made.variants))
        case ["restart", condition]:
            return replace(made, restart=RestartPolicy(RestartCondition(condition)))
        case ["replicas", count]:
            return replace(made, replicas=int(count))
        case ["runs", command]:
            return replace(made, variants=tuple(replace(v, argv=(command,)) for v in made.variants))
        case ["optional"]:
            return replace(made, optional=True)
        case ["front"]:
            return replace(made, front=True, ports=(Port("http", 8080),))
        case ["parallel", count]:
            return replace(made, update=replace(made.update, parallelism=int(count)))
        case ["start-first" | "stop-first" as order]:
            return replace(made, update=replace(made.update, order=UpdateOrder(order)))
        case ["delay", seconds]:
            return replace(made, update=replace(made.update, delay_seconds=float(seconds)))
        case ["monitor", seconds]:
            return replace(made, update=replace(made.update, monitor_seconds=float(seconds)))
        case ["failure", action]:
            return replace(made, update=replace(made.update, failure_action=FailureAction(action)))
        case ["tools", *names]:
            native = replace(made.variants[0], name="native", tools=tuple(names))
            return replace(made, variants=(native, *made.variants))
        case ["only", "tools", *names]:
            return replace(made, variants=(replace(made.variants[0], name="native", tools=tuple(names)),))
    raise AssertionError(f"unknown trait {trait!r}")


def _moment(number: int, line: str) -> Moment:
    happens, _, rest = line.partition(">")
    orders, _, statuses = rest.partition("|")
    pairs = (pair.split(None, 1) for pair in statuses.split(",") if pair.strip())
    return Moment(
        number, happens.strip(), tuple(o.strip() for o in orders.split(",") if o.strip()),
        {name: status.strip() for name, status in pairs},
    )  # fmt: skip


def happen(world: World, what: str) -> None:
    """Make one thing happen."""
    match what.split():
        case ["up", *names]:
            world.up(*names)
        case ["down"]:
            world.down()
        case ["stop", *names]:
            world.stop(*names)
        case ["restart", *names]:
            world.restart(*names)
        case ["restart-at-once", *names]:
            world.restart(*names, all_at_once=True)
        case ["restart-with-dependents", *names]:
            world.restart(*names, with_dependents=True)
        case ["wait", seconds]:
            world.wait(float(seconds))
        case ["now", *_]:
            world.spec = fakes.spec(*read_services(what.removeprefix("now")).values())
        case [instance, "started"]:
            world.started(instance)
        case [instance, "ready"]:
            world.ready(instance)
        case [instance, "unready"]:
            world.unready(instance)
        case [instance, "stopped"]:
            world.stopped(instance)
        case [instance, "killed", "by", "hand"]:
            world.signal(instance)
            world.exits(instance, -9)
        case [instance, "hung"]:
            world.post(happened.LivenessFailed(instance, instance.rpartition(".")[0], "503"))
        case [instance, "signalled"]:
            world.signal(instance)
        case [instance, "exits", code]:
            world.exits(instance, None if code == "?" else int(code))
        case [name, "fetched"]:
            world.post(happened.ToolsReady(name, "native", {"java": "/java"}))
        case [name, "missing"]:
            world.post(happened.VariantMissing(name, "native", "no network", "connect"))
        case _:
            raise AssertionError(f"unknown happening {what!r}")
