"""What the terminal UI asks of a running stack: its session, its Prometheus, its Kafka, each over a connection of its
own, so that a long call holds nothing up."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.actions.finders import find_broker, find_launch, find_prometheus
from devctl.errors import DevctlError
from devctl.tui.stack import Shell

if TYPE_CHECKING:
    from devctl.actions.access import StackAccess
    from devctl.diagnosis.views import WhyView
    from devctl.queries.boards import Board, Panel
    from devctl.queries.events import Broker as KafkaBroker
    from devctl.queries.events import Event, Lag, Topic
    from devctl.queries.prometheus import Alert, Prometheus, Series
    from devctl.session.protocol import CheckView, Settled, SpecView

BOARDS = "dashboards"


class LiveControl:
    """Calls of the session, each over a connection of its own."""

    def __init__(self, access: StackAccess) -> None:
        self._access = access

    def start(self, services: Sequence[str]) -> Settled:
        """Start services, and return when they are settled."""
        with self._access.running() as client:
            return client.start(services)

    def stop(self, services: Sequence[str]) -> Settled:
        """Stop services."""
        with self._access.running() as client:
            return client.stop(services)

    def restart(self, services: Sequence[str], *, with_dependents: bool = False) -> Settled:
        """Restart services in dependency order."""
        with self._access.running() as client:
            return client.restart(services, with_dependents=with_dependents)

    def kill(self, services: Sequence[str]) -> list[str]:
        """Kill every process of services."""
        with self._access.running() as client:
            return client.kill(services)

    def scale(self, counts: Mapping[str, int]) -> Settled:
        """Run so many instances of services, and return when they are settled."""
        with self._access.running() as client:
            return client.scale(counts)

    def add_fault(self, fault: Mapping[str, Any], *, seconds: float | None) -> Mapping[str, Any]:
        """Put a fault on the wire of a relayed service; return it with its name."""
        with self._access.running() as client:
            return client.add_fault(fault, seconds=seconds)

    def remove_faults(self, names: Sequence[str]) -> list[str]:
        """Take faults off the wire; return those that were there."""
        with self._access.running() as client:
            return client.remove_faults(names)

    def check(self, services: Sequence[str]) -> list[CheckView]:
        """Run the probes of services now."""
        with self._access.running() as client:
            return client.check(services)

    def why(self) -> list[WhyView]:
        """Explain what is not healthy."""
        session = self._access.session()
        try:
            return list(self._access.why(session))
        finally:
            session.close()

    def spec(self) -> SpecView:
        """Return the specification in force."""
        with self._access.running() as client:
            return client.spec()

    def down(self) -> Settled:
        """Take the stack down."""
        with self._access.running() as client:
            return client.down()

    def shell(self, service: str) -> Shell:
        """Return a shell in the environment of a service's first instance."""
        with self._access.running() as client:
            launch = find_launch(client, service)
        environment = dict(launch["environment"])
        program = Path(launch["argv"][0]) if launch["argv"] else Path()
        if program.is_absolute():
            environment["PATH"] = f"{program.parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
        environment.setdefault("TERM", os.environ.get("TERM", "xterm"))
        shell = environment.get("SHELL") or os.environ.get("SHELL") or "/bin/sh"
        return Shell((shell,), environment, launch["working_dir"] or str(self._access.paths.folder))


class LiveMetrics:
    """The boards beside the manifest, and the stack's Prometheus."""

    def __init__(self, access: StackAccess) -> None:
        self._access = access
        self._server: Prometheus | None = None

    def boards(self) -> list[Board]:
        """Return the boards by title."""
        from devctl.queries import boards

        return boards.load_all(Path(self._access.paths.folder) / BOARDS)

    def _prometheus(self) -> Prometheus:
        if self._server is None:
            with self._access.running() as client:
                self._server = find_prometheus(client)
        return self._server

    def series(
        self, board: Board, panel: Panel, variables: Mapping[str, str], window: tuple[float, float, float]
    ) -> list[tuple[str, Series]]:
        """Return the named series of a panel over a window: begin, end, and seconds of a step."""
        from devctl.queries import boards

        begin, end, step = window
        server = self._prometheus()
        named: list[tuple[str, Series]] = []
        for target in panel.targets:
            query = boards.expression(target, variables, step_seconds=step, range_seconds=end - begin)
            named += [(boards.legend(target, each.labels), each) for each in server.range(query, begin, end, step)]
        return named

    def alerts(self) -> list[Alert]:
        """Return what fires or is about to; nothing where no Prometheus runs."""
        try:
            return self._prometheus().alerts()
        except DevctlError:
            self._server = None  # it may come back somewhere else
            return []


class LiveBroker:
    """The stack's Kafka."""

    def __init__(self, access: StackAccess) -> None:
        self._access = access

    def _broker(self) -> KafkaBroker:
        with self._access.running() as client:
            return find_broker(client)

    def topics(self) -> list[Topic]:
        """Return the topics."""
        return self._broker().topics()

    def lags(self) -> list[Lag]:
        """Return how far groups are behind."""
        return self._broker().lags()

    def last(self, topic: str, count: int) -> list[Event]:
        """Return the last messages of a topic, the newest first."""
        return sorted(self._broker().last([topic], count), key=_newest_first)

    def dead(self) -> list[Event]:
        """Return the dead letters, the newest first."""
        broker = self._broker()
        topics = broker.dead_topics()
        letters: list[Any] = [e for e in broker.last(topics, 1000) if e.is_dead] if topics else []
        return sorted(letters, key=_newest_first)

    def replay(self, letters: Sequence[Event]) -> int:
        """Send dead letters to where they came from again; return how many were taken."""
        return self._broker().replay(list(letters))


def _newest_first(event: Event) -> int:
    return -event.time_ns
