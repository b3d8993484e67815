"""What clients send: JSON whose names may be written in any case, services, checks; read into our own shapes."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from devctl.embedded import durations
from devctl.embedded.consul.fields import SERVICE_CHECK, WEIGHTS, unknown
from devctl.embedded.consul.probes import CRITICAL, PASSING, WARNING, Check

STATUSES = (PASSING, WARNING, CRITICAL)
SHORTEST_DEREGISTER_SECONDS = 60.0
NOT_HERE = {
    "args": "checks by a script",
    "scriptargs": "checks by a script",
    "grpc": "checks by gRPC",
    "h2ping": "checks by HTTP/2 ping",
    "dockercontainerid": "checks inside a container",
    "aliasnode": "alias checks",
    "aliasservice": "alias checks",
    "udp": "checks by UDP",
    "osservice": "checks of system services",
}


class BadRequest(Exception):
    """The request cannot be taken; the message is what Consul would say."""


class BadQuery(Exception):
    """A query parameter cannot be read; the message is what Consul would say."""


class NotHere(Exception):
    """Consul can do this, the emulator cannot; the message says so in a plain sentence."""


def body(data: bytes, fields: frozenset[str] | None = None, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Read a JSON object, its names folded (see `folded`); raise BadRequest for a name that is not one of `fields`."""
    if not data.strip():
        if may_be_empty:
            return {}
        raise BadRequest("Request decode failed: EOF")
    try:
        value = json.loads(data)
    except ValueError as failure:
        raise BadRequest(f"Request decode failed: {failure}") from failure
    if not isinstance(value, dict):
        raise BadRequest(f"Request decode failed: an object is expected, not {type(value).__name__}")
    return folded(value, fields)


def folded(value: dict[str, Any], fields: frozenset[str] | None = None) -> dict[str, Any]:
    """Return the object with names in lower case and without underscores: ServiceID, service_id, serviceId."""
    if fields and (name := unknown(value, fields)):
        raise BadRequest(f'Request decode failed: json: unknown field "{name}"')
    return {name.replace("_", "").lower(): inner for name, inner in value.items()}


def service(definition: dict[str, Any], node: str) -> dict[str, Any]:
    """Make a catalog entry of a service from its (folded) definition."""
    if definition.get("kind") or definition.get("proxy") or definition.get("connect"):
        raise NotHere("service mesh: kinds, proxies and connect")
    name = definition.get("name") or definition.get("service")
    if not name:
        raise BadRequest("Missing service name")
    address, port = str(definition.get("address") or ""), _int(definition.get("port"), "Port")
    weights = folded(definition.get("weights") or {}, WEIGHTS)
    return {
        "Node": node,
        "ID": str(definition.get("id") or name),
        "Service": str(name),
        "Tags": [str(tag) for tag in definition.get("tags") or []],
        "Address": address,
        "TaggedAddresses": definition.get("taggedaddresses") or _tagged(address, port),
        "Meta": {str(key): str(value) for key, value in (definition.get("meta") or {}).items()},
        "Port": port,
        "Weights": {"Passing": weights.get("passing", 1), "Warning": weights.get("warning", 1)},
        "EnableTagOverride": bool(definition.get("enabletagoverride")),
    }


def _int(value: object, name: str) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(f"Request decode failed: {name} is no whole number")
    return value


def _tagged(address: str, port: int) -> dict[str, Any]:
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return {}
    where = {"Address": address, "Port": port}
    return {f"lan_ipv{version}": where, f"wan_ipv{version}": where}


def checks(definition: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the (folded) definitions of all checks of a service."""
    single = [definition["check"]] if definition.get("check") else []
    return [folded(check, SERVICE_CHECK) for check in [*single, *(definition.get("checks") or [])]]


def check(definition: dict[str, Any]) -> Check:
    """Make a check from its (folded) definition; raise BadRequest as Consul would."""
    for name, what in NOT_HERE.items():
        if definition.get(name):
            raise NotHere(what)
    kind = next((name for name in ("http", "tcp") if definition.get(name)), "ttl")
    try:
        interval, timeout = durations.seconds(definition.get("interval")), durations.seconds(definition.get("timeout"))
        ttl = durations.seconds(definition.get("ttl"))
        deregister = durations.seconds(definition.get("deregistercriticalserviceafter"))
    except ValueError as failure:
        raise BadRequest(f"Request decode failed: {failure}") from failure
    if kind != "ttl" and interval <= 0:
        raise BadRequest("Invalid check: Interval must be > 0 for Script, HTTP, H2PING, or TCP checks")
    if kind == "ttl" and ttl <= 0:
        raise BadRequest("Invalid check: TTL must be > 0 for TTL checks")
    return Check(
        kind=kind,
        target=str(definition.get(kind) or ""),
        interval=max(interval, 1.0) if kind != "ttl" else ttl,
        timeout=timeout,
        method=str(definition.get("method") or "GET").upper(),
        headers={name: [str(value) for value in values] for name, values in (definition.get("header") or {}).items()},
        body=str(definition.get("body") or ""),
        skip_verify=bool(definition.get("tlsskipverify")),
        successes_before_passing=_int(definition.get("successbeforepassing"), "SuccessBeforePassing"),
        failures_before_warning=_int(definition.get("failuresbeforewarning"), "FailuresBeforeWarning"),
        failures_before_critical=_int(definition.get("failuresbeforecritical"), "FailuresBeforeCritical"),
        deregister_after=max(deregister, SHORTEST_DEREGISTER_SECONDS) if deregister > 0 else 0.0,
    )


def status(definition: dict[str, Any], default: str = CRITICAL) -> str:
    """Return the status of a (folded) check definition; raise BadRequest when it is none of the three."""
    value = definition.get("status") or default
    if value not in STATUSES:
        raise BadRequest("Status for checks must 'passing', 'warning', 'critical'")
    return str(value)
