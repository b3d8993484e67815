"""What the fixtures of a project's own checks give: the stack, clients, traces, logs, metrics and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from devctl.smoke import client
from devctl.smoke.check import CheckContext, secret_values
from devctl.smoke.stack import RunningStack, eventually
from devctl.smoke.steps.event import document_of
from devctl.smoke.values import wildcard

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    import httpx

    from devctl.queries.prometheus import Series
    from devctl.record.lines import Line
    from devctl.record.spans import Span
    from devctl.session.protocol import ServiceView


class StackFixture:
    """The running stack in the hands of a test."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack

    def service(self, name: str) -> ServiceView:
        """Return a service as `status --json` shows it, asked now."""
        self._stack.status()
        return self._stack.service(name)

    def address(self, service: str, port: str = "") -> str:
        """Return host:port."""
        return self._stack.address(service, port)

    def has(self, capability: str) -> bool:
        """Tell whether a service provides this (`kafka`, `promql`, …) and is healthy."""
        views = self._stack.status()["services"]
        return any(capability in view["provides"] and view["status"] == "healthy" for view in views)

    def stop(self, *names: str) -> None:
        """Stop services; their dependents run on."""
        self._stack.client.stop(names)

    def start(self, *names: str) -> None:
        """Start services again, and return when they are healthy."""
        self._stack.client.start(names)

    def kill(self, *names: str) -> None:
        """Kill every process of services; the restart policy applies."""
        self._stack.client.kill(names)

    def execute(self, service: str, *argv: str, timeout: float = 60.0) -> CompletedProcess[str]:
        """Run a command in a service's environment, as `devctl exec` does; return its exit code and output."""
        return self._stack.execute(service, argv, timeout)


class Http:
    """Clients of services, one each; every request carries the trace of the test."""

    def __init__(self, context: CheckContext) -> None:
        self._context = context
        self._clients: list[httpx.Client] = []

    def __call__(self, service: str, port: str = "", **options: Any) -> httpx.Client:
        """Return a client of a service; `options` go to httpx.Client."""
        base = f"http://{self._context.stack.address(service, port)}"
        hooks: dict[str, list[Any]] = {"request": [self._trace], "response": [self._remember]}
        made = client.new(base_url=base, event_hooks=hooks, **options)
        self._clients.append(made)
        return made

    def _trace(self, request: httpx.Request) -> None:
        request.headers["traceparent"] = self._context.origin.traceparent()
        self._learn(request.content)

    def _remember(self, answer: httpx.Response) -> None:
        answer.read()
        self._learn(answer.content)

    def _learn(self, body: bytes) -> None:
        import json

        try:
            self._context.secrets |= secret_values(json.loads(body))
        except (ValueError, RecursionError):
            return

    def close(self) -> None:
        """Close all clients."""
        for each in self._clients:
            each.close()


class Traces:
    """The spans of the test's own trace."""

    def __init__(self, context: CheckContext) -> None:
        self._context = context

    @property
    def trace_id(self) -> str:
        return self._context.origin.trace_id

    def spans(self, service: str = "", name: str = "*") -> list[Span]:
        """Return those that arrived: of a service, with a name in which `*` stands for any text."""
        together = self._context.stack.trace(self.trace_id)
        spans = [span for trace in together for span in trace.spans]
        return [span for span in spans if (not service or span.service == service) and wildcard(name, span.name)]

    def services(self) -> list[str]:
        """Return the services that the trace touched so far."""
        return list(dict.fromkeys(span.service for span in self.spans()))

    def expect(self, service: str, name: str = "*", *, within: float = 10.0) -> list[Span]:
        """Return the spans once there are some; AssertionError when none arrives."""
        what = f"a span {name!r} of {service} in this test's trace (seen: {', '.join(self.services()) or 'nobody'})"
        return eventually(lambda: self.spans(service, name), within=within, what=what)


class Logs:
    """The log lines since the test began."""

    def __init__(self, context: CheckContext) -> None:
        self._context = context

    def lines(self, service: str = "", *, contains: str = "", level: str = "") -> list[Line]:
        """Return those of a service that contain a text, from a level up."""
        services: Sequence[str] = [service] if service else []
        lines = self._context.stack.lines(services=services, since_ns=self._context.origin.began_ns, level=level)
        return [line for line in lines if contains in line.text]

    def expect(self, service: str, contains: str, *, within: float = 10.0) -> list[Line]:
        """Return the lines once there are some; AssertionError when none comes."""
        what = f"a line of {service} with {contains!r}"
        return eventually(lambda: self.lines(service, contains=contains), within=within, what=what)


class Metrics:
    """What Prometheus answers, and what a service exposes."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack

    def query(self, promql: str) -> list[Series]:
        """Return the series that answer a query now."""
        return self._stack.query(promql)

    def exposed(self, service: str, path: str = "/metrics") -> set[str]:
        """Return the names of the metrics that a service exposes."""
        return self._stack.exposed_metrics(service, path)


class Events:
    """The events since the test began, as structured CloudEvents have them."""

    def __init__(self, context: CheckContext) -> None:
        self._context = context

    def on(self, topic: str, *, key: str = "", type: str = "") -> list[dict[str, Any]]:
        """Return the events on a topic: payload under `data`, beside it `type`, `key` and `headers`."""
        events = self._context.stack.events([topic], self._context.origin.began_ns, key=key)
        return [document_of(event) for event in events if not type or event.type == type]

    def expect(self, topic: str, *, key: str = "", type: str = "", within: float = 10.0) -> list[dict[str, Any]]:
        """Return the events once there are some; AssertionError when none comes."""
        what = f"an event {type} {key} on {topic}"
        return eventually(lambda: self.on(topic, key=key, type=type), within=within, what=what)
