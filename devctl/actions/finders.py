"""Where an answer can be had: the spans of a run, the stack's Prometheus, its Kafka, one instance's launch."""

from __future__ import annotations

from devctl.actions.names import check_services, refuse_inactive
from devctl.core.selection import no_instance, split
from devctl.errors import DevctlError, EnvironmentProblem, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.access import Reader
    from devctl.queries.events import Broker
    from devctl.queries.prometheus import Prometheus
    from devctl.record.spans import SpanReader
    from devctl.record.store import Run
    from devctl.session.client import Client
    from devctl.session.protocol import LaunchView


def open_spans(run: Run) -> SpanReader:
    """Open the spans of a run; DevctlError where it has none or they cannot be read."""
    import sqlite3

    from devctl.record.spans import RecordVersionError, SpanReader

    if not run.spans_file.exists():
        raise UsageError(
            "this run has no spans",
            where=str(run.folder),
            next="Spans come in through the hub: is `telemetry: off` in stack.yaml?",
        )
    try:
        reader = SpanReader(run.spans_file)
        if reader.is_ready:
            return reader
    except RecordVersionError as error:
        raise UsageError(str(error), next="Use the newer devctl, or `devctl prune` old runs.") from error
    except sqlite3.Error as error:
        raise EnvironmentProblem(f"the spans cannot be read: {error}", where=str(run.spans_file)) from error
    raise DevctlError("the hub has only just begun", where=str(run.folder), next="Try again in a moment.")


def find_prometheus(session: Client) -> Prometheus:
    """Return the stack's Prometheus; UsageError when the stack has none that runs."""
    from devctl.queries.prometheus import Prometheus

    for service in session.status()["services"]:
        if port := service["provides"].get("promql"):
            if service["status"] == "healthy":
                return Prometheus(service["ports"][port])
            raise UsageError(
                f"Prometheus is {service['status']}: {service['reason']}".rstrip(": "),
                where=service["name"],
                next=service["cure"] or f"See `devctl why {service['name']}`.",
            )
    raise UsageError("this stack has no Prometheus", next="Add it to stack.yaml: `prometheus: {uses: prometheus}`.")


def find_broker(session: Client) -> Broker:
    """Return the stack's Kafka; UsageError when it has none."""
    from devctl.queries.events import Broker

    for service in session.status()["services"]:
        if port := service["provides"].get("kafka"):
            return Broker(service["ports"][port])
    raise UsageError("this stack has no Kafka", next="Add it to stack.yaml: `kafka: {uses: kafka}`.")


def find_launch(session: Reader, name: str) -> LaunchView:
    """Return the launch of instance `name` (SERVICE.N), or of the first instance of service `name`."""
    launches = session.spec()["launches"]
    for launch in launches:
        if name in (launch["instance"], launch["instance"].rpartition(".")[0]):
            return launch
    _check_available(session, name)
    service, _, number = name.rpartition(".")
    refuse_inactive(session, service if number.isdigit() else name)
    instances = [launch["instance"] for launch in launches]
    services = [split(instance)[0] for instance in instances]
    check_services([service if service in services and number.isdigit() else name], services)
    raise no_instance(name, [instance for instance in instances if split(instance)[0] == service])


def _check_available(session: Reader, name: str) -> None:
    """Raise EnvironmentProblem for a service that cannot be had here: it has no instance to act in."""
    for view in session.status()["services"]:
        if view["status"] == "unavailable" and view["name"] in (name, name.rpartition(".")[0]):
            raise EnvironmentProblem(f"{view['name']} is unavailable: {view['reason']}", next=view["cure"])
