"""Start the hub: `python -m devctl.hub --run FOLDER [--config FILE] [--listen HOST:PORT [--listen HOST:PORT]]`.

The first address is for OTLP over HTTP, the second for OTLP over gRPC. Without `--listen` it serves the listening
sockets that it inherited as descriptors 3 and 4.
"""

import argparse
import asyncio
import gc
import signal
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="devctl.hub", description="Take OTLP in, keep it, pass it on.")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run that keeps spans and log records")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--listen", metavar="HOST:PORT", action="append")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    from devctl.http.server import all_inherited, bind
    from devctl.hub.app import Hub
    from devctl.record.store import Run

    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)
    listeners = [bind(address) for address in options.listen] if options.listen else all_inherited()
    gc.freeze()  # what is loaded by now stays for good: no collection needs to look at it again
    await Hub(Run(options.run), config=options.config).run(*listeners, until=until)


if __name__ == "__main__":
    main()
