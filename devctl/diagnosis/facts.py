"""All that a diagnosis can look at: snapshot, record, processes of the machine; each read once, when it is needed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from devctl.core import events as happened
from devctl.core.checks import Check
from devctl.core.decide import variant_of
from devctl.core.events import Event
from devctl.core.launch import HOST, addresses, instance_name
from devctl.core.spec import HUB, RELAY, Spec, Variant, placeholders
from devctl.core.state import Instance
from devctl.core.status import GOOD, Status
from devctl.diagnosis.alerts import firing
from devctl.diagnosis.changes import ManifestChange, manifest_changes
from devctl.diagnosis.evidence import Evidence, EvidenceKind
from devctl.diagnosis.history import newest_events
from devctl.diagnosis.loglines import LINES_READ, LogLine, read_lines, read_lines_of
from devctl.diagnosis.requests import Requests
from devctl.diagnosis.traffic import Traffic
from devctl.machine import survey
from devctl.machine.survey import Entry, Survey
from devctl.queries.prometheus import Alert
from devctl.record.span_window import SpanRow
from devctl.record.store import Run
from devctl.views.snapshot import StackSnapshot

RECENT_SECONDS = 180.0
"""So long after it ended by itself, an instance that runs again is still worth a word: its callers may suffer yet."""

_BRIEF = 120  # characters of an answer in a sentence: a status and what it says
_MOST_TRACES = 3  # whose lines are read: each takes a look through the logs


@dataclass
class Facts:
    """`now` is the monotonic clock, by which the state counts; `now_ns` wall time. `run` is None where nothing was
    recorded. `is_live`: the stack runs, so that the processes of this machine are its own."""

    snapshot: StackSnapshot
    answers: Mapping[str, str]
    run: Run | None
    now: float
    now_ns: int
    is_live: bool = True
    recent_seconds: float = RECENT_SECONDS
    since_ns: int = 0  # how far back traffic is looked at, where a person says so
    survey: Survey = field(default_factory=Survey)
    _lines: dict[str, list[LogLine]] = field(default_factory=dict)

    @property
    def spec(self) -> Spec:
        return self.snapshot.spec

    @property
    def services(self) -> list[str]:
        """The services that can be a cause: all that are active or were asked for."""
        return self.snapshot.shown

    def status(self, name: str) -> Status:
        """Return the derived status of a service."""
        return self.snapshot.status(name).status

    def instances(self, name: str) -> list[Instance]:
        """Return the instances of a service, by number."""
        return sorted(self.snapshot.service_state(name).instances.values(), key=lambda each: each.number)

    def worst(self, name: str) -> Instance | None:
        """Return the instance that gives a service its status."""
        instances = self.instances(name)
        status = self.status(name)
        return next((i for i in instances if i.status is status), instances[0] if instances else None)

    def variant(self, name: str) -> Variant | None:
        """Return the variant that runs, None while none is chosen."""
        return variant_of(self.snapshot.service(name), self.snapshot.service_state(name))

    def check(self, name: str) -> Check | None:
        """Return the check of a service."""
        variant = self.variant(name)
        return variant.check if variant else None

    def answer(self, instance: Instance | None) -> str:
        """Return what the probe of an instance saw last, empty when nothing did."""
        if instance is None:
            return ""
        return self.answers.get(instance.id) or (instance.reason if instance.status is Status.UNHEALTHY else "")

    def wall_ns(self, monotonic: float) -> int:
        """Return the wall time of a moment of the monotonic clock, 0 for none."""
        return self.now_ns - int((self.now - monotonic) * 1e9) if monotonic else 0

    def age_seconds(self, instance: Instance | None) -> float:
        """Return for how long an instance has run, 0 when it was never spawned."""
        return max(self.now - instance.spawned, 0.0) if instance and instance.spawned else 0.0

    def ports(self, name: str) -> dict[str, int]:
        """Return the ports of the first instance of a service, and those at which the relay holds it."""
        ports = self.snapshot.state.ports
        return {**ports.get(instance_name(name, 1), {}), **ports.get(name, {})}

    @cached_property
    def owners_of_ports(self) -> dict[int, str]:
        """The number of every port of the run → the service that has it."""
        table: dict[int, str] = {}
        for key, ports in self.snapshot.state.ports.items():
            name = key if key in self.spec.services else key.rpartition(".")[0]
            table.update((number, name) for number in ports.values())
        return table

    def references(self, name: str) -> list[str]:
        """Return the services that a service depends on, refers to or calls, each once."""
        return [other for other in self._neighbours.get(name, ()) if other != name]

    @cached_property
    def _neighbours(self) -> dict[str, list[str]]:
        table = {name: list(dict.fromkeys(_referred(self.spec, name))) for name in self.spec.services}
        for caller, callee in self.traffic.pairs:
            if caller in table and callee not in table[caller]:
                table[caller].append(callee)
        return table

    @cached_property
    def traffic(self) -> Traffic:
        """What the spans of the run say of calls between services."""
        return Traffic(self.run, self.now_ns, self.since_ns)

    @cached_property
    def processor_shares(self) -> dict[int, float]:
        """How much of a core each process uses just now; takes a moment to measure."""
        return survey.processor_shares()

    @cached_property
    def requests(self) -> Requests:
        """What stands out of these calls."""
        return Requests(self.traffic, self.owners_of_ports)

    @cached_property
    def alerts(self) -> list[Alert]:
        """What fires in the Prometheus of the stack, if it has one that is well."""
        for name in self.services if self.is_live else ():
            variant, ports = self.variant(name), self.ports(name)
            port = ports.get(variant.provides.get("promql", ""), 0) if variant else 0
            if port and self.status(name) in GOOD:
                return firing(HOST, port)
        return []

    @cached_property
    def silent(self) -> set[str]:
        """The services that send no spans of what they take in: their calls tell nothing of them."""
        telling = {name for stretch in (self.traffic.recent, self.traffic.baseline) for name, _ in stretch.intake}
        return set(self.spec.services) - telling

    @cached_property
    def manifest_changes(self) -> dict[str, ManifestChange]:
        """What changed in the manifest since all was well, by service."""
        return manifest_changes(self.run, self.spec)

    @cached_property
    def events(self) -> list[Event]:
        """The newest events of the run, oldest first."""
        return list(newest_events(self.run)) if self.run else []

    def exits(self, name: str) -> list[happened.InstanceExited]:
        """Return the ends of a service that happened of late, oldest first; one that was done is no such end."""
        since = self.now_ns - int(self.recent_seconds * 1e9)
        exits = (event for event in self.events if isinstance(event, happened.InstanceExited))
        exits = (event for event in exits if event.verdict is not happened.Verdict.COMPLETED)
        return [event for event in exits if event.service == name and event.at_ns >= since]

    def lines(self, instance: Instance | None) -> list[LogLine]:
        """Return the last lines of an instance, of this life and the one before."""
        if instance is None or self.run is None:
            return []
        if instance.id not in self._lines:
            self._lines[instance.id] = read_lines(self.run, instance.id, LINES_READ)
        return self._lines[instance.id]

    def processes(self, instance: Instance | None) -> list[Entry]:
        """Return the processes of an instance that lives on this machine."""
        if not self.is_live or instance is None or not instance.is_alive or not instance.pid:
            return []
        return self.survey.tree(instance.pid)


_CROWD, _MOST_CROWDING = 4.0, 4.0
"""From four processes for each core on all requests wait; what is slow by a fault stands out of that, too."""


def crowding(facts: Facts) -> float:
    """Return how many times as long as usual things take for this machine's load alone."""
    return min(max(facts.survey.waiting_per_core / _CROWD, 1.0), _MOST_CROWDING) if facts.is_live else 1.0


