"""Compose's `ports` as named ports with both their sides; what only Compose can say is noted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.takeover.notes import Notes
from devctl.manifest.yaml_text import Unquoted

AUTO = Unquoted("auto")
SHORT = re.compile(
    r"(?:(?P<host>\[[0-9a-fA-F:]+\]|[0-9]+(?:\.[0-9]+){3}|localhost|[a-z][\w.-]*):)?"
    r"(?:(?P<out>\$\{\w+(?::?-[0-9]*)?\}|\$\w+|[0-9]{0,5}):)?(?P<inside>[0-9]{1,5})(?:/(?P<protocol>\w+))?"
)
LOOPBACK = ("", "127.0.0.1", "localhost", "[::1]", "::1")
LONG = ("target", "published", "host_ip", "protocol", "name")


class Published(NamedTuple):
    """One port: `out` on this machine, `inside` the container, and the name that the file gives it."""

    out: str
    inside: str
    name: str = ""


class PortReader:
    """Reads the ports of one service. `resolve` puts variables in, for entries that cannot be read without."""

    def __init__(self, service: str, notes: Notes, resolve: object) -> None:
        self._path = f"services.{service}.ports"
        self._notes = notes
        self._resolve = resolve

    def read(self, node: Node) -> list[Published]:
        """Return what can be kept."""
        if not isinstance(node, Sequence):
            self._notes.lost(node.location, self._path, "it is no list")
            return []
        return [port for item in node.items for port in self._entry(item)]

    def _entry(self, item: Node) -> Iterator[Published]:
        if isinstance(item, Mapping):
            yield from self._long(item)
        elif isinstance(item, Scalar):
            yield from self._short(item)
        else:
            self._notes.lost(item.location, f"{self._path}: a list in a list", "write OUT:IN")

    def _short(self, item: Scalar) -> Iterator[Published]:
        text = item.text
        match = SHORT.fullmatch(text)
        if match is None and "$" in text:
            text = self._resolve(item)  # type: ignore[operator]
            match = SHORT.fullmatch(text)
            if match:
                self._notes.add(item.location, f"{self._path}: {item.text} stands for {text} now, which is written")
        if match is None:
            self._notes.lost(item.location, f"{self._path}: {item.text}", "a range or an unclear port: name each port")
            return
        if match["protocol"] not in (None, "tcp"):
            self._notes.lost(
                item.location, f"{self._path}: {item.text}", f"only TCP is known here, not {match['protocol']}"
            )
            return
        self._note_host(item, match["host"] or "")
        yield self._kept(match["out"] or "", match["inside"])

    def _long(self, item: Mapping) -> Iterator[Published]:
        texts = {key: value.text for key, value in item.items.items() if isinstance(value, Scalar)}
        for key in item.items:
            if key not in LONG and not key.startswith("x-"):
                self._notes.dropped(item, key, f"{self._path}.{key}", {})
        inside, out = texts.get("target", ""), texts.get("published", "")
        if not inside.isdigit() or (out and not SHORT.fullmatch(f"{out}:{inside}")):
            self._notes.lost(
                item.location, f"{self._path}: {out or inside}", "a range or an unclear port: name each port"
            )
            return
        if texts.get("protocol", "tcp") != "tcp":
            self._notes.lost(
                item.location, f"{self._path}: {inside}", f"only TCP is known here, not {texts['protocol']}"
            )
            return
        self._note_host(item, texts.get("host_ip", ""))
        yield self._kept(out, inside, texts.get("name", ""))

    def _kept(self, out: str, inside: str, name: str = "") -> Published:
        shown = out if "$" in out else Unquoted(out) if out else AUTO
        return Published(shown, inside, name)

    def _note_host(self, item: Node, host: str) -> None:
        if host not in LOOPBACK:
            hint = "everything here listens on the loopback"
            self._notes.add(item.location, f"{self._path}: the address {host} was left out", hint)


def named(ports: list[Published]) -> dict[str, str]:
    """Return the named ports of a container: the only one is `http`, several are called by their container side."""
    names: dict[str, str] = {}
    for port in ports:
        name = port.name or ("http" if len(ports) == 1 else f"p{port.inside}")
        while name in names:
            name += "-2"
        names[name] = port.out if port.out == port.inside else f"{port.out}:{port.inside}"
    return names
