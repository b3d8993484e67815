"""`python -m devctl.web --listen HOST:PORT …`: the boards of a folder and the record of a run in a browser."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from devctl.embedded.process import Address, Log, address, until_told_to_stop
from devctl.http.server import Server, bind
from devctl.web.app import NAME, Application
from devctl.web.boards.library import Library
from devctl.web.chart import library_folder
from devctl.web.data.prometheus import Prometheus
from devctl.web.stack import StackRecord

MOST_BODY_BYTES = 1 << 20


async def serve(listen: Address, application: Application) -> int:
    """Run until told to stop; return the exit code."""
    log = Log(NAME)
    try:
        listener = bind(str(listen))
    except OSError as failure:
        log.error("cannot listen", address=str(listen), reason=failure.strerror or str(failure))
        return 3
    server = Server(application, max_body=MOST_BODY_BYTES)
    await server.listen(listener)
    bound = Address(*listener.getsockname()[:2])
    log.info(f"{NAME} listens", address=str(bound))
    await until_told_to_stop()
    await server.close(grace_seconds=0.1)
    log.info("stopped")
    return 0


def main(arguments: list[str]) -> int:
    """Read the arguments and run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devctl.web", description=f"{NAME}.")
    parser.add_argument("--listen", type=address, required=True, metavar="HOST:PORT")
    parser.add_argument("--boards", type=Path, metavar="DIR", help="the folder of boards")
    parser.add_argument("--prometheus", default="", metavar="HOST:PORT", help="whom to ask for metrics")
    parser.add_argument("--run", type=Path, metavar="DIR", help="the folder of the run whose record is shown")
    options = parser.parse_args(arguments)
    record = StackRecord(options.run) if options.run else None
    application = Application(Library(options.boards), Prometheus(options.prometheus), record, library_folder)
    return asyncio.run(serve(options.listen, application))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
