"""A whole shop as a process of its own: the first part of a path names the service; `/member`, `/admin` make a user.

Run as `python -m tests.services.served FOLDER`; prints its address when it listens.
"""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import Server

from services.common.runtime import logs, secrets
from tests.services.harness import TestShop, running_shop


class Dispatcher:
    """Hands a request to the service that its path begins with."""

    def __init__(self, shop: TestShop) -> None:
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, name, rest = (scope["path"] + "/").split("/", 2)
        if name in ("member", "admin"):
            await JSONResponse(await self._headers(is_admin=name == "admin"))(scope, receive, send)
            return
        inner = {**scope, "path": "/" + rest.removesuffix("/")}
        await self._shop.shop.applications[name](inner, receive, send)

    async def _headers(self, *, is_admin: bool) -> dict[str, str]:
        """Return what a new user shows, and what one service shows to another."""
        member = await self._shop.member(is_admin=is_admin)
        token = self._shop.shop.runtimes["order"].token
        return {"Authorization": f"Bearer {member.token}", secrets.HEADER: token}


async def main(folder: Path) -> None:
    """Serve until told to stop."""
    logs.configure("error")
    listening = socket.create_server(("127.0.0.1", 0))
    async with running_shop(folder, FAULTS="off") as shop:
        config = Config(Dispatcher(shop), log_config=None, lifespan="off", interface="asgi3")
        server = Server(config)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.handle_exit, signal.SIGTERM, None)
        print(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
        await server._serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
