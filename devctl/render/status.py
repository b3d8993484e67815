"""How a stack's status looks: the table of `status`, the addresses at the end of `up`, one line per service."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from devctl.core.status import GOOD
from devctl.render import table
from devctl.render.terminal import Terminal
from devctl.text import clean, duration, listing, size, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import InstanceView, ServiceView, StatusView

STYLES = {
    "healthy": "green", "running": "green", "completed": "green",
    "pending": "dim", "blocked": "yellow", "starting": "yellow", "stopping": "yellow", "paused": "yellow",
    "unhealthy": "red", "failed": "red", "unavailable": "red", "stopped": "dim",
}  # fmt: skip
HEADS = ("service", "status", "variant", "uptime", "restarts", "cpu", "memory", "address", "note")
RIGHT = "restarts cpu memory"
SPARE = "variant cpu memory uptime restarts"


def style(service: ServiceView) -> str:
    """Return the style of a service's status: what is optional and missing is no alarm."""
    return "yellow" if service["status"] == "unavailable" and service["optional"] else STYLES[service["status"]]


def lines(view: StatusView, terminal: Terminal, services: Sequence[str] = (), *, reasons: bool = False) -> list[str]:
    """Return the table of `services` (none: all) with a heading line; `reasons` says why each variant runs."""
    if not view["services"]:
        return [
            typed(f"{terminal.paint(clean(view['stack']), 'bold')}: nothing has run here yet; `devctl up` starts it.")
        ]
    shown = [service for service in view["services"] if not services or service["name"] in services]
    rows = [row for service in shown for row in _rows(service, reasons=reasons)]
    return [
        heading(view, terminal),
        *notice(view, terminal),
        *table.lines(HEADS, rows, terminal, right=RIGHT, spare=SPARE),
    ]


def notice(view: StatusView, terminal: Terminal) -> list[str]:
    """Return what a person should know of the stack whatever its services' status."""
    text = clean(view.get("notice", ""))
    return [terminal.paint(text[:1].upper() + text[1:] + ".", "red")] if text else []


def heading(view: StatusView, terminal: Terminal) -> str:
    """Return one line on the whole stack: its status, its services by status, what it costs."""
    status = view["status"]
    painted = terminal.paint(status, STYLES.get(status, "dim"), "bold")
    by_status = Counter(service["status"] for service in view["services"])
    parts = [listing(f"{number} {status}" for status, number in by_status.most_common())]
    instances = [instance for service in view["services"] for instance in service["instances"]]
    if memory := sum(instance["memory_bytes"] for instance in instances):
        parts.append(f"{size(memory)}, {sum(instance['cpu_percent'] for instance in instances):.1f} % CPU")
    if view["run"]:
        parts.append(f"run {view['run']}")
    while (
        parts
        and terminal.is_terminal
        and table.width(f"{view['stack']} is {status}: {'; '.join(parts)}") > terminal.width
    ):
        parts.pop()
    rest = f": {'; '.join(parts)}" if parts else ""
    return f"{terminal.paint(clean(view['stack']), 'bold')} is {painted}{rest}"


def _rows(service: ServiceView, *, reasons: bool) -> list[list[table.Cell]]:
    instances = service["instances"]
    rows = [_row(service, instances, reasons=reasons)]
    if len(instances) > 1:
        rows += [_instance_row(instance) for instance in instances]
    return rows


def _row(service: ServiceView, instances: list[InstanceView], *, reasons: bool) -> list[table.Cell]:
    live = [instance for instance in instances if instance["pid"] or instance["container"]]
    started = min((instance["started_at"] for instance in live if instance["started_at"]), default="")
    restarts = sum(instance["restarts"] for instance in instances)
    memory = sum(instance["memory_bytes"] for instance in instances)
    return [
        clean(service["name"]),
        (service["status"], style(service)),
        service["variant"],
        _uptime(started),
        str(restarts) if restarts else "",
        f"{sum(instance['cpu_percent'] for instance in live):.1f} %" if live and memory else "",
        size(memory) if memory else "",
        (clean(address(service)), "cyan") if live else "",
        (note(service, reasons=reasons), "dim"),
    ]


