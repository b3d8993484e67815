"""Which path is answered by whom, and how mistakes become answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from devctl.embedded.consul.agent import EMULATOR, Agent, Unknown
from devctl.embedded.consul.agent_api import AgentApi
from devctl.embedded.consul.answers import NoDatacenter, plain
from devctl.embedded.consul.catalog_api import CatalogApi
from devctl.embedded.consul.definitions import BadQuery, BadRequest, NotHere
from devctl.embedded.consul.filter import Unreadable
from devctl.embedded.consul.key_api import KeyApi
from devctl.embedded.consul.keys import Keys, Refused, Sessions
from devctl.embedded.consul.state import State
from devctl.embedded.page import page
from devctl.http.server import Request, Response

Answering = Callable[[Request, str], Awaitable[Response]]

LACKING = {
    "acl/": "access control lists",
    "agent/connect/": "service mesh",
    "agent/force-leave": "clusters of several nodes",
    "agent/host": "facts about the host",
    "agent/join": "clusters of several nodes",
    "agent/leave": "clusters of several nodes",
    "agent/metrics": "the agent's own metrics",
    "agent/monitor": "streaming its log",
    "agent/reload": "reloading a configuration",
    "agent/token": "access control lists",
    "catalog/connect/": "service mesh",
    "catalog/gateway-services/": "service mesh",
    "config": "configuration entries",
    "connect/": "service mesh",
    "coordinate/": "network coordinates",
    "discovery-chain/": "service mesh",
    "event/": "user events",
    "health/connect/": "service mesh",
    "health/ingress/": "service mesh",
    "internal/": "internal endpoints",
    "operator/": "operating a cluster",
    "query": "prepared queries",
    "snapshot": "snapshots",
    "txn": "transactions over several keys",
    "validate/": "service mesh",
}


@dataclass(frozen=True)
class Route:
    """One path, or all below it when it ends with a slash."""

    path: str
    methods: tuple[str, ...]
    answer: Answering


class Application:
    """Answers every request to the emulator."""

    def __init__(self, state: State, agent: Agent, keys: Keys, sessions: Sessions) -> None:
        self._routes = _routes(
            AgentApi(state, agent), CatalogApi(state, agent, sessions), KeyApi(state, keys, sessions)
        )

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        path = urlsplit(request.target).path
        if path in ("/", "/ui"):
            return Response(301, b"", headers=[("Location", "/ui/")])
        if path.startswith("/ui/"):
            return page(Path(__file__).with_name("page.html"))
        if not path.startswith("/v1/"):
            return plain(404, f"There is nothing here: this is {EMULATOR}, its API begins with /v1/.")
        return await self._api(request, path.removeprefix("/v1/"))

    async def _api(self, request: Request, path: str) -> Response:
        route = self._find(path)
        if route is None:
            return _lacking(path)
        if request.method == "OPTIONS":
            return Response(200, b"", headers=[("Allow", _allowed(route))])
        if request.method not in route.methods:
            return plain(405, f"method {request.method} not allowed", [("Allow", _allowed(route))])
        try:
            return await route.answer(request, unquote(path[len(route.path) :]))
        except BadRequest as mistake:
            return plain(400, f"Bad request: {mistake}")
        except BadQuery as mistake:
            return plain(400, str(mistake))
        except Unknown as mistake:
            return plain(404, str(mistake))
        except (Refused, ValueError) as mistake:
            return plain(500, str(mistake))
        except NoDatacenter:
            return plain(500, "No path to datacenter")
        except NotHere as what:
            return _not_here(str(what))
        except Unreadable as reason:
            return _not_here(f"this filter ({reason})")

    def _find(self, path: str) -> Route | None:
        fits = [
            route
            for route in self._routes
            if path == route.path or (route.path.endswith("/") and path.startswith(route.path))
        ]
        return max(fits, key=lambda route: len(route.path), default=None)


def _allowed(route: Route) -> str:
    return ",".join(("OPTIONS", *route.methods))


def _lacking(path: str) -> Response:
    for prefix, what in LACKING.items():
        if path == prefix.rstrip("/") or path.startswith(prefix.rstrip("/") + "/"):
            return _not_here(what)
    return plain(404, "Invalid URL path: not a recognized HTTP API endpoint\n")


def _not_here(what: str) -> Response:
    return plain(501, f"This is {EMULATOR}; it does not do {what}. A real Consul does.")


def _routes(agent: AgentApi, catalog: CatalogApi, keys: KeyApi) -> list[Route]:
    get, put = ("GET",), ("PUT",)
    return [
        Route("agent/self", get, agent.who),
        Route("agent/members", get, agent.members),
        Route("agent/services", get, agent.services),
        Route("agent/checks", get, agent.checks),
        Route("agent/maintenance", put, agent.maintain_node),
        Route("agent/service/", get, agent.service),
        Route("agent/service/register", put, agent.register),
        Route("agent/service/deregister/", put, agent.deregister),
        Route("agent/service/maintenance/", put, agent.maintain),
        Route("agent/check/register", put, agent.register_check),
        Route("agent/check/deregister/", put, agent.deregister_check),
        Route("agent/check/", put, agent.tell),
        Route("agent/check/update/", put, agent.update),
        Route("agent/health/service/id/", get, agent.health_by_id),
        Route("agent/health/service/name/", get, agent.health_by_name),
        Route("catalog/datacenters", get, catalog.datacenters),
        Route("catalog/nodes", get, catalog.nodes),
        Route("catalog/services", get, catalog.services),
        Route("catalog/service/", get, catalog.service),
        Route("catalog/node/", get, catalog.node),
        Route("catalog/node-services/", get, catalog.node_services),
        Route("catalog/register", put, catalog.register),
        Route("catalog/deregister", put, catalog.deregister),
        Route("health/service/", get, catalog.health_service),
        Route("health/node/", get, catalog.health_node),
        Route("health/checks/", get, catalog.health_checks),
        Route("health/state/", get, catalog.health_state),
        Route("kv/", ("GET", "PUT", "DELETE"), keys.kv),
        Route("session/create", put, keys.create),
        Route("session/destroy/", put, keys.destroy),
        Route("session/renew/", put, keys.renew),
        Route("session/info/", get, keys.info),
        Route("session/list", get, keys.list),
        Route("session/node/", get, keys.node),
        Route("status/leader", get, catalog.leader),
        Route("status/peers", get, catalog.peers),
    ]
