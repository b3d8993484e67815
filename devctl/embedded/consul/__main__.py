"""`python -m devctl.embedded.consul --listen HOST:PORT [--data DIR] [--node NAME]`: run the emulator."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from devctl.embedded.consul.agent import EMULATOR, Agent
from devctl.embedded.consul.keys import Keys, Sessions
from devctl.embedded.consul.server import Application
from devctl.embedded.consul.state import State
from devctl.embedded.journal import Journal
from devctl.embedded.process import Address, Log, parser, private_folder, until_told_to_stop
from devctl.http.server import Server, bind

MOST_BODY_BYTES = 1 << 20


async def serve(listen: Address, data: Path | None, node: str) -> int:
    """Run until told to stop; give the exit code."""
    log = Log(EMULATOR)
    try:
        listener = bind(str(listen))
    except OSError as failure:
        log.error("cannot listen", address=str(listen), reason=failure.strerror or str(failure))
        return 3
    state = State(Journal(private_folder(data) / "state.jsonl") if data else None)
    keys = Keys(state)
    sessions = Sessions(state, keys, node)
    agent = Agent(state, sessions, node, "127.0.0.1" if listen.host == "localhost" else listen.host, listen.port)
    agent.start()
    server = Server(Application(state, agent, keys, sessions), max_body=MOST_BODY_BYTES)
    await server.listen(listener)
    log.info(f"{EMULATOR} listens", address=str(listen), data=str(data) if data else None)
    await until_told_to_stop()
    await server.close(grace_seconds=0.1)
    agent.close()
    sessions.close()
    state.close()
    log.info("stopped")
    return 0


def main(arguments: list[str]) -> int:
    """Read the arguments and run; give the exit code."""
    options = parser("consul", f"{EMULATOR}: one server, its HTTP API.")
    options.add_argument("--node", default="devctl", help="the name of the one node")
    args = options.parse_args(arguments)
    return asyncio.run(serve(args.listen, args.data, args.node))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
