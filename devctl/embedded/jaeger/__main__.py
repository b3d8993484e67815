"""`python -m devctl.embedded.jaeger --listen HOST:PORT --record FILE`: run the emulator over a run's record."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from devctl.embedded.jaeger.server import EMULATOR, Application
from devctl.embedded.process import Address, Log, parser, until_told_to_stop
from devctl.http.server import Server, bind

MOST_BODY_BYTES = 64 << 10


async def serve(listen: Address, record: Path) -> int:
    """Run until told to stop; give the exit code."""
    log = Log(EMULATOR)
    try:
        listener = bind(str(listen))
    except OSError as failure:
        log.error("cannot listen", address=str(listen), reason=failure.strerror or str(failure))
        return 3
    server = Server(Application(record), max_body=MOST_BODY_BYTES)
    await server.listen(listener)
    log.info(f"{EMULATOR} listens", address=str(listen), record=str(record))
    await until_told_to_stop()
    await server.close(grace_seconds=0.1)
    log.info("stopped")
    return 0


def main(arguments: list[str]) -> int:
    """Read the arguments and run; give the exit code."""
    options = parser("jaeger", f"{EMULATOR}: its query API over the spans that devctl's hub keeps.")
    options.add_argument("--record", type=Path, metavar="FILE", help="the record (default: DATA/record.db)")
    args = options.parse_args(arguments)
    record = args.record or (args.data / "record.db" if args.data else None)
    if record is None:
        options.error("one of --record and --data is needed")
    return asyncio.run(serve(args.listen, record))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
