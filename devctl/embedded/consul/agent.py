"""The agent of the one node: services and checks registered here, the checks that it runs, their deadlines.

Writes what it knows into the catalog at once; answers no request itself.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from devctl.embedded import durations
from devctl.embedded.consul import definitions
from devctl.embedded.consul.keys import SERF_CHECK, Sessions
from devctl.embedded.consul.probes import CRITICAL, PASSING, Check, repeat
from devctl.embedded.consul.state import CHECK, DEFINITION, NODE, SERVICE, Entry, State

DATACENTER = "dc1"
CONSUL_VERSION = "1.12.9"
VERSION = f"{CONSUL_VERSION}-devctl-embedded"
EMULATOR = "devctl's embedded emulator of HashiCorp Consul"
MAINTENANCE = "_service_maintenance:"
NODE_MAINTENANCE = "_node_maintenance"
NO_REASON = "Maintenance mode is enabled for this {}, but no reason was provided. This is a default message."


class Unknown(Exception):
    """There is no such service or check here; the message is what Consul would say."""


class Agent:
    """The services and checks of this node."""

    def __init__(self, state: State, sessions: Sessions, node: str, host: str, port: int) -> None:
        self._state = state
        self._sessions = sessions
        self._running: dict[str, asyncio.Task[None]] = {}
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self.node = node
        self.host = host
        self.port = port
        self.id = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{node}.devctl.invalid"))

    def start(self) -> None:
        """Put this node into the catalog and take up the checks that were registered before."""
        put_node(self._state, self.node, self.host)
        if self._state.get(CHECK, self.node, SERF_CHECK) is None:
            self._state.put(CHECK, (self.node, SERF_CHECK), _serf(self.node))
        if self._state.get(SERVICE, self.node, "consul") is None:
            meta = {"version": VERSION, "stand_in": EMULATOR}
            service = definitions.service({"name": "consul", "meta": meta}, self.node)
            self._state.put(SERVICE, (self.node, "consul"), service)
        for entry in self._state.all(DEFINITION):
            check = self._state.get(CHECK, self.node, entry["CheckID"])
            if check is not None:
                self._run(entry["CheckID"], definitions.check(entry["Definition"]), check["Status"])

    def close(self) -> None:
        """Stop all checks."""
        for task in self._running.values():
            task.cancel()
        for timer in self._deadlines.values():
            timer.cancel()

    def services(self) -> list[Entry]:
        """Return the services registered at this agent (the server's own is none of them)."""
        return [entry for entry in self._state.all(SERVICE) if entry["Node"] == self.node and entry["ID"] != "consul"]

    def service(self, id: str) -> Entry:
        """Return one service; raise Unknown."""
        service = self._state.get(SERVICE, self.node, id)
        if service is None:
            raise Unknown(f'Unknown service ID "{id}". Ensure that the service ID is passed, not the service name.')
        return service

    def checks(self, service: str | None = None) -> list[Entry]:
        """Return the checks registered at this agent, those of one service when it is named."""
        return [
            check
            for check in self._state.all(CHECK)
            if check["Node"] == self.node
            and check["CheckID"] != SERF_CHECK
            and (service is None or check["ServiceID"] == service)
        ]

    def register(self, definition: dict[str, Any], replace_checks: bool) -> None:
        """Add a service with its checks, or replace it."""
        service = definitions.service(definition, self.node)
        prepared = [
            (each, definitions.check(each), definitions.status(each)) for each in definitions.checks(definition)
        ]
        with self._state.change():
            self._keep_service(service)
            names = [
                self._keep_check(each, check, status, service, _check_id(each, service["ID"], at, len(prepared)))
                for at, (each, check, status) in enumerate(prepared, 1)
            ]
            if replace_checks:
                for old in self.checks(service["ID"]):
                    if old["CheckID"] not in names:
                        self.deregister_check(old["CheckID"])

    def _keep_service(self, service: Entry) -> None:
        current = self._state.get(SERVICE, self.node, service["ID"])
        if current is None or any(current.get(name) != value for name, value in service.items()):
            self._state.put(SERVICE, (self.node, service["ID"]), service)

    def deregister(self, id: str) -> None:
        """Remove a service, with its checks."""
        self.service(id)
        with self._state.change():
            for check in self.checks(id):
                self.deregister_check(check["CheckID"])
            self._state.delete(SERVICE, self.node, id)

    def register_check(self, definition: dict[str, Any]) -> None:
        """Add a check of the node or of a service."""
        if not definition.get("name"):
            raise definitions.BadRequest("Missing check name")
        check, status = definitions.check(definition), definitions.status(definition)
        service = None
        if definition.get("serviceid"):
            service = self._state.get(SERVICE, self.node, definition["serviceid"])
            if service is None:
                raise Unknown(f'ServiceID "{definition["serviceid"]}" does not exist')
        id = str(definition.get("checkid") or definition.get("id") or definition["name"])
        self._keep_check(definition, check, status, service, id)
        if check.kind == "ttl":
            self._state.amend(CHECK, (self.node, id), Interval="0s")

    def deregister_check(self, id: str) -> None:
        """Remove a check."""
        self.check(id)
        self._stop(id)
        self._sessions.check_failed(self.node, id)
        self._state.delete(DEFINITION, id)
        self._state.delete(CHECK, self.node, id)

    def check(self, id: str) -> Entry:
        """Return one check; raise Unknown."""
        check = self._state.get(CHECK, self.node, id)
        if check is None:
            raise Unknown(f'Unknown check ID "{id}". Ensure that the check ID is passed, not the check name.')
        return check

    def told(self, id: str, status: str, output: str) -> None:
        """Record what a client says of its TTL check; raise ValueError when it is no such check."""
        if self.check(id)["Type"] != "ttl":
            raise ValueError(f'CheckID "{id}" does not have associated TTL')
        self._report(id, status, output)
        definition = self._state.get(DEFINITION, id)
        assert definition is not None
        self._expire_later(id, definitions.check(definition["Definition"]).interval)

    def maintain(self, id: str, on: bool, reason: str) -> None:
        """Take a service out of, or back into, use without deregistering it."""
        service = self.service(id)
        check = f"{MAINTENANCE}{id}"
        name, what = "Service Maintenance Mode", NO_REASON.format("service")
        self._maintain(check, service, name, on, reason or what)

    def maintain_node(self, on: bool, reason: str) -> None:
        """Take the whole node out of, or back into, use."""
        self._maintain(NODE_MAINTENANCE, None, "Node Maintenance Mode", on, reason or NO_REASON.format("node"))

    def _maintain(self, check: str, service: Entry | None, name: str, on: bool, reason: str) -> None:
        current = self._state.get(CHECK, self.node, check)
        if on and current is None:
            entry = check_entry(self.node, check, name, CRITICAL, service) | {"Notes": reason, "Type": "maintenance"}
            self._state.put(CHECK, (self.node, check), entry)
        elif not on and current is not None:
            self.deregister_check(check)

    def _keep_check(self, definition: dict[str, Any], check: Check, status: str, service: Entry | None, id: str) -> str:
        name = definition.get("name") or (f"Service '{service['Service']}' check" if service else id)
        entry = check_entry(self.node, id, str(name), status, service) | {
            "Notes": str(definition.get("notes") or ""),
            "Type": check.kind,
            "Interval": "" if check.kind == "ttl" else durations.text(check.interval),
            "Timeout": durations.text(check.timeout) if check.timeout and check.kind != "ttl" else "",
        }
        current, stored = self._state.get(CHECK, self.node, id), self._state.get(DEFINITION, id)
        if current is not None and stored is not None and stored["Definition"] == definition:
            return id  # registered again as it was: it keeps its status and goes on
        self._state.put(CHECK, (self.node, id), entry)
        self._state.put(DEFINITION, (id,), {"CheckID": id, "Definition": definition})
        self._run(id, check, status)
        return id

    def _run(self, id: str, check: Check, status: str) -> None:
        self._stop(id)
        if check.kind == "ttl":
            self._expire_later(id, check.interval)
        else:
            self._running[id] = asyncio.get_running_loop().create_task(
                repeat(check, status, lambda status, output: self._report(id, status, output))
            )
        if status == CRITICAL:
            self._remove_later(id, check.deregister_after)

    def _stop(self, id: str) -> None:
        task = self._running.pop(id, None)
        if task is not None:
            task.cancel()
        for name in (id, f"remove:{id}"):
            self._disarm(name)

    def _disarm(self, name: str) -> None:
        timer = self._deadlines.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _expire_later(self, id: str, seconds: float) -> None:
        self._disarm(id)
        loop = asyncio.get_running_loop()
        self._deadlines[id] = loop.call_later(seconds, self._report, id, CRITICAL, "TTL expired")

    def _remove_later(self, id: str, seconds: float) -> None:
        if seconds and f"remove:{id}" not in self._deadlines:
            loop = asyncio.get_running_loop()
            self._deadlines[f"remove:{id}"] = loop.call_later(seconds, self._remove_service_of, id)

    def _remove_service_of(self, id: str) -> None:
        check = self._state.get(CHECK, self.node, id)
        if check is not None and check["ServiceID"]:
            self.deregister(check["ServiceID"])

    def _report(self, id: str, status: str, output: str) -> None:
        current = self._state.get(CHECK, self.node, id)
        if current is None:
            return
        if current["Status"] == status:
            self._state.amend(CHECK, (self.node, id), Output=output)
            return
        with self._state.change():
            self._state.put(CHECK, (self.node, id), current | {"Status": status, "Output": output})
            if status == CRITICAL:
                self._sessions.check_failed(self.node, id)
        definition = self._state.get(DEFINITION, id)
        if status != CRITICAL:
            self._disarm(f"remove:{id}")
        elif definition is not None:
            self._remove_later(id, definitions.check(definition["Definition"]).deregister_after)


def put_node(state: State, name: str, address: str, id: str = "", meta: dict[str, str] | None = None) -> None:
    """Put a node into the catalog; nothing changes when it is there as it is."""
    tagged = dict.fromkeys(("lan", "lan_ipv4", "wan", "wan_ipv4"), address)
    entry: Entry = {
        "ID": id or str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.devctl.invalid")),
        "Node": name,
        "Address": address,
        "Datacenter": DATACENTER,
        "TaggedAddresses": tagged,
        "Meta": meta if meta is not None else {"consul-network-segment": ""},
    }
    current = state.get(NODE, name)
    if current is None or any(current.get(key) != value for key, value in entry.items()):
        state.put(NODE, (name,), entry)


def _check_id(definition: dict[str, Any], service: str, at: int, count: int) -> str:
    fallback = f"service:{service}" + (f":{at}" if count > 1 else "")
    return str(definition.get("checkid") or definition.get("id") or fallback)


def check_entry(node: str, id: str, name: str, status: str, service: Entry | None) -> Entry:
    """Return a check of a node, or of one of its services, as the catalog keeps it."""
    return {
        "Node": node,
        "CheckID": id,
        "Name": name,
        "Status": status,
        "Notes": "",
        "Output": "",
        "ServiceID": service["ID"] if service else "",
        "ServiceName": service["Service"] if service else "",
        "ServiceTags": service["Tags"] if service else [],
        "Type": "",
        "Interval": "",
        "Timeout": "",
        "ExposedPort": 0,
        "Definition": {},
    }


def _serf(node: str) -> Entry:
    entry = check_entry(node, SERF_CHECK, "Serf Health Status", PASSING, None)
    return entry | {"Output": "Agent alive and reachable"}
