"""`python -I -S __main__.py --state FILE --control SOCKET --metrics PORT`: the relay process.

Its listening sockets are inherited as descriptors 3, 4, … (LISTEN_FDS); `--metrics` names the port of the one that
serves the metrics. Standard library alone: an asyncio program would need twice the memory.
"""

import os
import socket
import sys


def main() -> None:
    """Relay until told to end."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.append(root)  # last, so that nothing beside devctl is taken for the standard library
    import gc
    import signal

    from devctl.keeper import system
    from devctl.relay.app import Relay
    from devctl.relay.control import Control
    from devctl.relay.metrics import Page
    from devctl.relay.poll import Poller

    arguments = sys.argv[1:]
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    system.raise_file_limit()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    poller = Poller()
    relay = Relay(poller, state_file=options["--state"])
    relay.load()
    for listener in _inherited():
        if str(listener.getsockname()[1]) == options["--metrics"]:
            Page(relay, poller, listener)
        else:
            relay.listen(listener)
    Control(relay, poller, options["--control"])
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)  # connections free themselves; looking for rings among them is seldom worth it
    while True:
        poller.turn()


def _inherited() -> list[socket.socket]:
    first = 3  # sd_listen_fds(3)
    count = int(os.environ.get("LISTEN_FDS", "0"))
    for fd in range(first, first + count):
        os.set_inheritable(fd, False)
    return [socket.socket(fileno=fd) for fd in range(first, first + count)]


if __name__ == "__main__":
    main()
