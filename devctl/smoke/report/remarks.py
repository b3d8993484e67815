"""Annotations beside the code: GitHub's workflow commands, GitLab's report and attachments. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from devctl.smoke.outcome import Outcome, Report
from devctl.smoke.report.junit import headline, text

MOST = 10
"""GitHub shows ten annotations of a kind for each step, and drops the others without a word."""
LONGEST = 4_000  # GitHub cuts messages at 4 KiB


def github(report: Report) -> list[str]:
    """Return workflow commands: failures as errors, flaky items as warnings, at most ten of each kind."""
    return [*_limited(report.failed, "error"), *_limited(report.flaky, "warning")]


def _limited(outcomes: Sequence[Outcome], kind: str) -> Iterator[str]:
    shown = outcomes if len(outcomes) <= MOST else outcomes[: MOST - 1]
    for outcome in shown:
        message = outcome.message if kind == "error" else f"flaky: {outcome.attempts[0] if outcome.attempts else ''}"
        line = headline(outcome) if kind == "error" else message.partition("\n")[0]
        location = f"file={_property(outcome.file)}," if outcome.file else ""
        title = _property(f"{outcome.phase}: {outcome.name}")
        yield f"::{kind} {location}title={title}::{_message(line)}"
    if len(shown) < len(outcomes):
        yield f"::{kind} title=smoke::… and {len(outcomes) - len(shown)} more"


def _message(value: str) -> str:
    return text(value)[:LONGEST].replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _message(value).replace(":", "%3A").replace(",", "%2C")


def gitlab(links: Sequence[tuple[str, str]]) -> str:
    """Return an annotations report (`artifacts: reports: annotations`) with a link for each label and address."""
    return json.dumps({"smoke": [{"external_link": {"label": label, "url": url}} for label, url in links]}, indent=2)
