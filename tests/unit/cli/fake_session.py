"""A session that remembers its calls and gives prepared answers; for tests of front ends and actions."""

import io
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from devctl.errors import DevctlError
from devctl.render.terminal import Terminal
from devctl.session.client import CallCancelled
from devctl.views.snapshot import snapshot_view
from tests import fakes
from tests.fakes import World


def instance(name: str, status: str = "healthy", **more: Any) -> dict[str, Any]:
    alive = status in ("healthy", "running", "starting", "unhealthy")
    return {
        "id": name, "pid": 4711 if alive else 0, "container": "", "status": status, "reason": "", "ports": {},
        "started_at": "2026-01-31T12:00:00.000000Z", "restarts": 0, "exit_code": None, "cpu_percent": 1.5,
        "memory_bytes": 43_000_000 if alive else 0, **more,
    }  # fmt: skip


def service(name: str, status: str = "healthy", **more: Any) -> dict[str, Any]:
    view = {
        "name": name, "status": status, "variant": "process", "why_variant": "it has a command", "kind": "process",
        "optional": False, "reason": "", "cure": "", "note": "", "uses": "", "provides": {}, "depends_on": [],
        "ports": {}, "page": "", "fronted": False, "faults": [],
        "waits_for": [], "started_seconds": 0.5, "instances": [instance(f"{name}.1", status)],
    }  # fmt: skip
    return {**view, **more}


def stack(*services: dict[str, Any]) -> dict[str, Any]:
    bad = [s for s in services if s["status"] not in ("healthy", "running", "completed") and not s["optional"]]
    return {
        "stack": "shop", "run": "20260131-120000-abcd", "status": "unhealthy" if bad else "healthy", "folder": "/shop",
        "supervisor": {"pid": 10}, "keeper": {"pid": 11}, "services": list(services),
    }  # fmt: skip


def settled(**more: Any) -> dict[str, Any]:
    return {
        "run": "20260131-120000-abcd", "healthy": True, "began": True, "seconds": 1.2, "critical_path": [],
        "going_on": [], "failed": [], "rolled_back": {}, **more,
    }  # fmt: skip


def healthy(*names: str) -> World:
    """Return a world in which every one of these services is healthy."""
    world = World(fakes.spec(*map(fakes.service, names)))
    world.up()
    for name in names:
        world.started(f"{name}.1")
        world.ready(f"{name}.1")
    return world


class FakeSession:
    """Implements session.protocol.Session; `fail` is raised by every call. `world` is what its snapshot shows."""

    def __init__(self, view: dict[str, Any] | None = None, *, fail: BaseException | None = None) -> None:
        self.view = view or stack(service("order"), service("cart"))
        self.result = settled()
        self.world = healthy("order", "cart")
        self.answers: list[dict[str, Any]] = []
        self.items: list[dict[str, Any]] = []
        self.launches: list[dict[str, Any]] = []
        self.calls: list[tuple[str, Any]] = []
        self.fail = fail
        self.started = False
        self.name = "me"
        self.greeting: dict[str, Any] = {"version": 1, "devctl": "0", "pid": 10, "run": self.view["run"], "starter": ""}
        self.hangs = False  # until it is cancelled, after its items
        self._cancelled = threading.Event()

    def _record(self, call: str, detail: Any = None) -> None:
        self.calls.append((call, detail))
        if self.fail:
            raise self.fail

    def __enter__(self) -> "FakeSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        pass

    def hello(self) -> dict[str, Any]:
        self._record("hello")
        return self.greeting

    def status(self) -> dict[str, Any]:
        self._record("status")
        return self.view

    def watch(self) -> Iterator[dict[str, Any]]:
        self._record("watch")
        yield {"status": self.view}
        yield from self.items
        self._hang()

    def start(self, names: Sequence[str], *, wait: bool = True, on_item: Any = None) -> dict[str, Any]:
        return self._work("start", list(names), on_item)

    def stop(self, names: Sequence[str], *, on_item: Any = None) -> dict[str, Any]:
        return self._work("stop", list(names), on_item)

    def restart(
        self, names: Sequence[str], *, with_dependents: bool = False, wait: bool = True, all_at_once: bool = False,
        on_item: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        at_once = ("all at once",) if all_at_once else ()
        return self._work("restart", (list(names), with_dependents, *at_once), on_item)

    def scale(self, counts: dict[str, int], *, wait: bool = True, on_item: Any = None) -> dict[str, Any]:
        return self._work("scale", counts, on_item)

    def add_fault(self, fault: dict[str, Any], *, seconds: float | None = None) -> dict[str, Any]:
        self._record("add_fault", (fault, seconds))
        return {"name": f"{fault['service']}_{fault['kind']}_1", **fault}

    def remove_faults(self, names: Sequence[str] = ()) -> list[str]:
        self._record("remove_faults", list(names))
        return list(names)

    def pause(self, names: Sequence[str]) -> list[str]:
        self._record("pause", list(names))
        return [f"{name}.1" for name in names]

    def unpause(self, names: Sequence[str] = ()) -> list[str]:
        self._record("unpause", list(names))
        return [f"{name}.1" for name in names]

    def one_off(self, service: str) -> dict[str, Any]:
        self._record("one_off", service)
        return {**self.launches[0], "config": {}}

    def processes(self, names: Sequence[str] = ()) -> list[dict[str, Any]]:
        self._record("processes", list(names))
        return []

    def down(self, *, volumes: bool = False, now: bool = False, on_item: Any = None) -> dict[str, Any]:
        return self._work("down", (volumes, now), on_item)

    def _work(self, call: str, detail: Any, on_item: Any) -> dict[str, Any]:
        self._record(call, detail)
        for item in self.items if on_item else []:
            on_item(item)
        self._hang()
        return self.result

    def _hang(self) -> None:
        if self.hangs:
            assert self._cancelled.wait(30)
            raise CallCancelled

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        self._cancelled.set()

    def apply(self, spec: Any, *, on_item: Any = None, **options: Any) -> dict[str, Any]:
        return self._work("apply", options, on_item)

    def plan(self, spec: Any, **options: Any) -> list[dict[str, Any]]:
        self._record("plan", options)
        return []

    def kill(self, names: Sequence[str], *, signal: str = "SIGKILL") -> list[str]:
        self._record("kill", (list(names), signal))
        return [f"{name}.1" for name in names]

    def check(self, names: Sequence[str] = ()) -> list[dict[str, Any]]:
        self._record("check", list(names))
        return self.answers

    def snapshot(self) -> dict[str, Any]:
        self._record("snapshot")
        return dict(snapshot_view(self.world.loop.spec, self.world.loop.state, {}))

    def spec(self) -> dict[str, Any]:
        self._record("spec")
        return {"spec": {}, "launches": self.launches}


class Door:
    """Leads to one session, or to nothing."""

    def __init__(self, session: FakeSession | None) -> None:
        self.session = session

    def connect(self, paths: object) -> Any:
        return self.session

    def prepare(self, paths: object, *, start: bool = False) -> Any:
        raise DevctlError("no supervisor in this test")


class Screen(Terminal):
    """A terminal that keeps what it was given."""

    def __init__(self, **environ: str) -> None:
        super().__init__(io.StringIO(), io.StringIO(), environ)

    @property
    def shown(self) -> str:
        assert isinstance(self.out, io.StringIO)
        return self.out.getvalue()

    @property
    def messages(self) -> str:
        assert isinstance(self.err, io.StringIO)
        return self.err.getvalue()
