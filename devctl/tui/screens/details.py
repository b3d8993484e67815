"""Details of one service: why it is as it is, what blocks it and what it blocks, instances, ports, configuration,
environment (secrets masked), and what its check answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.masking import mask_environment
from devctl.text import duration, size, typed
from devctl.tui.cells import Cell, Cells, safe
from devctl.tui.model import GOOD
from devctl.tui.screens.view import SERVICE_ACTIONS, Choice, View
from devctl.tui.theme import SHAPES, STATUS_STYLES
from devctl.tui.widgets.lines import LineView
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.session.protocol import CheckView, InstanceView, LaunchView, ServiceView


class Details(View):
    """Follows the cursor of the view beside it."""

    NAME = "details"
    TITLE = "Details"
    EMPTY = "put the cursor on a service"
    ACTIONS = SERVICE_ACTIONS | {"zoom"}

    def __init__(self) -> None:
        super().__init__()
        self.lines = LineView(wraps=True, empty=self.EMPTY)
        self._service = ""
        self._launches: dict[str, list[LaunchView]] | None = None
        self._checks: dict[str, list[CheckView]] = {}

    def enter(self, arguments: Mapping[str, Any]) -> None:
        """Show `service`."""
        self._service = str(arguments.get("service", "")) or self._service
        self._launches = None
        self._checks = {}
        self.update()

    def reload(self) -> None:
        """Ask for configuration and checks again."""
        self.enter({})

    def _follow(self) -> str:
        beside = [view for view in self.devctl.panes.shown() if view is not self]
        services = beside[0].services() if beside else []
        if services and services[0] != self._service and services[0] in self.devctl.model.services:
            self._service = services[0]
        if self._service not in self.devctl.model.services:
            self._service = next(iter(self.devctl.model.services), "")
        return self._service

    def update(self) -> None:
        """Show the service that is meant now."""
        if not self.is_ready:
            return
        earlier = self._service
        service = self._follow()
        if service and self._launches is None and not self.is_loading and self.devctl.model.link == "live":
            self.load(self._ask_spec, self._take_spec)
        elif service and service not in self._checks and not self.is_loading and self.devctl.model.link == "live":
            self.load(lambda: self.devctl.stack.control.check([service]), lambda c: self._take_checks(service, c))
        super().update()
        if service != earlier:
            self.lines.go(0)

    def _ask_spec(self) -> Any:
        return self.devctl.stack.control.spec()

    def _take_spec(self, spec: Any) -> None:
        launches: dict[str, list[LaunchView]] = {}
        for launch in spec["launches"]:
            launches.setdefault(launch["instance"].rpartition(".")[0], []).append(launch)
        self._launches = launches
        self.update()

    def _take_checks(self, service: str, checks: list[CheckView]) -> None:
        self._checks[service] = checks
        self.update()

    def title(self) -> tuple[Cells, Cells]:
        return (("Details ", "title"), (safe(self._service), "accent")), ()

    def services(self) -> list[str]:
        return [self._service] if self._service else []

    def rows(self) -> Sequence[Row]:
        view = self.devctl.model.services.get(self._service)
        return list(self._rows(view)) if view else []

    def _rows(self, view: ServiceView) -> Iterator[Row]:
        status = view["status"]
        yield _pair("status", safe(f"{SHAPES.get(status, '?')} {status}"), STATUS_STYLES.get(status, ""))
        for name in ("reason", "cure", "note"):
            if text := str(view[name]):
                yield _pair({"cure": "remedy"}.get(name, name), safe(typed(text, self.devctl.command)))
        if view["variant"]:
            why = f" ({view['why_variant']})" if view["why_variant"] else ""
            yield _pair("runs as", safe(f"{view['variant']}{why}"))
        if view["page"]:
            yield _pair("page", safe(view["page"]), "accent")
        for name, address in view["ports"].items():
            yield _pair(f"port {safe(name)}", safe(address))
        if view["started_seconds"] is not None:
            yield _pair("started in", duration(view["started_seconds"]))
        yield from self._neighbours(view)
        yield from self._instances(view)
        yield from self._checked()
        yield from self._configuration()

    def _neighbours(self, view: ServiceView) -> Iterator[Row]:
        services = self.devctl.model.services
        needed_by = [name for name, other in services.items() if view["name"] in other["depends_on"]]
        for title, names in (("Needs", view["depends_on"]), ("Needed by", needed_by)):
            if names:
                yield from _title(title)
            for name in names:
                yield _neighbour(name, services.get(name), is_blocking=name in view["waits_for"])

    def _instances(self, view: ServiceView) -> Iterator[Row]:
        yield from _title("Instances")
        for instance in view["instances"]:
            yield Row(("instance", instance["id"]), _instance_cells(instance), ("instance", instance["id"]))

    def _checked(self) -> Iterator[Row]:
        checks = self._checks.get(self._service, [])
        if checks:
            yield from _title("Check, asked just now")
        for check in checks:
            mark: Cell = (
                ("● ", "good") if check["healthy"] else ("▲ ", "bad") if check["healthy"] is False else ("○ ", "dim")
            )
            text = f"{check['instance']} {check['check']} → {check['answer']} ({check['milliseconds']:.0f} ms)"
            yield Row(("check", check["instance"]), (mark, (safe(text), "")), indent=4)

    def _configuration(self) -> Iterator[Row]:
        for launch in (self._launches or {}).get(self._service, [])[:1]:
            yield from _title("Command")
            yield Row(("argv",), (("  " + safe(" ".join(launch["argv"])), ""),), indent=4)
            yield _pair("in", safe(launch["working_dir"] or "the folder of the stack"))
            yield from _title("Environment")
            for name, value in sorted(mask_environment(launch["environment"]).items()):
                yield Row(("env", name), ((f"  {safe(name)}=", "dim"), (safe(value), "")), indent=4)

    def opened(self, row: Row) -> None:
        kind, name = row.data or ("", "")
        if kind == "service":
            self._service = name
            self.devctl.panes.go_side("details", service=name)
        elif kind == "instance":
            self.devctl.go("logs", services=(name,))

    def as_json(self, row: Row) -> Any:
        return self.devctl.model.services.get(self._service)

    def choices(self) -> list[Choice]:
        row = self.lines.current
        return [("this line", row.text.strip()), ("name", self._service)] if row else []

    def command(self) -> str:
        return f"devctl env {self._service}"


def _title(text: str) -> Iterator[Row]:
    yield Row(("gap", text), (), is_head=True)
    yield Row(("title", text), ((text, "title"),), is_head=True)


def _pair(name: str, value: str, style: str = "") -> Row:
    return Row(("pair", name), ((f"{name:<11} ", "dim"), (value, style)), indent=12)


def _neighbour(name: str, view: ServiceView | None, *, is_blocking: bool) -> Row:
    status = view["status"] if view else "stopped"
    cells: list[Cell] = [(f"  {SHAPES.get(status, '?')} ", STATUS_STYLES.get(status, "")), (safe(name), "")]
    if is_blocking:
        cells.append(("  blocks this service", "warn"))
    elif status not in GOOD:
        cells.append((f"  {status}", "dim"))
    return Row(("neighbour", name, is_blocking), tuple(cells), ("service", name), links=())


def _instance_cells(instance: InstanceView) -> Cells:
    status = instance["status"]
    cells: list[Cell] = [
        (f"  {SHAPES.get(status, '?')} ", STATUS_STYLES.get(status, "")), (f"{safe(instance['id'])} ", "strong"),
        (status, STATUS_STYLES.get(status, "")),
    ]  # fmt: skip
    if instance["pid"]:
        figures = f"  pid {instance['pid']}  {instance['cpu_percent']:.1f}%  {size(instance['memory_bytes'])}"
        cells.append((figures, "dim"))
    if instance["restarts"]:
        cells.append((f"  ↻{instance['restarts']}", "warn"))
    if instance["exit_code"] is not None:
        cells.append((f"  last exit {instance['exit_code']}", "bad" if instance["exit_code"] else "dim"))
    if instance["reason"]:
        cells.append((f"  {safe(instance['reason'])}", "dim"))
    return tuple(cells)
