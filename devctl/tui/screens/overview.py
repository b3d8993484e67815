"""Overview: every service with its state, its cost, its traffic and where it is; what fires and what happened last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devctl.render.boards import sparkline
from devctl.text import duration, size
from devctl.tui.cells import Cell, Cells, per_second, safe, width
from devctl.tui.model import Happening, Model
from devctl.tui.screens.overview_sections import alert_rows, event_rows, fault_rows, path_rows
from devctl.tui.screens.view import SERVICE_ACTIONS, Choice, View
from devctl.tui.theme import SHAPES, STATUS_STYLES
from devctl.tui.widgets.rows import Link, Row

if TYPE_CHECKING:
    from devctl.session.protocol import ServiceView

SPARK = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, its least width, and from which width of the pane on it is shown."""

    name: str
    head: str
    room: int
    from_width: int
    right: bool = False


COLUMNS = (
    Column("service", "service", 12, 0),
    Column("status", "status", 11, 0),
    Column("uptime", "up", 6, 78, right=True),
    Column("restarts", "↻", 3, 60, right=True),
    Column("rate", "req/s", 6, 56, right=True),
    Column("errors", "err", 6, 56, right=True),
    Column("p95", "p95", 7, 70, right=True),
    Column("cpu", "cpu", 6 + SPARK + 1, 90, right=True),
    Column("memory", "memory", 7, 64, right=True),
    Column("growth", "", SPARK, 130),
    Column("variant", "variant", 9, 110),
    Column("note", "", 10, 0),
)  # fmt: skip


class Overview(View):
    """The services, then alerts and the last events."""

    NAME = "overview"
    TITLE = "Services"
    EMPTY = "nothing has run here yet: `devctl up` starts it"
    ACTIONS = SERVICE_ACTIONS | {"zoom"}

    def __init__(self) -> None:
        super().__init__()
        self._filled: set[str] = set()

    def rows(self) -> Sequence[Row]:
        model = self.devctl.model
        pane = max(self.size.width - 2, 20)
        now_ns = self.devctl.stack.now_ns()
        rows = service_rows(model, pane, now_ns, self._filled)
        rows += path_rows(model, now_ns)
        rows += fault_rows(model)
        rows += alert_rows(model)
        if pane >= 50:
            rows += event_rows(model, max(self.size.height - len(rows) - 4, 3), self.devctl.clock)
        return rows

    def title(self) -> tuple[Cells, Cells]:
        return (("Services", "title"),), ((self.devctl.model.status, ""),)

    def on_resize(self) -> None:
        self.update()

    def services(self) -> list[str]:
        names = [row.data["service" if _is_fault(row) else "name"] for row in self.lines.chosen() if _has_service(row)]
        return list(dict.fromkeys(names))

    def opened(self, row: Row) -> None:
        if _is_service(row):
            self.devctl.panes.go_side("details")
        elif _is_fault(row):
            self.devctl.verbs.wire.choose([row.data["service"]])
        elif row.key == ("path",):
            self.devctl.panes.go_side("why")
        elif isinstance(row.data, Happening) and row.data.service:
            self.devctl.go("logs", services=(row.data.service,), at_ns=row.data.time_ns)
        elif not isinstance(row.data, Happening):
            self.devctl.go("metrics")

    def as_json(self, row: Row) -> Any:
        return row.data if _has_service(row) else row.text.strip()

    def choices(self) -> list[Choice]:
        row = self.lines.current
        if not row or not _is_service(row):
            return []
        view: ServiceView = row.data
        ports = [(f"address of {name}", address) for name, address in view["ports"].items()]
        page = [("page", view["page"])] if view["page"] else []
        pids = [(f"pid of {i['id']}", str(i["pid"])) for i in view["instances"] if i["pid"]]
        return [("name", view["name"]), *page, *ports, *pids]

    def command(self) -> str:
        return " ".join(["devctl status", *(self.services() if self.lines.marks else ())])


def _is_service(row: Row) -> bool:
    return isinstance(row.key, tuple) and row.key[0] == "service"


def _is_fault(row: Row) -> bool:
    return isinstance(row.key, tuple) and row.key[0] == "fault"


def _has_service(row: Row) -> bool:
    return _is_service(row) or _is_fault(row)


def service_rows(model: Model, pane: int, now_ns: int, filled: set[str]) -> list[Row]:
    """Return a head and one row for each service, as many columns as fit of those that hold something. `filled` takes
    the names of columns that ever did: none goes away again."""
    if not model.services:
        return []
    texts = {name: _texts(model, view, now_ns) for name, view in model.services.items()}
    filled |= {name for cells in texts.values() for name, part in cells.items() if any(text for text, _ in part)}
    shown = [column for column in COLUMNS if pane >= column.from_width and column.name in {*filled, "note"}]
    widths = {c.name: _width(c, [cells[c.name] for cells in texts.values()]) for c in shown}
    used = sum(widths[c.name] + 2 for c in shown if c.name != "note")
    widths["note"] = max(pane - used, 0)
    head = tuple((*_aligned(((c.head, "dim"),), widths[c.name], right=c.right), ("  ", "")) for c in shown)
    rows = [Row(("head",), tuple(cell for part in head for cell in part)[:-1], is_head=True)]
    for name, cells in texts.items():
        rows.append(_service_row(name, model.services[name], cells, shown, widths))
    return rows


