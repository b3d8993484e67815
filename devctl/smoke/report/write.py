"""Completes a report with what only its end knows, and writes it wherever it is wanted."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from devctl.errors import DevctlError, EnvironmentProblem
from devctl.paths import STATE_FOLDER
from devctl.smoke import history
from devctl.smoke.outcome import Report
from devctl.smoke.report import coverage, junit, markdown, remarks

if TYPE_CHECKING:
    from devctl.smoke.run import SmokeRun


class Targets(NamedTuple):
    """The files that were asked for; empty ones were not."""

    junit: str = ""
    markdown: str = ""
    bundle: str = ""


def complete(report: Report, life: SmokeRun) -> None:
    """Add versions, facts of the machine, coverage, and what earlier runs say."""
    report.properties |= machine_facts()
    is_up = life.subject is not None and life.subject.is_up
    if life.subject is not None and is_up:
        report.coverage = coverage.of(life.stack, life.subject.seen.began_ns)
    if not report.interrupted:
        past = history.History(life.access.paths.folder / STATE_FOLDER)
        history.complete(report, past, life.figures() if is_up and life.is_whole else None)


def check_targets(targets: Targets) -> None:
    """Raise EnvironmentProblem for a report that cannot be written, before anything is started for it."""
    for path in filter(None, targets):
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            existed = target.exists()
            with open(target, "ab"):
                pass
            if not existed:
                target.unlink()
        except OSError as error:
            raise _refused(path, error) from error


def _refused(path: str, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(f"the report cannot be written: {error.strerror}", where=path)


def machine_facts() -> dict[str, str]:
    """Return what tells one machine's report from another's."""
    from importlib.metadata import version

    return {
        "devctl": version("devctl"),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "machine": platform.machine(),
        "cpus": str(os.cpu_count() or 0),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def files(report: Report, life: SmokeRun, targets: Targets, environ: Mapping[str, str], began: float) -> Iterator[str]:
    """Write every report, also when one of them cannot be written; yield a sentence for each."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began))
    summary = markdown.document(report)
    writers: tuple[tuple[str, str, Callable[[], None]], ...] = (
        (
            "JUnit report",
            targets.junit,
            lambda: _write(targets.junit, junit.document(report, stamp, _attachment(targets, environ))),
        ),
        ("Summary", targets.markdown, lambda: _write(targets.markdown, summary.encode())),
        ("Bundle", targets.bundle, lambda: _bundle(report, life, Path(targets.bundle), summary)),
    )
    refused: list[EnvironmentProblem] = []
    for what, path, write in writers:
        if path:
            try:
                write()
                yield f"{what}: {path}"
            except EnvironmentProblem as error:
                refused.append(error)
    yield from _for_ci(report, summary, environ)
    if refused:
        raise refused[0]


def _for_ci(report: Report, summary: str, environ: Mapping[str, str]) -> Iterator[str]:
    """Give GitHub and GitLab what they show; what they refuse costs that alone."""
    if step_summary := environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with open(step_summary, "ab") as file:
                file.write(summary.encode())
        except OSError as error:
            yield f"The summary of the step cannot be written: {error.strerror}: {step_summary}"
    if environ.get("GITHUB_ACTIONS") == "true":
        yield from remarks.github(report)
    if environ.get("GITLAB_CI") == "true" and (job := environ.get("CI_JOB_URL")):
        links = [(f"smoke: {report.verdict}", f"{job}/artifacts/browse")]
        try:
            _write("gl-annotations.json", remarks.gitlab(links).encode())
        except EnvironmentProblem as error:
            yield str(error)


def _attachment(targets: Targets, environ: Mapping[str, str]) -> str:
    """Return the bundle, else the summary, as GitLab names an artifact: from the project's folder; empty elsewhere."""
    file = targets.bundle or targets.markdown
    if environ.get("GITLAB_CI") != "true" or not file:
        return ""
    with contextlib.suppress(ValueError):
        return Path(file).resolve().relative_to(Path(environ.get("CI_PROJECT_DIR") or ".").resolve()).as_posix()
    return ""


def _bundle(report: Report, life: SmokeRun, target: Path, summary: str) -> None:
    """Pack the run with what its record does not hold: the report, states, reasons and metrics of this moment."""
    from devctl.actions import bundle

    documents: dict[str, Any] = {
        "report.json": as_json(report),
        "summary.md": summary,
        "machine.json": report.properties,
    }
    with contextlib.suppress(DevctlError):
        documents["status.json"] = life.stack.status()
        documents["why.json"] = life.stack.why(())
    with contextlib.suppress(DevctlError):
        series = life.stack.query('{__name__=~".+"}')
        documents["metrics.json"] = [{"labels": dict(entry.labels), "value": entry.last} for entry in series]
    values = life.subject.seen.secrets if life.subject else ()
    bundle.pack(life.stack.run, target, documents=documents, values=values)


def _write(path: str, content: bytes) -> None:
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise _refused(path, error) from error


def as_json(report: Report) -> dict[str, Any]:
    """Return what `smoke --json` prints."""
    from dataclasses import asdict

    return {
        "stack": report.stack,
        "run": report.run,
        "verdict": report.verdict,
        "seconds": round(report.seconds, 3),
        "overhead_seconds": round(report.overhead_seconds, 3),
        "properties": report.properties,
        "coverage": asdict(report.coverage),
        "notes": report.notes,
        "history": report.history,
        "green_run": report.green_run,
        "differences": [entry.as_json() for entry in report.differences],
        "outcomes": [outcome.as_json() for outcome in report.outcomes],
    }