def needs(facts: Facts, name: str, other: str) -> bool:
    """Tell whether a service waits for another one before it starts."""
    return any(dependency.service == other for dependency in facts.snapshot.service(name).depends_on)


def lines_of_traces(facts: Facts, rows: Sequence[SpanRow], services: Collection[str]) -> list[LogLine]:
    """Return the lines of some services that belong to the newest traces of these spans."""
    if facts.run is None or not services:
        return []
    traces: dict[str, list[SpanRow]] = {}
    for row in rows:
        traces.setdefault(row.trace.hex(), []).append(row)
    newest = sorted(traces.items(), key=lambda item: max(row.end_ns for row in item[1]))[-_MOST_TRACES:]
    return [line for trace, spans in newest for line in _lines_of_trace(facts.run, trace, spans, services)]


def _lines_of_trace(run: Run, trace: str, spans: Sequence[SpanRow], services: Collection[str]) -> list[LogLine]:
    start, end = min(row.start_ns for row in spans), max(row.end_ns for row in spans)
    return read_lines_of(run, trace, services, start, end)


def variable_with(facts: Facts, name: str, text: str) -> str:
    """Return the variable of a service in whose value `text` stands, empty when there is none."""
    variant, variables = facts.variant(name), addresses(facts.spec, facts.snapshot.state.ports)
    for key, value in (variant.environment if variant else {}).items():
        if text in _filled(value, variables):
            return key
    return ""