def _instance_row(instance: InstanceView) -> list[table.Cell]:
    live = bool(instance["pid"] or instance["container"])
    return [
        f"  {clean(instance['id'])}",
        (instance["status"], STYLES[instance["status"]]),
        "",
        _uptime(instance["started_at"]) if live else "",
        str(instance["restarts"]) if instance["restarts"] else "",
        f"{instance['cpu_percent']:.1f} %" if live else "",
        size(instance["memory_bytes"]) if instance["memory_bytes"] else "",
        (clean(_main_address(instance["ports"])), "cyan"),
        (clean(instance["reason"]), "dim"),
    ]


def note(service: ServiceView, *, reasons: bool = False) -> str:
    """Return what a person should know of the service right now, in a few words."""
    if service["status"] == "blocked" and service["waits_for"]:
        return "waits for " + listing(map(clean, service["waits_for"]))
    parts = [service["reason"], service["note"] if service["status"] in GOOD else ""]
    if service["status"] in ("failed", "unavailable"):
        parts.append(typed(service["cure"]))
    if service["faults"]:
        parts.append(f"on its wire: {listing(fault['text'] for fault in service['faults'])}")
    if reasons:
        parts.append(service["why_variant"])
    return clean("; ".join(part for part in parts if part))


def address(service: ServiceView) -> str:
    """Return where the service is reached first: its page, its `http` port, else its first port."""
    if service["page"]:
        return service["page"]
    return f"http://{service['ports']['http']}" if "http" in service["ports"] else _main_address(service["ports"])


def instance_address(service: ServiceView, instance: str) -> str:
    """Return where one instance of the service is reached by itself, first its page."""
    ports = next(each["ports"] for each in service["instances"] if each["id"] == instance)
    paged = next((name for name, target in service["ports"].items() if f"//{target}/" in service["page"]), "http")
    return f"http://{ports[paged]}/" if paged in ports else _main_address(ports)


def _main_address(ports: Mapping[str, str]) -> str:
    """Return the address of the port `http`, else of the first one, empty without any."""
    return ports.get("http", next(iter(ports.values()), ""))


def addresses(view: StatusView, terminal: Terminal) -> list[str]:
    """Return the table of what can be reached where, for the end of `up`; nobody has business with the relay itself."""
    from devctl.core.spec import RELAY  # here, since `devctl status` needs the rest of this module and no spec

    rows: list[list[table.Cell]] = []
    for service in view["services"]:
        if service["status"] not in ("healthy", "running") or not service["ports"] or service["name"] == RELAY:
            continue
        ports = service["ports"].items()
        others = ", ".join(f"{name} {target}" for name, target in ports if target not in address(service))
        variant = service["variant"] if service["uses"] else ""
        rows.append([clean(service["name"]), (clean(address(service)), "cyan"), variant, (clean(others), "dim")])
    return table.lines(("service", "address", "variant", "more"), rows, terminal) if rows else []


def missing(view: StatusView, terminal: Terminal) -> list[str]:
    """Return what could not be had, and what is optional and failed: reason and remedy of each service."""
    lines: list[str] = []
    for service in view["services"]:
        status = service["status"]
        if status != "unavailable" and not (service["optional"] and status == "failed"):
            continue
        painted = terminal.paint(status, style(service))
        optional = " (optional)" if service["optional"] else ""
        lines.append(f"{clean(service['name'])}{optional} is {painted}: {clean(service['reason'])}")
        if service["cure"]:
            lines.append(f"  {clean(typed(service['cure']))}")
    return lines


def _uptime(started_at: str) -> str:
    started = parse_time(started_at)
    return duration(max(0.0, time.time() - started)) if started else ""


def parse_time(stamp: str) -> float:
    """Return seconds since the epoch of an RFC 3339 stamp in UTC, 0 for an empty or odd one."""
    try:
        whole, _, fraction = stamp.rstrip("Z").removesuffix("+00:00").partition(".")
        year, month, day = map(int, whole[:10].split("-"))
        hour, minute, second = map(int, whole[11:19].split(":"))
    except ValueError:
        return 0.0
    return _timegm(year, month, day) + hour * 3600 + minute * 60 + second + (float(f"0.{fraction}") if fraction else 0)


def _timegm(year: int, month: int, day: int) -> float:
    """Return the epoch seconds of midnight UTC (the calendar module would cost 5 ms)."""
    shifted = year - (month <= 2)
    era_year = shifted % 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = shifted // 400 * 146097 + era_year * 365 + era_year // 4 - era_year // 100 + day_of_year - 719468
    return days * 86400.0
