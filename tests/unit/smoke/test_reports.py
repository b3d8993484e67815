"""Reports of a smoke run, also with hostile text in it."""

from xml.etree import ElementTree as Xml

from devctl.smoke.outcome import Coverage, Outcome, Report
from devctl.smoke.report import junit, markdown, remarks

HOSTILE = (
    "\x1b[31mred\x00\x0b\ud800 ]]> <script>alert(1)</script> & \uffff ::error::x\n```\n@everyone [x](javascript:y)"
)


def failing(name: str = "buy", *, message: str = "boom", **fields: object) -> Outcome:
    return Outcome("checks", name, "failed", 1.5, message, **fields)  # type: ignore[arg-type]


def report(*outcomes: Outcome) -> Report:
    return Report("shop", "run", list(outcomes), 12.0, 1.0, {"cpus": "2"})


def parsed(*outcomes: Outcome) -> Xml.Element:
    return Xml.fromstring(junit.document(report(*outcomes), "2026-01-31T12:00:00"))


def test_each_phase_is_a_suite_with_its_counts_and_properties() -> None:
    root = parsed(Outcome("start", "api: healthy"), failing(), Outcome("checks", "browse"))
    suites = {suite.attrib["name"]: suite.attrib for suite in root.iter("testsuite")}
    assert suites["shop.start"]["failures"] == "0"
    assert (suites["shop.checks"]["tests"], suites["shop.checks"]["failures"]) == ("2", "1")
    assert [p.attrib["name"] for p in root[0].iter("property")] == ["run", "cpus"]


def test_hostile_text_leaves_well_formed_xml_without_control_characters() -> None:
    root = parsed(failing(HOSTILE, message=HOSTILE, text=HOSTILE, evidence=HOSTILE, service=HOSTILE))
    (failure,) = root.iter("failure")
    assert failure.text
    assert "<script>" in failure.text
    assert not {"\x1b", "\x00", "\x0b", "\uffff"} & set(failure.text)


def test_equal_names_become_unique() -> None:
    names = [case.attrib["name"] for case in parsed(*[failing("same")] * 3, failing("same (2)")).iter("testcase")]
    assert len(set(names)) == 4


def test_a_report_with_megabytes_of_output_keeps_the_beginning_and_the_end() -> None:
    text = "first" + "x" * 1_200_000 + "last"
    document = junit.document(report(failing(text=text, evidence=text)), "2026-01-31T12:00:00")
    assert len(document) < 300_000
    assert b"first" in document
    assert b"last" in document


def test_a_flaky_check_is_no_failure_and_keeps_the_text_of_the_first() -> None:
    root = parsed(Outcome("checks", "buy", "flaky", attempts=["status 500\nmore"]))
    assert root.find(".//failure") is None
    flaky = root.find(".//flakyFailure")
    assert flaky is not None
    assert flaky.attrib["message"] == "status 500"


def test_the_attempts_of_a_check_that_failed_for_good_are_rerun_failures() -> None:
    assert parsed(failing(attempts=["first time"])).find(".//rerunFailure") is not None


def test_a_failure_names_its_attachment_after_its_output_and_what_passed_has_none() -> None:
    whole = report(failing(evidence="the trace"), Outcome("checks", "browse"))
    root = Xml.fromstring(junit.document(whole, "2026-01-31T12:00:00", "smoke/bundle.zip"))
    assert [output.text for output in root.iter("system-out")] == ["the trace\n[[ATTACHMENT|smoke/bundle.zip]]"]


def test_the_summary_names_the_service_to_look_at_first_and_escapes_what_is_hostile() -> None:
    text = markdown.document(report(failing(HOSTILE, message=HOSTILE, service="order")))
    assert "Look at order first" in text
    assert "<script>" not in text.replace("```text", "")
    assert "@everyone" not in text
    assert "\x1b" not in text


def test_a_summary_is_cut_at_the_end_of_a_section_below_what_github_takes() -> None:
    outcomes = [failing(f"check {n}", text="x" * 9_000) for n in range(300)]
    text = markdown.document(report(*outcomes))
    assert len(text.encode()) < 1024 << 10
    assert text.count("```") % 2 == 0
    assert "left out" in text


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    assert markdown.fenced("a ```` b").startswith("`````text")


def test_github_gets_ten_annotations_of_a_kind_the_last_of_which_counts_the_rest() -> None:
    lines = remarks.github(report(*[failing(f"check {n}") for n in range(46)]))
    assert len(lines) == 10
    assert lines[-1].endswith("… and 37 more")


def test_an_annotation_stays_one_command_whatever_its_text_holds() -> None:
    (line,) = remarks.github(report(failing("a,b::c", message="one\n::error::two 100%")))
    assert "\n" not in line
    assert line.startswith("::error title=checks%3A a%2Cb%3A%3Ac::")


def test_coverage_lists_what_no_check_touched() -> None:
    whole = report(Outcome("checks", "buy"))
    whole.coverage = Coverage(["cart"], ["cart GET /api/v1/cart"], ["gateway -> cart"], 6, 20, 8)
    text = markdown.document(whole)
    assert "6 of 7 services" in text
    assert "gateway" in text
