"""Compares our HTTP transport with those of libraries: CPU per call and memory, in turns within one run.

python -m scripts.measure_transport [CALLS [ROUNDS]]

A child process each makes the same calls to one small server; what counts is the ratio to ours. aiohttp takes part
where it and httpx-aiohttp are installed. services/common/http/transport.py keeps the figures beside the decision.
"""

import asyncio
import resource
import statistics
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.common.http.client import Transport

BODY = b'{"items": [' + b", ".join(b'{"id": "moka-pot", "available": %d}' % number for number in range(8)) + b"]}"
AT_ONCE = 8  # calls side by side, as many as one service has in flight while the shop is busy


def main(arguments: list[str]) -> int:
    """Run every transport in turn, several times, and print the medians and their ratios to ours."""
    calls, rounds = (int(text) for text in [*arguments, *("4000", "7")[len(arguments) :]][:2])
    names = ["ours", "httpcore", *(["aiohttp"] if find_spec("httpx_aiohttp") else [])]
    with subprocess.Popen([sys.executable, "-m", __spec__.name, "serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                results[name].append(_measured(name, url, calls))
        server.terminate()
    _report(results)
    return 0


def _measured(name: str, url: str, calls: int) -> tuple[float, float]:
    """Return microseconds of CPU per call, and MiB, of a child that uses one transport."""
    command = [sys.executable, "-m", __spec__.name, "call", name, url, str(calls)]
    cpu, memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(cpu), float(memory)


def _report(results: dict[str, list[tuple[float, float]]]) -> None:
    for name, pairs in results.items():
        ratios = [cpu / ours[0] for (cpu, _), ours in zip(pairs, results["ours"], strict=True)]
        more = [memory - ours[1] for (_, memory), ours in zip(pairs, results["ours"], strict=True)]
        cpu = statistics.median(cpu for cpu, _ in pairs)
        print(
            f"{name:9} {cpu:7.1f} us a call  x {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})  {statistics.median(more):+.1f} MiB"
        )


async def _call(name: str, url: str, calls: int) -> None:
    from services.common.http.client import send

    transport = _transport(name)

    async def lane(count: int) -> None:
        for _ in range(count):
            answer = await send(transport, "GET", url, headers={"x-request-id": "0123456789abcdef"})
            assert answer.content == BODY

    await lane(50)
    began = time.process_time()
    await asyncio.gather(*(lane(calls // AT_ONCE) for _ in range(AT_ONCE)))
    cpu = (time.process_time() - began) / calls * 1e6
    unit = 1024 if sys.platform == "linux" else 1024 * 1024
    print(cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
    await transport.aclose()


def _transport(name: str) -> "Transport":
    import httpx

    from services.common.http.transport import PlainTransport

    if name == "ours":
        return PlainTransport()
    if name == "httpcore":
        return httpx.AsyncHTTPTransport(trust_env=False)
    aiohttp: Transport = import_module("httpx_aiohttp").AiohttpTransport()  # a type checker need not find it
    return aiohttp


async def _serve() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(head + BODY)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["serve"]:
        asyncio.run(_serve())
    elif arguments[:1] == ["call"]:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_call(arguments[1], arguments[2], int(arguments[3])))
    else:
        return main(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))
