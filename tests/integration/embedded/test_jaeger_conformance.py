"""The embedded Jaeger answers as a real one does: both hold the same spans, and the answers are compared whole."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from devctl.record.span_writer import SpanWriter
from tests.integration.embedded.jaeger_scenarios import QUESTIONS, SHOP, Batch, observe
from tests.reference.observed import Reference, as_json, recording
from tests.reference.running import HTTP, answers_http, emulator, free_ports, running
from tests.reference.servers import embedded_jaeger

# The first use builds the real one where there is Go: minutes, once per user.
pytestmark = [pytest.mark.xdist_group("jaeger"), pytest.mark.real, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_emulator_answers_what_the_real_one_answers(
    question: str, jaeger_emulator: str, jaeger_reference: Reference
) -> None:
    assert as_json(observe(jaeger_emulator, question)) == as_json(jaeger_reference.observe(question))


def test_the_recording_is_what_the_real_one_answers(jaeger_reference: Reference) -> None:
    if jaeger_reference.why_recorded:
        pytest.skip(f"compared with recorded answers of Jaeger 1.62: {jaeger_reference.why_recorded}")
    assert recording("jaeger") == {question: as_json(jaeger_reference.observe(question)) for question in QUESTIONS}


@pytest.mark.parametrize("path", ["/api/v3/services", "/api/v3/traces/1", "/api/transform", "/api/quality-metrics"])
def test_what_the_emulator_lacks_it_says_in_a_plain_sentence(path: str, jaeger_emulator: str) -> None:
    answer = HTTP.get(f"{jaeger_emulator}{path}")
    assert answer.status_code == 501
    assert "emulator" in answer.json()["errors"][0]["msg"]
    assert HTTP.post(f"{jaeger_emulator}/api/archive/{SHOP}").status_code == 501


@pytest.mark.parametrize("path", ["/search", "/search?service=x", f"/trace/{SHOP}"])
def test_its_page_names_itself_and_runs_nothing_from_elsewhere(path: str, jaeger_emulator: str) -> None:
    page = HTTP.get(f"{jaeger_emulator}{path}")
    assert "<title>Traces (devctl's emulator of Jaeger)</title>" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "innerHTML" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert HTTP.get(f"{jaeger_emulator}/").headers["location"] == "/search"
    assert HTTP.get(f"{jaeger_emulator}{path}", headers={"Host": "rebound.example"}).status_code == 403


def test_numbers_that_json_cannot_hold_break_no_answer(tmp_path: Path) -> None:
    batch = Batch("odd")
    batch.span("07" * 16, "71", "numbers", 0, 1, nan=float("nan"), up=float("inf"), down=float("-inf"))
    with embedded_jaeger(tmp_path, [batch.request]) as url:
        (trace,) = HTTP.get(f"{url}/api/traces/{'07' * 16}").json()["data"]
    values = {tag["key"]: tag["value"] for tag in trace["spans"][0]["tags"]}
    assert (values["nan"], values["up"], values["down"]) == ("NaN", "+Inf", "-Inf")


def test_it_waits_for_a_record_that_is_not_there_yet_and_sees_every_new_span(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    url, record = f"http://127.0.0.1:{port}/api", tmp_path / "record.db"
    command = emulator("jaeger", port, None, "--record", str(record))
    with running(command, lambda: answers_http(f"{url}/services"), tmp_path / "log"):
        assert HTTP.get(f"{url}/services").json()["data"] is None
        assert HTTP.get(f"{url}/traces?service=x").json()["data"] == []
        assert HTTP.get(f"{url}/dependencies").json()["data"] == []
        assert HTTP.get(f"{url}/traces/{SHOP}").status_code == 404
        writer = SpanWriter(record)
        batch = Batch("new")
        batch.span(SHOP, "01", "first", 0, 1)
        writer.begin()
        writer.add(batch.request.resource_spans)
        writer.commit()
        assert HTTP.get(f"{url}/services").json()["data"] == ["new"]
        writer.close()


def test_a_long_search_holds_up_no_other_request(tmp_path: Path) -> None:
    batch = Batch("many")
    for number in range(10_000):
        batch.span(f"{number + 1:032x}", f"{number % 250 + 1:02x}", "op", number / 10, 1, number=number)
    with embedded_jaeger(tmp_path, [batch.request]) as url:
        search = f"{url}/api/traces?service=many&start=0&tag=number:-1"
        answers: list[httpx.Response] = []
        searching = threading.Thread(target=lambda: answers.append(HTTP.get(search, timeout=60.0)))
        searching.start()
        assert HTTP.get(f"{url}/api/services", timeout=5.0).json()["data"] == ["many"]
        searching.join(60.0)
        assert answers[0].json()["data"] == []
