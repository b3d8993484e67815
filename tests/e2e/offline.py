"""Run inside a network namespace that has nothing but its loopback: the whole shop with nothing but Python.

Started by test_offline.py; prints what it saw as JSON, and says on stderr how far it came.
"""

import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from tests.e2e.shop import Stack

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1  # netdevice(7)


def bring_loopback_up() -> None:
    """A new network namespace has a loopback that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack_from("16xH", fcntl.ioctl(control, SIOCGIFFLAGS, request))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def travel(stack: Stack) -> dict[str, Any]:
    """Order twice, the second time while nobody listens; come back after `down` and `up` and look."""
    say(stack.up("--run-as", "embedded").stderr)
    seen: dict[str, Any] = {"variants": {s["name"]: s["variant"] or s["status"] for s in stack.status()["services"]}}
    shopper = stack.shopper()
    order = shopper.order().json()
    seen["first"] = [shopper.settled(order["id"])["status"], *shopper.told(order["id"])]
    stack.devctl("stop", "notification")
    missed = shopper.order().json()
    seen["second"] = [shopper.settled(missed["id"])["status"]]
    stack.devctl("down")
    say("down")
    say(stack.up("--run-as", "embedded").stderr)
    shopper.client.base_url = f"http://{stack.address('gateway')}"
    seen["second"] += shopper.told(missed["id"])
    shopper.close()
    return seen


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(project: str, runtime: str) -> None:
    bring_loopback_up()
    say(f"PATH={os.environ['PATH']}")
    stack = Stack(project, Path(runtime))
    try:
        print(json.dumps(travel(stack)))
    finally:
        stack.down()


if __name__ == "__main__":
    main(*sys.argv[1:])
