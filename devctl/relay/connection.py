"""One relayed connection: a client, the instance that it was given to, and the two directions between them.

While the instance takes no more connections, one that rests between two HTTP exchanges parts from it, and its client
is given to another instance with its next request: nothing that was sent is lost, and nobody waits for idle clients.
"""

from __future__ import annotations

import errno
import socket

from devctl.core.faults import FaultKind, Stream
from devctl.relay.end import End
from devctl.relay.exchange import Exchange
from devctl.relay.flow import Flow, Hold
from devctl.relay.poll import Poller, Timer
from devctl.relay.pool import Member, Pool
from devctl.relay.shaper import ActiveFault, Shaper
from devctl.relay.table import TargetState

HOST = "127.0.0.1"
_CONNECT_SECONDS = 5.0  # a loopback answers at once; one that does not has a full backlog
_UNDER_WAY = frozenset((errno.EINPROGRESS, errno.EALREADY))
_KIND = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)


class Connection:
    """A client's connection, from its acceptance until both directions have ended."""

    __slots__ = (
        "_connecting",
        "_decided",
        "_poller",
        "_pool",
        "_tried",
        "client",
        "down",
        "exchange",
        "is_closed",
        "is_leaving",
        "member",
        "server",
        "up",
    )  # fmt: skip

    def __init__(self, client: socket.socket, pool: Pool, poller: Poller, hold: Hold) -> None:
        self._pool = pool
        self._poller = poller
        self._tried: set[Member] = set()
        self._connecting: Timer | None = None
        self._decided: dict[str, bool] = {}
        self.is_closed = False
        self.is_leaving = False
        self.member: Member | None = None
        self.server: End | None = None
        self.exchange = Exchange()
        self.client = End(client, poller)
        self.up = Flow(self, hold, self.exchange.sent)
        self.down = Flow(self, hold, self.exchange.received)
        self.up.source = self.down.sink = self.client
        self.client.on_read = self.up.read
        self.client.on_write = self.down.flush

    @property
    def is_over(self) -> bool:
        """Whether both directions have ended."""
        return self.up.is_done and self.down.is_done

    def connect(self) -> None:
        """Find an instance that takes the connection; the client is reset when there is none."""
        while (member := self._pool.pick(self._tried)) is not None:
            self._tried.add(member)
            try:
                server = socket.socket(socket.AF_INET, _KIND)
            except OSError:  # no descriptor is left
                break
            server.setblocking(False)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            problem = server.connect_ex((HOST, member.port))
            if problem in _UNDER_WAY:  # on a loopback it is decided by now, and asking again tells
                problem = server.connect_ex((HOST, member.port))
            if problem in _UNDER_WAY:
                self._wait_for(server, member)
                return
            if problem in (0, errno.EISCONN):
                self._attach(End(server, self._poller), member)
                return
            server.close()
            member.connects_failed += 1
        self._pool.refused += 1
        self.close(reset=True)

    def leave(self) -> None:
        """Part from an instance that takes no more connections, as soon as that loses nothing."""
        if self.member is None or self.server is None:
            return
        self.is_leaving = True
        self.exchange.must_close = self.member.state is TargetState.DRAINING
        if self.up.is_empty and self.down.is_empty and self.exchange.is_resting:
            self._part()

    def stay(self) -> None:
        """Remain with the instance after all."""
        self.is_leaving = self.exchange.must_close = False

    def close(self, *, reset: bool = False) -> None:
        """End it all; with `reset` both sides are told that it broke."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._connecting:
            self._connecting.cancel()
        for flow in (self.up, self.down):
            flow.drop()
            flow.is_ended = flow.is_done = True
        self.client.close(reset=reset)
        self._release(reset=reset)
        self._pool.closed(self)

    def reshape(self, faults: tuple[ActiveFault, ...]) -> None:
        """Bring the faults into force that touch this connection."""
        touching = [fault for fault in faults if self._is_touched(fault)]
        if any(fault.kind in (FaultKind.RESET, FaultKind.DOWN) for fault in touching):
            self.close(reset=True)
            return
        for flow, stream in ((self.up, Stream.UPSTREAM), (self.down, Stream.DOWNSTREAM)):
            shaping = [fault for fault in touching if fault.stream is stream]
            if flow.shaper:
                flow.shaper.change(shaping)
            elif shaping:
                flow.shaper = Shaper(flow, self._poller, shaping)

    def _is_touched(self, fault: ActiveFault) -> bool:
        """Decide once for this connection, by the fault's toxicity."""
        if fault.name not in self._decided:
            self._decided[fault.name] = fault.draws()
        return self._decided[fault.name]

    def _attach(self, server: End, member: Member) -> None:
        self._tried.clear()
        self._join(server, member)
        self.up.sink = self.down.source = server
        server.on_read = self.down.read
        server.on_write = self.up.flush
        self.client.read_by(self.up.read)
        self.client.reads = server.reads = True
        self.client.update()
        server.update()

    def _join(self, server: End, member: Member) -> None:
        self.server, self.member = server, member
        member.picks += 1
        member.connections.add(self)

    def _wait_for(self, server: socket.socket, member: Member) -> None:
        """Wait until the connection to an instance is made or has failed."""
        end = End(server, self._poller)
        self._join(end, member)
        self._connecting = self._poller.after(_CONNECT_SECONDS, lambda: self._decide(end, errno.ETIMEDOUT))
        end.on_write = lambda: self._decide(end, server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        end.writes = True
        end.update()

    def _decide(self, server: End, problem: int) -> None:
        """Go on with the instance that has answered, or with another one."""
        member = self.member
        assert member is not None
        if self._connecting:
            self._connecting.cancel()
            self._connecting = None
        if problem:
            member.connects_failed += 1
            self._release(reset=True)
            self.connect()
            return
        server.writes = False
        self._attach(server, member)
        if member.state is not TargetState.READY:
            self.leave()

    def _part(self) -> None:
        """Let the instance go and wait for the client's next request."""
        self.is_leaving = self.exchange.must_close = False
        self._release()
        self.client.read_by(self._go_on)

    def _go_on(self, _events: int) -> None:
        """Take a parted client to another instance, with the first byte that it sends."""
        try:
            has_more = self.client.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            has_more = b""
        if not has_more:
            self.close()
            return
        self.client.reads = False
        self.client.update()
        self.connect()

    def _release(self, *, reset: bool = False) -> None:
        server, member = self.server, self.member
        self.server = self.member = None
        if server is not None:
            server.close(reset=reset)
        if member is not None:
            self._pool.released(member, self)
