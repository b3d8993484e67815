"""The relay itself: listening sockets, pools, faults and the table that says how they belong together."""

from __future__ import annotations

import socket
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from devctl.relay import table as tables
from devctl.relay.acceptor import Acceptor
from devctl.relay.connection import Connection
from devctl.relay.end import reset_on_close
from devctl.relay.flow import Hold
from devctl.relay.network import NetworkSockets
from devctl.relay.poll import Poller, Timer
from devctl.relay.pool import Member, Pool
from devctl.relay.shaper import ActiveFault
from devctl.relay.table import Table


class Relay:
    """Everything behind the shared ports. `on_event` is told of what the supervisor waits for."""

    def __init__(
        self, poller: Poller, *, state_file: str = "", on_event: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> None:
        self.table = Table()
        self.pools: dict[int, Pool] = {}
        self.drains: dict[str, list[float]] = {}
        self.hold = Hold()
        self.on_event = on_event
        self._poller = poller
        self._state_file = state_file
        self._listeners: dict[int, socket.socket] = {}
        self._faults: dict[str, ActiveFault] = {}
        self._fault_timers: dict[str, Timer] = {}
        self._network = NetworkSockets(self._watch, lambda listener: poller.forget(listener.fileno()))

    def listen(self, listener: socket.socket) -> None:
        """Accept connections from a listening socket, for the route of its port."""
        port = listener.getsockname()[1]
        if before := self._listeners.get(port):
            self._poller.forget(before.fileno())
            before.close()
        # What is accepted inherits this where the system has it so (Linux): one call less for each connection.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listeners[port] = listener
        self._watch(listener, port)

    def load(self) -> None:
        """Take over what the last relay was told."""
        self._activate(tables.load(self._state_file))

    def set_table(self, table: Table) -> None:
        """Work by this table from now on. A port that it does not name is let go: others may listen there."""
        self._activate(table)
        for port in self._listeners.keys() - self.pools.keys():
            listener = self._listeners.pop(port)
            self._poller.forget(listener.fileno())
            listener.close()
        self._save()

    def status(self) -> dict[str, Any]:
        """Return the open connections of each instance, and the faults in force."""
        open_connections: Counter[str] = Counter()
        for pool in self.pools.values():
            open_connections.update({member.instance: len(member.connections) for member in pool.members.values()})
        return {"open": dict(open_connections), "faults": sorted(self._faults)}

    @property
    def faults(self) -> list[ActiveFault]:
        """The faults in force."""
        return list(self._faults.values())

    # The table

    def _activate(self, table: Table) -> None:
        self.table = table
        for route in table.routes:
            pool = self.pools.setdefault(route.listen, Pool(route, self._drained))
            pool.update(route)
        for listen in self.pools.keys() - {route.listen for route in table.routes}:
            del self.pools[listen]
        self._network.follow(table.network, self.pools)
        self._set_faults(table)

    def _set_faults(self, table: Table) -> None:
        now = time.monotonic()
        told = {fault.name: fault for fault in table.faults if not fault.until or fault.until > now}
        before = {name: active.fault for name, active in self._faults.items()}
        changed = {name for name in told.keys() | before.keys() if told.get(name) != before.get(name)}
        services = {(told.get(name) or before[name]).service for name in changed}
        for name in changed:
            self._forget_fault(name)
            if fault := told.get(name):
                self._faults[name] = ActiveFault(fault)
                if fault.until:
                    self._fault_timers[name] = self._poller.at(fault.until, partial(self._expire, name))
        self._reshape(services)

    def _forget_fault(self, name: str) -> None:
        self._faults.pop(name, None)
        if timer := self._fault_timers.pop(name, None):
            timer.cancel()

    def _expire(self, name: str) -> None:
        """End a fault whose time is over, whether or not anybody supervises."""
        service = self._faults[name].fault.service
        self._forget_fault(name)
        self.table = replace(self.table, faults=tuple(f for f in self.table.faults if f.name != name))
        self._save()
        self._reshape({service})
        self.on_event({"event": "fault_ended", "name": name, "service": service})

    def _reshape(self, services: Iterable[str]) -> None:
        for pool in self.pools.values():
            if pool.route.service in services:
                faults = self._faults_of(pool.route.service)
                for connection in list(pool.connections):
                    connection.reshape(faults)

    def _faults_of(self, service: str) -> tuple[ActiveFault, ...]:
        return tuple(fault for fault in self._faults.values() if fault.fault.service == service)

    def _save(self) -> None:
        if self._state_file:
            try:
                tables.save(self.table, self._state_file)
            except OSError as error:  # a full disk: a successor then waits for the supervisor
                print(f"the table could not be kept: {error}", flush=True)

    def _drained(self, member: Member, seconds: float) -> None:
        """Tell that an instance has no connection left, on none of its ports."""
        others = (pool.members.get(member.instance) for pool in self.pools.values())
        if not any(other.connections for other in others if other is not None and other is not member):
            service = member.instance.rpartition(".")[0]
            self.drains.setdefault(service, []).append(seconds)
            self.on_event({"event": "drained", "instance": member.instance, "seconds": seconds})

    # Connections

    def _watch(self, listener: socket.socket, port: int) -> None:
        Acceptor(listener, self._poller, lambda client: self._begin(client, port))

    def _begin(self, client: socket.socket, port: int) -> None:
        pool = self.pools.get(port)
        if pool is None:
            reset_on_close(client)
            client.close()
            return
        client.setblocking(False)
        pool.accepted += 1
        connection = Connection(client, pool, self._poller, self.hold)
        pool.connections.add(connection)
        try:
            if self._faults and (faults := self._faults_of(pool.route.service)):
                connection.reshape(faults)
            if not connection.is_closed:
                connection.connect()
        except Exception:  # nobody may be left waiting for a connection that was lost here
            traceback.print_exc()
            connection.close(reset=True)