def _service_row(
    name: str, view: ServiceView, texts: Mapping[str, Cells], shown: Sequence[Column], widths: Mapping[str, int]
) -> Row:
    cells: list[Cell] = []
    links: list[Link] = []
    at = 0
    for column in shown:
        part = _aligned(texts[column.name], widths[column.name], right=column.right)
        length = sum(len(text) for text, _ in part)
        if target := _target(column.name, name, texts):
            links.append(Link(at, at + length, target))
        cells += [*part, ("  ", "")]
        at += length + 2
    return Row(("service", name), tuple(cells[:-1]), view, links=links)


def _target(column: str, name: str, texts: Mapping[str, Cells]) -> tuple[str, dict[str, Any]] | None:
    """Return what stands behind a figure."""
    if not any(text.strip() for text, _ in texts[column]):
        return None
    match column:
        case "errors":
            return "traces", {"service": name, "errors": True}
        case "rate" | "p95":
            return "traces", {"service": name}
        case "restarts" | "status":
            return "why", {"service": name}
    return None


def _width(column: Column, column_texts: Sequence[Cells]) -> int:
    longest = max((sum(width(text) for text, _ in cells) for cells in column_texts), default=0)
    return min(max(longest, len(column.head)), max(column.room, 24 if column.name == "service" else column.room))


def _aligned(cells: Cells, room: int, *, right: bool) -> Cells:
    from devctl.tui.cells import cut_cells

    cells = cut_cells(cells, room)
    pad = (" " * (room - sum(width(text) for text, _ in cells)), "")
    return (pad, *cells) if right else (*cells, pad)


def _texts(model: Model, view: ServiceView, now_ns: int) -> dict[str, Cells]:
    """Return the cells of a service by column."""
    name, status = view["name"], view["status"]
    live = [instance for instance in view["instances"] if instance["pid"] or instance["container"]]
    style = "warn" if status == "unavailable" and view["optional"] else STATUS_STYLES.get(status, "")
    restarts = sum(instance["restarts"] for instance in view["instances"])
    load = model.loads.get(name)
    cpu, memory, growth = _figures(model, name, is_alive=bool(live))
    return {
        "service": (
            (safe(name), "dim" if status in ("stopped", "pending") else "strong"),
            *_signs(model, name, now_ns),
        ),
        "status": ((f"{SHAPES.get(status, '?')} {status}", style),),
        "uptime": ((_uptime(live, now_ns), "dim"),),
        "restarts": ((str(restarts) if restarts else "", "warn"),),
        "rate": ((per_second(load.rate) if load else "", ""),),
        "errors": ((f"{load.error_share:.1%}" if load and load.errors else "", "bad"),),
        "p95": ((duration(load.p95_ms / 1000) if load else "", ""),),
        "cpu": cpu,
        "memory": memory,
        "growth": growth,
        "variant": ((safe(view["variant"]), "dim"),),
        "note": ((note(model, view), "dim"),),
    }


def _signs(model: Model, name: str, now_ns: int) -> Cells:
    signs = model.signs.get(name)
    wire: Cells = ((" ≈", "warn"),) if model.services[name]["faults"] else ()
    if signs and signs.errors:
        return (*wire, (f" ◆{signs.errors if signs.errors < 1000 else '1k+'}", "bad"))
    return (*wire, (" ◇", "dim")) if model.is_silent(name, now_ns) else wire


def _figures(model: Model, name: str, *, is_alive: bool) -> tuple[Cells, Cells, Cells]:
    """Return CPU with its course, memory, and the course of memory."""
    course = model.courses.get(name)
    if not course or not course.cpu or not is_alive:
        return (), (), ()
    drawn = sparkline(list(course.cpu), SPARK)
    cpu = ((f"{drawn:>{SPARK}} ", "spark"), (f"{course.cpu[-1]:.1f}%".rjust(6), ""))
    memory = ((size(course.memory[-1]) if course.memory[-1] else "", ""),)
    return cpu, memory, ((sparkline(list(course.memory), SPARK), "spark"),)


def note(model: Model, view: ServiceView) -> str:
    """Return what a person should know of a service now: who blocks it, why it failed, else where it is."""
    if progress := model.progress.get(view["name"]):
        share = f" {progress['bytes'] / progress['total']:.0%}" if progress["total"] else ""
        return safe(f"{progress['stage']} {progress['tool']}{share}")
    if view["status"] in ("blocked", "pending") and view["waits_for"]:
        return safe("waits for " + ", ".join(view["waits_for"]))
    if view["reason"]:
        return safe(view["reason"])
    return safe(view["page"] or next(iter(view["ports"].values()), ""))


def _uptime(live: Sequence[Any], now_ns: int) -> str:
    started = min((i["started_at"] for i in live if i["started_at"]), default="")
    if not started:
        return ""
    from devctl.render.status import parse_time

    return short_duration(max(0.0, now_ns / 1e9 - parse_time(started)))


def short_duration(seconds: float) -> str:
    """Return how long something runs in at most six columns: `42s`, `12m`, `3h10m`, `2d4h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600}h"
