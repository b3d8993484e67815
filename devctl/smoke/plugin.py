"""The pytest plug-in: what a smoke run proves, as items of pytest, and the fixtures of a project's own checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from devctl.errors import DevctlError
from devctl.smoke import check as checks
from devctl.smoke import contract, evidence, health
from devctl.smoke.check import CheckContext, CheckFailed
from devctl.smoke.fixtures import Events, Http, Logs, Metrics, StackFixture, Traces
from devctl.smoke.outcome import FAILED, FLAKY, PASSED, SKIPPED, Outcome
from devctl.smoke.stack import eventually

if TYPE_CHECKING:
    from devctl.manifest.smoke import Check, Smoke
    from devctl.smoke.health import Observation, Watcher
    from devctl.smoke.stack import RunningStack

NAME = "devctl-smoke"
"""The name by which a conftest.py knows that `devctl smoke` runs it."""
ALLOWS_ERRORS = "allows_errors"
BLAMES = "blames"


@dataclass
class Subject:
    """What is proved: the stack, its manifest's section, how its start went, and what the checks leave behind."""

    stack: RunningStack
    smoke: Smoke
    watcher: Watcher
    environ: Mapping[str, str]
    start: Sequence[Outcome] = ()
    suites: Sequence[str] = ()
    began_ns: int = 0
    seen: contract.Seen = field(default_factory=lambda: contract.Seen(time.time_ns()))
    observation: Observation | None = None
    metrics_paths: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_up(self) -> bool:
        return not any(outcome.is_bad for outcome in self.start)

    def observed(self) -> Observation:
        """Return what the window of health showed; it is watched once, when this is first asked."""
        if self.observation is None:
            seconds = self.smoke.stay_healthy
            self.observation = health.observe(self.stack, self.watcher, seconds, self.began_ns)
            self.seen.began_ns = time.time_ns()
        return self.observation


class Suite(pytest.Collector):
    """A phase: the parent of its items."""

    def collect(self) -> Iterable[pytest.Item]:
        return ()


class SmokeItem(pytest.Item):
    """An item of devctl's own: proves something and leaves an outcome."""

    def __init__(self, *, subject: Subject, outcome: Outcome, prove: Callable[[SmokeItem], None], **rest: Any) -> None:
        super().__init__(**rest)
        self.subject = subject
        self.outcome = outcome
        self._prove = prove

    def runtest(self) -> None:
        self._prove(self)

    def reportinfo(self) -> tuple[str, None, str]:
        return self.outcome.phase, None, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        if not isinstance(excinfo.value, AssertionError | DevctlError | ValueError):
            return str(super().repr_failure(excinfo, style))
        parts = [str(excinfo.value), self.outcome.text, self.outcome.evidence]
        return "\n\n".join(dict.fromkeys(part for part in parts if part))


