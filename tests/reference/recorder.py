"""Runs the scenarios of a conformance suite against the real program and keeps what was seen."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.integration.embedded import consul_scenarios, jaeger_scenarios, kafka_scenarios
from tests.reference.go_programs import CONSUL, JAEGER, find_or_build
from tests.reference.observed import write_recording
from tests.reference.servers import real_consul_at, real_jaeger_at, real_kafka


def record(name: str) -> Path:
    """Record one program; give the file."""
    with tempfile.TemporaryDirectory() as folder:
        return _RECORDERS[name](Path(folder))


def _consul(folder: Path) -> Path:
    with real_consul_at(find_or_build(CONSUL), folder) as url:
        seen = {scenario: consul_scenarios.observe(url, scenario) for scenario in consul_scenarios.SCENARIOS}
    return write_recording("consul", seen)


def _kafka(folder: Path) -> Path:
    with real_kafka(folder) as broker:
        seen = {scenario: kafka_scenarios.observe(broker, scenario) for scenario in kafka_scenarios.SCENARIOS}
    return write_recording("kafka", seen)


def _jaeger(folder: Path) -> Path:
    with real_jaeger_at(find_or_build(JAEGER), folder, jaeger_scenarios.spans()) as url:
        seen = {question: jaeger_scenarios.observe(url, question) for question in jaeger_scenarios.QUESTIONS}
    return write_recording("jaeger", seen)


_RECORDERS = {"consul": _consul, "jaeger": _jaeger, "kafka": _kafka}
