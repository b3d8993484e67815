"""`devctl why`: the root causes of what is wrong, with evidence, the path to the symptom, and the next step."""

from __future__ import annotations

from devctl.actions import names
from devctl.actions.recorded import RecordedSession
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Arguments, Duration, Flag
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.access import Reader
    from devctl.diagnosis.views import DiagnosisView
    from devctl.session.protocol import StatusView


class WhyOptions(Options):
    """What `devctl why` takes."""

    subjects = Arguments(
        "[SUBJECT]...", complete="service",
        help="Services, or one trace (32 hex digits), or one id of a journey; the whole stack when none.",
    )  # fmt: skip
    slow = Flag("--slow", help="Which requests became slower, and where their time goes.")
    errors = Flag("--errors", help="Which requests fail, however seldom, and where first.")
    since = Duration("--since", metavar="DURATION", help="How far back to look: 10m [ends: 3m, requests: 1m].")
    run_id = shared.RUN
    as_json = shared.JSON


def run(context: Context, options: WhyOptions) -> int:
    """Explain what is wrong with the whole stack, a service, a trace or a journey."""
    _check(options)
    session = _session(context, options)
    view = _ask(context, session, options)
    _show(context, view, session.status(), as_json=options.as_json)
    session.close()
    return ExitCode.OK if view["state"] == "healthy" else ExitCode.UNHEALTHY


def _check(options: WhyOptions) -> None:
    if options.slow + options.errors + bool(options.subjects) > 1:
        raise UsageError("--slow, --errors and a subject are three questions", next="Ask them one by one.")


def _ask(context: Context, session: Reader, options: WhyOptions) -> DiagnosisView:
    """Return the answer to what the options ask: a service goes before a trace, a trace before a journey's id."""
    if options.slow or options.errors:
        return context.stack.diagnose_requests(session, slow=options.slow, since_seconds=options.since)
    subjects = options.subjects
    if len(subjects) == 1 and subjects[0] not in names.of_services(session) and is_id(subjects[0]):
        return context.stack.diagnose_trace(session, subjects[0])
    if subjects:
        names.check_in_stack(session, subjects)
    return context.stack.diagnose(session, subjects, since_seconds=options.since)


def is_id(subject: str) -> bool:
    """Tell whether a word can be the id of a trace or of a thing, and not a misspelt service: it has a digit."""
    return any(character.isdigit() for character in subject)


def _session(context: Context, options: WhyOptions) -> Reader:
    """Return what answers: the stack that runs, or a past run from its record."""
    if options.run_id:
        return RecordedSession(context.stack.paths, context.stack.run(options.run_id))
    return context.stack.session()


def _show(context: Context, view: DiagnosisView, stack: StatusView, *, as_json: bool) -> None:
    if as_json:
        import json

        notices = [stack["notice"]] if stack.get("notice") else []
        context.terminal.write(json.dumps({**view, "notes": [*notices, *view["notes"]]}, indent=2))
        return
    from devctl.render import diagnosis, status

    lines = [*status.notice(stack, context.terminal), *diagnosis.answer(view, context.terminal)]
    context.terminal.write("\n".join(lines))


COMMAND = Command(
    run,
    WhyOptions,
    about="Exit code 0 only when nothing is wrong; 1 when something is, is still on its way, or nothing ever ran.",
    examples={
        "devctl why": "whatever is wrong, root causes first",
        "devctl why order": "one service, down to its root cause",
        "devctl why 4bf92f3577b34da6a3ce929d0e0e4736": "one trace: where it failed, else where its time went",
        "devctl why --slow": "what takes longer than when all was well, and where",
        "devctl why --errors --since 10m": "what fails, the service where it fails first",
        "devctl why --since 1h": "also what ended by itself within the last hour and runs again",
    },
    shape="One object: `state` (healthy, problem, waiting, stopped or never-ran), `summary`, `question`, `run`, "
    "`since`, "
    "`roots`, `ruled_out` (`service`, `sentence`), `waiting` (services on their way) and `notes`. A root has "
    "`service`, "
    "`instance`, `kind`, `sentence`, `confidence` (certain, likely or no evidence), `since` (its first deviation), "
    "`evidence`, `path` (`service`, `sentence`, `evidence`; from the root to the symptom), `explains` and `next`. A "
    "piece of evidence has `kind`, `service`, `text`, `time`, `pointer` (where to see it again) and `lines`.",
)
