"""Registering in Consul, and leaving it for good."""

import asyncio
import json

import httpx

from services.common.http import client
from services.common.http.consul import Consul
from services.common.runtime.logs import Logger
from services.common.runtime.settings import Settings


class Agent(client.Transport):
    """An agent that takes registrations in as late as it is told to."""

    def __init__(self) -> None:
        self.registered: set[str] = set()
        self.is_registering, self.may_register = asyncio.Event(), asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/register"):
            self.is_registering.set()
            await self.may_register.wait()
            self.registered.add(json.loads(request.content)["ID"])
        else:
            self.registered.discard(path.rsplit("/", 1)[1])
        return httpx.Response(200, request=request)


async def test_an_instance_that_left_while_it_registered_is_not_found_any_more() -> None:
    agent = Agent()
    consul = Consul("consul:8500", Logger("test"), agent)
    registering = asyncio.create_task(consul.keep_registered(Settings.read("catalog"), "catalog-1"))
    await agent.is_registering.wait()
    await consul.deregister("catalog-1")
    agent.may_register.set()
    await asyncio.wait_for(registering, 5)
    assert agent.registered == set()
