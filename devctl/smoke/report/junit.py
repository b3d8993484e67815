"""JUnit XML as CI systems read it: a suite for each phase, Surefire's elements for what is flaky. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from devctl.smoke.outcome import FLAKY, PHASES, SKIPPED, Outcome, Report

MOST_TEXT = 64 << 10
"""So much of one text is kept: Jenkins and GitLab refuse or cut reports of many megabytes."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.")


def document(report: Report, timestamp: str, attachment: str = "") -> bytes:
    """Return the report as one XML document; `timestamp` is when the run began (ISO 8601, without a zone).
    `attachment` is a file that explains failures, which GitLab links from each of them."""
    root = Xml.Element("testsuites", {"name": text(report.stack), **_counts(report.outcomes)})
    for phase in PHASES:
        outcomes = [outcome for outcome in report.outcomes if outcome.phase == phase]
        if outcomes:
            root.append(_suite(report, phase, outcomes, timestamp, attachment))
    written: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _counts(outcomes: Iterable[Outcome]) -> dict[str, str]:
    entries = list(outcomes)
    return {
        "tests": str(len(entries)),
        "failures": str(sum(entry.is_bad for entry in entries)),
        "errors": "0",
        "time": f"{sum(entry.seconds for entry in entries):.3f}",
    }


def _suite(report: Report, phase: str, outcomes: list[Outcome], timestamp: str, attachment: str) -> Xml.Element:
    skipped = str(sum(outcome.status == SKIPPED for outcome in outcomes))
    name = f"{report.stack}.{phase}"
    suite = Xml.Element(
        "testsuite", {"name": text(name), **_counts(outcomes), "skipped": skipped, "timestamp": timestamp}
    )
    properties = Xml.SubElement(suite, "properties")
    for key, value in {"run": report.run, **report.properties}.items():
        Xml.SubElement(properties, "property", {"name": text(key), "value": text(value)})
    names: dict[str, int] = {}
    for outcome in outcomes:
        suite.append(_case(outcome, name, _unique(text(outcome.name), names), attachment))
    return suite


def _unique(name: str, names: dict[str, int]) -> str:
    """Return a name that no case before has: readers fold cases of one name into one."""
    while name in names:
        names[name] += 1
        name = f"{name} ({names[name]})"
    names[name] = 1
    return name


def _case(outcome: Outcome, suite: str, name: str, attachment: str) -> Xml.Element:
    case = Xml.Element("testcase", {"name": name, "classname": text(suite), "time": f"{outcome.seconds:.3f}"})
    if outcome.status == SKIPPED:
        Xml.SubElement(case, "skipped", {"message": text(outcome.message)})
    elif outcome.is_bad:
        kind = outcome.service or outcome.phase
        failure = Xml.SubElement(case, "failure", {"message": text(headline(outcome)), "type": text(kind)})
        failure.text = text(outcome.text or outcome.message)
    for attempt in outcome.attempts:
        element = "flakyFailure" if outcome.status == FLAKY else "rerunFailure"
        first = attempt.partition("\n")[0]
        Xml.SubElement(case, element, {"message": text(first), "type": outcome.phase}).text = text(attempt)
    output = [text(outcome.evidence), f"[[ATTACHMENT|{text(attachment)}]]" if attachment else ""]
    if any(output) and (outcome.is_bad or outcome.attempts):
        Xml.SubElement(case, "system-out").text = "\n".join(filter(None, output))
    return case


def headline(outcome: Outcome) -> str:
    """Return one line that says what failed, the service to blame first."""
    line = outcome.message.partition("\n")[0]
    return f"{outcome.service}: {line}" if outcome.service and not line.startswith(f"{outcome.service} ") else line


def text(value: str) -> str:
    """Return text that XML can hold: no control characters, no lone surrogates, not without end."""
    plain = _NOT_XML.sub("", _SEQUENCE.sub("", value))
    if len(plain) <= MOST_TEXT:
        return plain
    half = MOST_TEXT // 2
    return f"{plain[:half]}\n… {len(plain) - 2 * half} characters left out …\n{plain[-half:]}"