_PORT_NUMBER = re.compile(r"(?<![\w.])\d{2,5}(?![\w.])")
_URL = re.compile(r"\w+://\S+")  # whom it calls, not where it listens


def numbers_told(facts: Facts, name: str) -> set[int]:
    """Return the numbers in the command and the variables of a service that can be ports which it listens on."""
    variant = facts.variant(name)
    texts = (*variant.argv, *variant.environment.values()) if variant else ()
    return {int(number) for text in texts for number in _PORT_NUMBER.findall(_URL.sub("", text))}


def _filled(value: str, variables: Mapping[str, str]) -> str:
    for dotted in placeholders(value):
        value = value.replace(f"\0{dotted}\0", variables.get(dotted, ""))
    return value


def _referred(spec: Spec, name: str) -> Iterator[str]:
    """Yield what a service depends on, then what its definition refers to."""
    service = spec.services[name]
    yield from (dependency.service for dependency in service.depends_on if dependency.service in spec.services)
    for variant in service.variants:
        for text in (*variant.argv, *variant.environment.values(), *(file.content for file in variant.files)):
            for dotted in placeholders(text):
                other = re.sub(r"^services\.", "", dotted).partition(".")[0]
                if dotted.startswith("services.") and other in spec.services and other not in (HUB, RELAY):
                    yield other


def is_good(facts: Facts, name: str) -> bool:
    """Tell whether a service is as it shall be."""
    return facts.snapshot.status(name).is_good


def brief(answer: str) -> str:
    """Return what a check was answered in few words: of a page its title, of anything else its beginning."""
    head, page, rest = answer.partition("<")
    title = re.search(r"<title>([^<]*)", page + rest, re.IGNORECASE)
    text = f"{head.strip()} {title[1].strip()}" if title else answer
    return text if len(text) <= _BRIEF else text[:_BRIEF] + "…"


def probe_evidence(facts: Facts, name: str, instance: Instance | None) -> Evidence | None:
    """Return what the check of an instance asked and was answered; None when it has seen nothing."""
    check, answer = facts.check(name), facts.answer(instance)
    if check is None or instance is None or not answer:
        return None
    pointer = {"instance": instance.id, "request": check.describe(), "answer": answer}
    return Evidence(EvidenceKind.PROBE, name, f"its check ({check.describe()}) saw: {brief(answer)}", 0, pointer)


def lives(instance: Instance) -> bool:
    """Tell whether an instance is up and good."""
    return instance.status in GOOD
