"""The JUnit report as others read it: valid by a schema of the format, and the same in a parser that is not ours."""

from pathlib import Path

import junitparser
import pytest
import xmlschema

from devctl.smoke.outcome import Outcome, Report
from devctl.smoke.report import junit

SCHEMA = Path(__file__).with_name("junit.xsd")
HOSTILE = "\x1b[31mred\x00\x0b\ud800 ]]> <script>alert(1)</script> & \uffff <![CDATA[ x\r\n\tй 🚀"


def failing(name: str, text: str = "it failed", **fields: object) -> Outcome:
    return Outcome("checks", name, "failed", 1.5, text, text=text, service="order", **fields)  # type: ignore[arg-type]


REPORTS = {
    "green": [Outcome("start", "api: healthy", seconds=0.25), Outcome("checks", "buy")],
    "hostile": [failing(HOSTILE, HOSTILE, evidence=HOSTILE, attempts=[HOSTILE])],
    "equal names": [failing("same"), failing("same"), failing("same (2)"), Outcome("checks", "same")],
    "long": [failing("long", "x" * 1_200_000, evidence="y" * 1_200_000)],
    "skipped and flaky": [
        Outcome("start", "jaeger: healthy", "skipped", message="optional"),
        Outcome("checks", "late", "flaky", attempts=["status 500\nmore", "status 502"]),
    ],
}


@pytest.mark.parametrize("outcomes", REPORTS.values(), ids=REPORTS)
def test_every_report_is_valid_and_says_the_same_to_another_parser(tmp_path: Path, outcomes: list[Outcome]) -> None:
    file = tmp_path / "junit.xml"
    file.write_bytes(junit.document(Report("shop", "run", outcomes, properties={"cpus": "2"}), "2026-01-31T12:00:00"))
    xmlschema.validate(str(file), str(SCHEMA))
    suites = list(junitparser.JUnitXml.fromfile(str(file)))
    cases = [case for suite in suites for case in suite]
    assert len(cases) == len(outcomes)
    assert sum(suite.failures for suite in suites) == sum(outcome.is_bad for outcome in outcomes)
    assert [type(case.result[0]).__name__ if case.result else "" for case in cases] == [
        {"failed": "Failure", "skipped": "Skipped"}.get(outcome.status, "")
        for phase in ("start", "checks")
        for outcome in outcomes
        if outcome.phase == phase
    ]
