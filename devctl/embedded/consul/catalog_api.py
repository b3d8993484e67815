"""/v1/catalog, /v1/health and /v1/status: who is there, and how well."""

from __future__ import annotations

from typing import Any

from devctl.embedded.consul import definitions, fields
from devctl.embedded.consul.agent import DATACENTER, Agent, check_entry, put_node
from devctl.embedded.consul.answers import answer, boolean, listing, one_consistency
from devctl.embedded.consul.keys import Refused, Sessions
from devctl.embedded.consul.state import CHECK, NODE, SERVICE, Entry, State
from devctl.http.server import Request, Response

ANY = "any"
_MESH = {"Proxy": {"Mode": "", "MeshGateway": {}, "Expose": {}}, "Connect": {}}


class CatalogApi:
    """Answers what clients ask about nodes, services and their health."""

    def __init__(self, state: State, agent: Agent, sessions: Sessions) -> None:
        self._state = state
        self._agent = agent
        self._sessions = sessions

    async def leader(self, request: Request, rest: str) -> Response:
        """Name the server."""
        one_consistency(request)
        return answer(f"{self._agent.host}:{self._agent.port}")

    async def peers(self, request: Request, rest: str) -> Response:
        """Name all servers: the one."""
        one_consistency(request)
        return answer([f"{self._agent.host}:{self._agent.port}"])

    async def datacenters(self, request: Request, rest: str) -> Response:
        """Name the one datacenter."""
        one_consistency(request)
        return answer([DATACENTER])

    async def nodes(self, request: Request, rest: str) -> Response:
        """List nodes."""
        metas = request.query.get("node-meta", [])

        def read() -> tuple[int, list[Entry]]:
            nodes = [node for node in self._state.all(NODE) if _has_meta(node["Meta"], metas)]
            return self._state.table_index(NODE), nodes

        return await listing(self._state, request, read)

    async def services(self, request: Request, rest: str) -> Response:
        """List the names of services with their tags."""

        def read() -> tuple[int, dict[str, list[str]]]:
            tags: dict[str, set[str]] = {}
            for service in self._state.all(SERVICE):
                tags.setdefault(service["Service"], set()).update(service["Tags"])
            return self._state.table_index(NODE, SERVICE), {name: sorted(tags[name]) for name in sorted(tags)}

        return await listing(self._state, request, read)

    async def service(self, request: Request, rest: str) -> Response:
        """List the instances of a service, each as one flat entry."""
        if not rest:
            raise definitions.BadRequest("Missing service name")

        def read() -> tuple[int, list[Entry]]:
            entries = [self._flat(instance) for instance in self._instances(rest, request)]
            return self._state.service_index(rest), entries

        return await listing(self._state, request, read)

    async def node(self, request: Request, rest: str) -> Response:
        """Return a node with its services by id."""

        def read() -> tuple[int, Any]:
            node = self._node(rest)
            services = {service["ID"]: _service(service) for service in self._services_of(rest)}
            return self._node_index(rest), {"Node": node, "Services": services} if node else None

        return await listing(self._state, request, read)

    async def node_services(self, request: Request, rest: str) -> Response:
        """Return a node with its services as a list."""

        def read() -> tuple[int, Any]:
            node = self._node(rest)
            services = [_service(service) for service in self._services_of(rest)] if node else None
            return self._node_index(rest), {"Node": node, "Services": services}

        return await listing(self._state, request, read)

    async def register(self, request: Request, rest: str) -> Response:
        """Put a node, and with it a service and checks, straight into the catalog."""
        body = definitions.body(request.body, fields.CATALOG)
        node, address, keeps = body.get("node"), body.get("address"), body.get("skipnodeupdate")
        if not node:
            raise Refused("Must provide node")
        if not address and not keeps:
            raise Refused("Must provide address if SkipNodeUpdate is not set")
        service = definitions.folded(body.get("service") or {}, fields.CATALOG_SERVICE)
        single = [body["check"]] if body.get("check") else []
        checks = [definitions.folded(check, fields.CATALOG_CHECK) for check in [*single, *(body.get("checks") or [])]]
        with self._state.change():
            if not keeps or self._node(node) is None:
                put_node(self._state, node, address or "", body.get("id") or "", body.get("nodemeta") or {})
            if service:
                entry = definitions.service(service, node)
                self._state.put(SERVICE, (node, entry["ID"]), entry)
            for check in checks:
                self._register_check(node, check)
        return answer(True)

    def _register_check(self, node: str, definition: dict[str, Any]) -> None:
        name, service = str(definition.get("name") or ""), str(definition.get("serviceid") or "")
        id, status = str(definition.get("checkid") or name), definitions.status(definition)
        current = self._state.get(SERVICE, node, service) if service else None
        if service and current is None:
            raise Refused(f"Missing service '{service}' registration")
        entry = check_entry(node, id, name, status, current) | {
            "Notes": str(definition.get("notes") or ""),
            "Output": str(definition.get("output") or ""),
            "Type": str(definition.get("type") or ""),
            "Definition": definition.get("definition") or {},
        }
        self._state.put(CHECK, (node, id), entry)
        if status == "critical":
            self._sessions.check_failed(node, id)

    async def deregister(self, request: Request, rest: str) -> Response:
        """Take a check, a service, or a node with everything on it out of the catalog."""
        body = definitions.body(request.body, fields.DEREGISTER)
        node, service, check = body.get("node"), body.get("serviceid"), body.get("checkid")
        if not node:
            raise Refused("Must provide node")
        with self._state.change():
            if service:
                self._drop_service(node, service)
            elif check:
                self._state.delete(CHECK, node, check)
                self._sessions.check_failed(node, check)
            else:
                self._drop_node(node)
        return answer(True)

    def _drop_service(self, node: str, service: str) -> None:
        for check in self._state.all(CHECK):
            if check["Node"] == node and check["ServiceID"] == service:
                self._state.delete(CHECK, node, check["CheckID"])
                self._sessions.check_failed(node, check["CheckID"])
        self._state.delete(SERVICE, node, service)

    def _drop_node(self, node: str) -> None:
        for service in self._services_of(node):
            self._drop_service(node, service["ID"])
        for check in self._state.all(CHECK):
            if check["Node"] == node:
                self._state.delete(CHECK, node, check["CheckID"])
        self._sessions.node_gone(node)
        self._state.delete(NODE, node)

    async def health_service(self, request: Request, rest: str) -> Response:
        """List the instances of a service with their node and checks; the good ones alone with `passing`."""
        if not rest:
            raise definitions.BadRequest("Missing service name")
        only_passing = boolean(request, "passing")

        def read() -> tuple[int, list[Entry]]:
            entries = [self._with_checks(instance) for instance in self._instances(rest, request)]
            good = [
                instance for instance in entries if all(check["Status"] == "passing" for check in instance["Checks"])
            ]
            return self._state.service_index(rest), good if only_passing else entries

        return await listing(self._state, request, read)

    async def health_node(self, request: Request, rest: str) -> Response:
        """List the checks of a node."""
        return await self._checks(request, lambda check: check["Node"] == rest)

    async def health_checks(self, request: Request, rest: str) -> Response:
        """List the checks of a service."""
        return await self._checks(request, lambda check: check["ServiceName"] == rest)

    async def health_state(self, request: Request, rest: str) -> Response:
        """List the checks in a state."""
        return await self._checks(request, lambda check: rest in (ANY, check["Status"]))

    async def _checks(self, request: Request, matches: Any) -> Response:
        metas = request.query.get("node-meta", [])

        def read() -> tuple[int, list[Entry]]:
            checks = [check for check in self._state.all(CHECK) if matches(check)]
            if metas:
                checks = [
                    check for check in checks if _has_meta((self._node(check["Node"]) or {}).get("Meta", {}), metas)
                ]
            return self._state.table_index(CHECK, NODE), checks

        return await listing(self._state, request, read)

    def _instances(self, name: str, request: Request) -> list[Entry]:
        tags = {tag.lower() for tag in request.query.get("tag", []) if tag}
        metas = request.query.get("node-meta", [])
        return [
            service
            for service in self._state.all(SERVICE)
            if service["Service"] == name
            and tags <= {tag.lower() for tag in service["Tags"]}
            and _has_meta((self._node(service["Node"]) or {}).get("Meta", {}), metas)
        ]

    def _node(self, name: str) -> Entry | None:
        return self._state.get(NODE, name)

    def _services_of(self, node: str) -> list[Entry]:
        return [service for service in self._state.all(SERVICE) if service["Node"] == node]

    def _node_index(self, node: str) -> int:
        return self._state.table_index(NODE, SERVICE) if self._node(node) else 1

    def _with_checks(self, service: Entry) -> Entry:
        checks = [
            check
            for check in self._state.all(CHECK)
            if check["Node"] == service["Node"] and check["ServiceID"] in ("", service["ID"])
        ]
        return {"Node": self._node(service["Node"]), "Service": _service(service), "Checks": checks}

    def _flat(self, service: Entry) -> Entry:
        node = self._node(service["Node"]) or {}
        flat = {
            "ID": node.get("ID", ""),
            "Node": service["Node"],
            "Address": node.get("Address", ""),
            "Datacenter": DATACENTER,
            "TaggedAddresses": node.get("TaggedAddresses"),
            "NodeMeta": node.get("Meta"),
            "ServiceKind": "",
            "ServiceID": service["ID"],
            "ServiceName": service["Service"],
            "ServiceTags": service["Tags"],
            "ServiceAddress": service["Address"],
            "ServiceTaggedAddresses": service["TaggedAddresses"],
            "ServiceWeights": service["Weights"],
            "ServiceMeta": service["Meta"],
            "ServicePort": service["Port"],
            "ServiceSocketPath": "",
            "ServiceEnableTagOverride": service["EnableTagOverride"],
            "ServiceProxy": _MESH["Proxy"],
            "ServiceConnect": {},
            "CreateIndex": service["CreateIndex"],
            "ModifyIndex": service["ModifyIndex"],
        }
        if not service["TaggedAddresses"]:
            del flat["ServiceTaggedAddresses"]
        return flat


def _service(service: Entry) -> Entry:
    shown = {name: value for name, value in service.items() if name != "Node"}
    for name in ("TaggedAddresses", "Port"):
        if not shown[name]:
            del shown[name]
    return shown | _MESH | {"Meta": service["Meta"] or None}


def _has_meta(meta: dict[str, str], pairs: list[str]) -> bool:
    return all(meta.get(key) == value for key, _, value in (pair.partition(":") for pair in pairs))
