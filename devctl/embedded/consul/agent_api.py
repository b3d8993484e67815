"""/v1/agent: what a service asks of its own agent."""

from __future__ import annotations

import asyncio
from typing import Any

from devctl.embedded import durations
from devctl.embedded.consul import definitions, fields
from devctl.embedded.consul.agent import DATACENTER, EMULATOR, VERSION, Agent, Unknown
from devctl.embedded.consul.answers import answer, content_hash, done, parameter, plain
from devctl.embedded.consul.filter import compile_filter
from devctl.embedded.consul.probes import CRITICAL, PASSING, WARNING
from devctl.embedded.consul.state import Entry, State
from devctl.http.server import Request, Response

_TTL_STATUS = {"pass": PASSING, "warn": WARNING, "fail": CRITICAL}
_HEALTH_CODE = {PASSING: 200, WARNING: 429, CRITICAL: 503, "maintenance": 503}


class AgentApi:
    """Answers what is asked of the agent."""

    def __init__(self, state: State, agent: Agent) -> None:
        self._state = state
        self._agent = agent

    async def who(self, request: Request, rest: str) -> Response:
        """Tell who this is, and that it is an emulator."""
        configuration = {
            "Datacenter": DATACENTER,
            "PrimaryDatacenter": DATACENTER,
            "NodeName": self._agent.node,
            "NodeID": self._agent.id,
            "Revision": "",
            "Server": True,
            "Version": VERSION,
        }
        coordinate = {"Vec": [0] * 8, "Error": 1.5, "Adjustment": 0, "Height": 0.00001}
        stats = {"agent": {"services": str(len(self._agent.services())), "checks": str(len(self._agent.checks()))}}
        return answer(
            {
                "Config": configuration,
                "DebugConfig": {},
                "Coord": coordinate,
                "Member": self._member(),
                "Stats": stats,
                "Meta": {"consul-network-segment": "", "stand_in": EMULATOR},
            }
        )

    async def members(self, request: Request, rest: str) -> Response:
        """List the members of the cluster: this one."""
        return answer([self._member()])

    def _member(self) -> dict[str, Any]:
        tags = {
            "acls": "0",
            "build": f"{VERSION}:",
            "dc": DATACENTER,
            "id": self._agent.id,
            "port": str(self._agent.port),
            "role": "consul",
            "segment": "",
            "stand_in": EMULATOR,
        }
        protocol = {"ProtocolMin": 1, "ProtocolMax": 5, "ProtocolCur": 2}
        delegate = {"DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4}
        where = {"Name": self._agent.node, "Addr": self._agent.host, "Port": self._agent.port}
        return where | {"Tags": tags, "Status": 1} | protocol | delegate

    async def services(self, request: Request, rest: str) -> Response:
        """Return the services of this agent by id."""
        return answer(self._kept(request, {service["ID"]: _shown(service) for service in self._agent.services()}))

    async def checks(self, request: Request, rest: str) -> Response:
        """Return the checks of this agent by id."""
        entries = {check["CheckID"]: check | {"CreateIndex": 0, "ModifyIndex": 0} for check in self._agent.checks()}
        return answer(self._kept(request, entries))

    def _kept(self, request: Request, entries: dict[str, Entry]) -> dict[str, Entry]:
        if not parameter(request, "filter"):
            return entries
        keep = compile_filter(parameter(request, "filter"))
        return {id: entry for id, entry in entries.items() if keep(entry)}

    async def service(self, request: Request, id: str) -> Response:
        """Return one service; with `hash`, wait until it is another one."""
        last_hash = parameter(request, "hash")
        deadline = asyncio.get_running_loop().time() + (durations.seconds(parameter(request, "wait")) or 300.0)
        while True:
            try:
                shown = _shown(self._agent.service(id))
            except Unknown:
                return plain(404, f"unknown service ID: {id}")
            shown["ContentHash"] = content_hash(shown)
            left = deadline - asyncio.get_running_loop().time()
            if shown["ContentHash"] != last_hash or left <= 0:
                return answer(shown, headers=[("X-Consul-ContentHash", shown["ContentHash"])])
            try:
                async with asyncio.timeout(left):
                    await self._state.changed()
            except TimeoutError:
                continue

    async def register(self, request: Request, rest: str) -> Response:
        """Add a service."""
        self._agent.register(definitions.body(request.body, fields.SERVICE), _replaces(request))
        return done()

    async def deregister(self, request: Request, id: str) -> Response:
        """Remove a service."""
        if not id:
            raise definitions.BadRequest("Missing service ID")
        self._agent.deregister(id)
        return done()

    async def maintain(self, request: Request, id: str) -> Response:
        """Take a service out of use, or back."""
        if not id:
            raise definitions.BadRequest("Missing service ID")
        self._agent.maintain(id, _enable(request), parameter(request, "reason"))
        return done()

    async def maintain_node(self, request: Request, rest: str) -> Response:
        """Take the node out of use, or back."""
        self._agent.maintain_node(_enable(request), parameter(request, "reason"))
        return done()

    async def register_check(self, request: Request, rest: str) -> Response:
        """Add a check."""
        self._agent.register_check(definitions.body(request.body, fields.CHECK))
        return done()

    async def deregister_check(self, request: Request, id: str) -> Response:
        """Remove a check."""
        self._agent.deregister_check(id)
        return done()

    async def tell(self, request: Request, rest: str) -> Response:
        """Record what a service says of itself: pass, warn, fail."""
        word, _, id = rest.partition("/")
        self._agent.told(id, _TTL_STATUS[word], parameter(request, "note"))
        return done()

    async def update(self, request: Request, id: str) -> Response:
        """Record what a service says of itself, status and output in the body."""
        body = definitions.body(request.body)
        if body.get("status") not in definitions.STATUSES:
            raise definitions.BadRequest(f"Invalid check status: '{body.get('status') or ''}'")
        self._agent.told(id, body["status"], str(body.get("output") or ""))
        return done()

    async def health_by_id(self, request: Request, id: str) -> Response:
        """Tell how well one service is, also by the status code."""
        try:
            service = self._agent.service(id)
        except Unknown:
            reason = f"ServiceId {id} not found"
            return _unhealthy_text(request, reason) or plain(404, reason, [("X-Consul-Reason", reason)])
        return self._health(request, [service], single=True)

    async def health_by_name(self, request: Request, name: str) -> Response:
        """Tell how well the worst instance of a service is, also by the status code."""
        services = [service for service in self._agent.services() if service["Service"] == name]
        if not services:
            reason = f"ServiceName {name} Not Found"
            return answer([], 404, [("X-Consul-Reason", reason)])
        return self._health(request, services, single=False)

    def _health(self, request: Request, services: list[Entry], *, single: bool) -> Response:
        health = [self._aggregated(service) for service in services]
        worst = max(
            (service["AggregatedStatus"] for service in health), key=lambda status: list(_HEALTH_CODE).index(status)
        )
        headers = [("X-Consul-Reason", worst)]
        if parameter(request, "format") == "text":
            return Response(_HEALTH_CODE[worst], worst.encode(), "text/plain", headers)
        return answer(health[0] if single else health, _HEALTH_CODE[worst], headers)

    def _aggregated(self, service: Entry) -> dict[str, Any]:
        checks = [check for check in self._agent.checks() if check["ServiceID"] in ("", service["ID"])]
        statuses = {check["Status"] for check in checks}
        worst = next((status for status in (CRITICAL, WARNING) if status in statuses), PASSING)
        if any(check["CheckID"].startswith(("_service_maintenance:", "_node_maintenance")) for check in checks):
            worst = "maintenance"
        return {"AggregatedStatus": worst, "Service": _shown(service), "Checks": checks}


def _replaces(request: Request) -> bool:
    return request.query.get("replace-existing-checks", ["false"])[0] in ("", "true")


def _unhealthy_text(request: Request, reason: str) -> Response | None:
    if parameter(request, "format") != "text":
        return None
    return Response(404, reason.encode(), "text/plain", [("X-Consul-Reason", reason)])


def _enable(request: Request) -> bool:
    value = parameter(request, "enable").lower()
    if not value:
        raise definitions.BadRequest("Missing value for enable")
    if value not in ("true", "false", "1", "0", "t", "f"):
        raise definitions.BadRequest(f'Invalid value for enable: "{value}"')
    return value in ("true", "1", "t")


def _shown(service: Entry) -> Entry:
    hidden = ("Node", "CreateIndex", "ModifyIndex", *(() if service["TaggedAddresses"] else ("TaggedAddresses",)))
    return {name: value for name, value in service.items() if name not in hidden} | {"Datacenter": DATACENTER}