class SmokePlugin:
    """Adds the items, gives the fixtures, gathers the outcomes, and ends the run when the stack is lost."""

    def __init__(self, subject: Subject, show: Callable[[Outcome], None] = lambda _: None) -> None:
        self.__name__ = NAME  # by which pytest keeps it
        self.subject = subject
        self.outcomes: list[Outcome] = []
        self._show = show
        self._pending: list[Outcome] = []
        self.is_lost = False
        self.is_spread = False

    # Items

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Put the start, the window of health and the declared checks before the project's tests, the contract last."""
        chosen = self.subject.suites
        if not self.subject.is_up:
            items[:] = self._start(session)
            return
        tests = items if not chosen or "tests" in chosen else []
        lines = self._contract(session) if not chosen or "contract" in chosen else []
        items[:] = [*self._start(session), *self._health(session), *self._checks(session), *tests, *lines]

    def _start(self, session: pytest.Session) -> list[pytest.Item]:
        suite = Suite.from_parent(session, name="start", nodeid="start")
        return [self._item(suite, outcome, _replay) for outcome in self.subject.start]

    def _health(self, session: pytest.Session) -> list[pytest.Item]:
        suite = Suite.from_parent(session, name="health", nodeid="health")
        return [self._item(suite, Outcome("health", name), prove) for name, prove in HEALTH.items()]

    def _checks(self, session: pytest.Session) -> list[pytest.Item]:
        suite = Suite.from_parent(session, name="checks", nodeid="checks")
        chosen = self.subject.suites
        return [
            self._item(suite, Outcome("checks", check.name), partial(prove_check, check))
            for check in self.subject.smoke.checks
            if not chosen or check.suite in chosen
        ]

    def _contract(self, session: pytest.Session) -> list[pytest.Item]:
        stack, smoke = self.subject.stack, self.subject.smoke
        if not smoke.contract:
            return []
        suite = Suite.from_parent(session, name="contract", nodeid="contract")
        return [
            self._item(suite, Outcome("contract", line.name, service=line.service), partial(_prove, line))
            for line in contract.lines(smoke, stack.own_services(), self.subject.metrics_paths)
        ]

    def _item(self, suite: Suite, outcome: Outcome, prove: Callable[[SmokeItem], None]) -> pytest.Item:
        item: pytest.Item = SmokeItem.from_parent(
            suite, name=outcome.name, subject=self.subject, outcome=outcome, prove=prove
        )
        return item

    # Fixtures

    @pytest.fixture
    def smoke_context(self, request: pytest.FixtureRequest) -> Iterator[CheckContext]:
        """The trace of this test, and what it sent and got as secrets."""
        context = CheckContext(self.subject.stack, self.subject.environ)
        yield context
        self.subject.seen.secrets |= context.secrets
        if request.node.get_closest_marker(ALLOWS_ERRORS):
            self.subject.seen.allow(context.origin.trace_id, context.origin.began_ns)
        request.node.user_properties.append(("trace_id", context.origin.trace_id))
        context.close()

    @pytest.fixture
    def stack(self) -> StackFixture:
        """The running stack: status, addresses, stop, start, kill."""
        return StackFixture(self.subject.stack)

    @pytest.fixture
    def http(self, smoke_context: CheckContext) -> Iterator[Http]:
        """`http("gateway")`: a client of a service, whose requests carry the trace of this test."""
        clients = Http(smoke_context)
        yield clients
        clients.close()

    @pytest.fixture
    def traces(self, smoke_context: CheckContext) -> Traces:
        """The spans of this test's trace, and those of the run."""
        return Traces(smoke_context)

    @pytest.fixture
    def logs(self, smoke_context: CheckContext) -> Logs:
        """The log lines since this test began."""
        return Logs(smoke_context)

    @pytest.fixture
    def metrics(self) -> Metrics:
        """PromQL, and what a service exposes."""
        return Metrics(self.subject.stack)

    @pytest.fixture
    def events(self, smoke_context: CheckContext) -> Events:
        """The events since this test began."""
        return Events(smoke_context)

    @pytest.fixture(name="eventually")
    def eventually_fixture(self) -> Callable[..., Any]:
        """`eventually(ask, within=10)`: the first true answer of `ask`."""
        return eventually

    # Outcomes

    def pytest_configure(self, config: pytest.Config) -> None:
        if config.pluginmanager.hasplugin("xdist") and (
            config.getoption("tx", None) or config.getoption("dist", "no") != "no"
        ):
            self.is_spread = True
            raise pytest.UsageError
        config.addinivalue_line("markers", f"{BLAMES}(service): to blame when it fails and no span of its trace did")
        config.addinivalue_line("markers", f"{ALLOWS_ERRORS}: spans of this test may fail; the contract overlooks them")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        result: Any = yield
        report = result.get_result()
        if isinstance(item, SmokeItem):
            if item.outcome.phase == "start" and report.when == "call":
                report.duration = item.outcome.seconds
            report.devctl_outcome = item.outcome
        elif report.failed and report.when == "call":
            report.devctl_evidence = self._evidence(item, call.excinfo.value if call.excinfo else None)

    def _evidence(self, item: pytest.Item, error: BaseException | None) -> Outcome:
        """Return the evidence of a failing test of the project: it is gathered while its trace is at hand. A wait that
        names who owes its answer settles who is to blame."""
        context = getattr(item, "funcargs", {}).get("smoke_context")
        marker = item.get_closest_marker(BLAMES)
        outcome = Outcome("tests", item.name, service=str(marker.args[0]) if marker else "")
        if context is not None:
            explain(outcome, self.subject.stack, context, outcome.service, 0)
        outcome.service = getattr(error, "service", "") or outcome.service
        return outcome

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep one outcome for each item: of its call, else of a set-up or tear-down that failed."""
        if report.when == "call" or (report.when == "setup" and not report.passed) or report.failed:
            self._add(_outcome_of(report))
        self._show_pending()

    def pytest_sessionfinish(self) -> None:
        self._show_pending()

    def _add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._pending.append(outcome)

    def _show_pending(self) -> None:
        """Show what came since: only between items does pytest not take what is written for output of the item."""
        pending, self._pending = self._pending, []
        for outcome in pending:
            self._show(outcome)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._end_when_lost(item)

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        self._end_when_lost(item)

    def _end_when_lost(self, item: pytest.Item) -> None:
        """End the run at once when a service that matters failed for good; its diagnosis is the outcome."""
        failed = self.subject.watcher.failed
        if not failed or not self.subject.is_up or self.is_lost:
            return
        self.is_lost = True
        outcome = lost(self.subject.stack, failed)
        self._add(outcome)
        item.session.shouldstop = outcome.message


def lost(stack: RunningStack, service: str) -> Outcome:
    """Return the outcome of a service that failed for good while it was checked."""
    from devctl.smoke.start import explanation, root_cause

    outcome = Outcome("health", f"{service} goes on", FAILED, message=f"{service} failed for good", service=service)
    try:
        (why,) = stack.why([service])
    except (DevctlError, ValueError):
        return outcome
    outcome.text, outcome.service = explanation(why), root_cause(why) or service
    return outcome


def _outcome_of(report: pytest.TestReport) -> Outcome:
    outcome: Outcome | None = getattr(report, "devctl_outcome", None)
    if outcome is None:
        outcome = getattr(report, "devctl_evidence", None) or Outcome("tests", report.nodeid.rpartition("::")[2])
        outcome.file = report.nodeid.partition("::")[0]
    outcome.seconds = report.duration
    if report.skipped:
        outcome.status = SKIPPED
        outcome.message = outcome.message or _skip_reason(report)
    elif report.failed:
        outcome.status = FAILED
        plain = report.longreprtext.replace(outcome.evidence, "") if outcome.evidence else report.longreprtext
        outcome.text = outcome.text or plain.strip()
        outcome.message = outcome.message or _headline(report)
    elif outcome.status not in (FLAKY, SKIPPED):
        outcome.status = PASSED
    return outcome


def _skip_reason(report: pytest.TestReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""


def _headline(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else report.longreprtext).strip().splitlines()
    return lines[0] if lines else "it failed"


# What items prove


def _replay(item: SmokeItem) -> None:
    """End as the start did."""
    if item.outcome.status == FAILED:
        raise CheckFailed(item.outcome.message, service=item.outcome.service)
    if item.outcome.status == SKIPPED:
        pytest.skip(item.outcome.message)


def _prove_calm(item: SmokeItem) -> None:
    observation = item.subject.observed()
    if item.subject.watcher.failed:
        pytest.skip("the run ended before")  # the service that failed is an item of its own
    _hold(item, observation.restarts)


def _prove_no_errors(item: SmokeItem) -> None:
    _hold(item, item.subject.observed().errors)


def _prove_no_alerts(item: SmokeItem) -> None:
    _hold(item, item.subject.observed().alerts)


HEALTH: Mapping[str, Callable[[SmokeItem], None]] = {
    "everything stays healthy": _prove_calm,
    "no new kind of error line": _prove_no_errors,
    "no alert fires": _prove_no_alerts,
}


def _hold(item: SmokeItem, faults: Sequence[tuple[str, str]]) -> None:
    if faults:
        item.outcome.service = faults[0][0]
        item.outcome.message = faults[0][1].partition("\n")[0]
        raise CheckFailed("\n".join(sentence for _, sentence in faults), service=faults[0][0])


def _prove(line: contract.ContractLine, item: SmokeItem) -> None:
    """Prove one line of the contract."""
    item.subject.observed()
    try:
        line.run(item.subject.stack, item.subject.seen)
    except CheckFailed as failure:
        item.outcome.service, item.outcome.message = failure.service, str(failure)
        raise


def prove_check(check: Check, item: SmokeItem) -> None:
    """Run a declared check, again when the manifest says so: one that passes then is flaky."""
    item.subject.observed()
    outcome = item.outcome
    for attempt in range(check.retries + 1):
        failure = _attempt(item, check)
        if failure is None:
            outcome.status = FLAKY if outcome.attempts else PASSED
            return
        outcome.message = str(failure)
        if attempt < check.retries:
            outcome.attempts.append(f"{failure}\n\n{outcome.evidence}".strip())
            continue
        raise failure


def _attempt(item: SmokeItem, check: Check) -> CheckFailed | None:
    subject = item.subject
    context = CheckContext(subject.stack, subject.environ, check.timeout)
    context.is_lost = lambda: subject.watcher.failed
    try:
        checks.run(check, context)
    except CheckFailed as failure:
        explain(item.outcome, subject.stack, context, failure.service, failure.status, slow=failure.is_slow)
        return failure
    finally:
        item.outcome.trace_id = context.origin.trace_id
        subject.seen.secrets |= context.secrets
        if check.allow_errors:
            subject.seen.allow(context.origin.trace_id, context.origin.began_ns)
        context.close()
    return None


def explain(
    outcome: Outcome, stack: RunningStack, context: CheckContext, accused: str, status: int, *, slow: bool = False
) -> None:
    """Add to an outcome the trace of its check, the waterfall, and the service to blame."""
    outcome.trace_id = context.origin.trace_id
    try:
        spans = stack.settled_trace(outcome.trace_id)
        outcome.evidence = evidence.waterfall(stack, outcome.trace_id)
    except DevctlError:
        spans = []
    if slow:
        outcome.service = evidence.slowest(spans, accused)
    else:
        outcome.service = evidence.culprit(spans, accused, status)
