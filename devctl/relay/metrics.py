"""What the relay counts, as Prometheus text, and the few lines of HTTP that serve it."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator

from devctl.relay.acceptor import Acceptor
from devctl.relay.app import Relay
from devctl.relay.poll import READ, Poller

_MOST_REQUEST = 8192
_PATIENCE_SECONDS = 5.0
_DRAIN_BUCKETS = (0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

Sample = tuple[str, dict[str, str], float]


def exposition(relay: Relay) -> str:
    """Return all metrics of the relay."""
    return "".join(_family(name, kind, text, samples) for name, kind, text, samples in _families(relay))


def _families(relay: Relay) -> Iterator[tuple[str, str, str, list[Sample]]]:
    pools = [(_labels(pool.route.service, pool.route.name), pool) for pool in relay.pools.values()]
    members = [({**labels, "instance": m.instance}, m) for labels, pool in pools for m in pool.members.values()]
    yield (
        "devctl_relay_connections_total", "counter", "Connections accepted.",
        [("", labels, pool.accepted) for labels, pool in pools],
    )  # fmt: skip
    yield (
        "devctl_relay_connections_refused_total", "counter", "Connections reset because no instance took them.",
        [("", labels, pool.refused) for labels, pool in pools],
    )  # fmt: skip
    yield (
        "devctl_relay_connections_open", "gauge", "Open connections of each instance.",
        [("", labels, len(member.connections)) for labels, member in members],
    )  # fmt: skip
    yield (
        "devctl_relay_picks_total", "counter", "Connections given to each instance.",
        [("", labels, member.picks) for labels, member in members],
    )  # fmt: skip
    yield (
        "devctl_relay_connect_failures_total", "counter", "Instances that did not take a connection.",
        [("", labels, member.connects_failed) for labels, member in members],
    )  # fmt: skip
    yield (
        "devctl_relay_instance_ready", "gauge", "1 while the instance gets new connections.",
        [("", labels, float(member.state == "ready")) for labels, member in members],
    )  # fmt: skip
    yield (
        "devctl_relay_bytes_total", "counter", "Bytes passed on, to the instances and back.",
        [
            ("", {**labels, "direction": direction}, count)
            for labels, pool in pools
            for direction, count in zip(("upstream", "downstream"), pool.bytes_moved(), strict=True)
        ],
    )  # fmt: skip
    yield "devctl_relay_drain_seconds", "histogram", "How long instances took to drain.", list(_drains(relay))
    yield (
        "devctl_relay_faults", "gauge", "Wire faults in force.",
        [("", {"service": f.fault.service, "fault": f.name, "kind": f.kind.value}, 1) for f in relay.faults],
    )  # fmt: skip
    yield (
        "devctl_relay_held_bytes", "gauge", "Bytes in hand for slow readers and faults.",
        [("", {}, relay.hold.held)],
    )  # fmt: skip


def _drains(relay: Relay) -> Iterator[Sample]:
    for service, drains in sorted(relay.drains.items()):
        labels = {"service": service}
        for bound in _DRAIN_BUCKETS:
            yield "_bucket", {**labels, "le": f"{bound:g}"}, sum(seconds <= bound for seconds in drains)
        yield "_bucket", {**labels, "le": "+Inf"}, len(drains)
        yield "_sum", labels, sum(drains)
        yield "_count", labels, len(drains)


def _labels(service: str, port: str) -> dict[str, str]:
    return {"service": service, "port": port}


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {text}\n# TYPE {name} {kind}\n"]
    for suffix, labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        lines.append(f"{name}{suffix}{{{inside}}} {value:.17g}\n" if inside else f"{name}{suffix} {value:.17g}\n")
    return "".join(lines)


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Page:
    """Serves /metrics and /health, one request a connection."""

    def __init__(self, relay: Relay, poller: Poller, listener: socket.socket) -> None:
        self._relay = relay
        self._poller = poller
        Acceptor(listener, poller, self._begin)

    def _begin(self, client: socket.socket) -> None:
        client.setblocking(False)
        received = bytearray()
        timer = self._poller.after(_PATIENCE_SECONDS, lambda: self._part(client))

        def read(_: int) -> None:
            try:
                chunk = client.recv(_MOST_REQUEST)
            except BlockingIOError:
                return
            except OSError:
                chunk = b""
            received.extend(chunk)
            if b"\r\n\r\n" in received:
                self._reply(client, bytes(received))
            if not chunk or b"\r\n\r\n" in received or len(received) > _MOST_REQUEST:
                timer.cancel()
                self._part(client)

        self._poller.watch(client.fileno(), READ, read)

    def _reply(self, client: socket.socket, request: bytes) -> None:
        status, body = answer(request.decode("latin-1"), self._relay)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        client.setblocking(True)
        client.settimeout(1.0)  # a page is far smaller than what the kernel takes at once
        try:
            client.sendall(head.encode() + body)
        except OSError:
            return

    def _part(self, client: socket.socket) -> None:
        if client.fileno() >= 0:
            self._poller.forget(client.fileno())
            client.close()


def answer(request: str, relay: Relay) -> tuple[str, bytes]:
    """Return status line and body for a request's head. A foreign Host is refused: no web page may read this."""
    lines = request.split("\r\n")
    path = [*lines[0].split(" "), "", ""][1]
    hosts = [line.partition(":")[2].strip() for line in lines[1:] if line.lower().startswith("host:")]
    if hosts and not hosts[0].startswith(_LOOPBACK):
        return "421 Misdirected Request", b"this answers for the loopback alone\n"
    if path == "/metrics":
        return "200 OK", exposition(relay).encode()
    if path == "/health":
        return "200 OK", b"ok\n"
    return "404 Not Found", b"/metrics and /health\n"
