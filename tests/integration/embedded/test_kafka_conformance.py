"""The embedded Kafka does what a real one does: every scenario is run against both and the observations compared."""

from __future__ import annotations

import subprocess

import pytest

from devctl.errors import EnvironmentProblem
from devctl.products import toolbox
from devctl.products.kafka import process
from tests.integration.embedded.kafka_scenarios import SCENARIOS, Bench, observe
from tests.reference.observed import Reference, as_json, at_once, recording

# The first use may fetch the real one: once per user.
pytestmark = [pytest.mark.xdist_group("kafka"), pytest.mark.real, pytest.mark.timeout(600)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_emulator_shows_what_the_real_one_shows(
    scenario: str, kafka_emulator: str, kafka_reference: Reference
) -> None:
    embedded, real = at_once(lambda: observe(kafka_emulator, scenario), lambda: kafka_reference.observe(scenario))
    assert embedded == real


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_recording_is_what_the_real_one_shows(scenario: str, kafka_reference: Reference) -> None:
    if kafka_reference.why_recorded:
        pytest.skip(f"compared with recorded answers of Kafka 4.1: {kafka_reference.why_recorded}")
    assert recording("kafka")[scenario] == as_json(kafka_reference.observe(scenario))


def test_it_names_itself(kafka_emulator: str) -> None:
    bench = Bench(kafka_emulator)
    described = bench.admin.describe_cluster().result(10.0)
    assert described.cluster_id == "devctl-embedded-kafka-stand-in"


def test_apache_kafkas_own_clients_in_java_work_with_it(kafka_emulator: str) -> None:
    try:
        java, jars = (toolbox.fetch(name, lambda _: None).path for name in ("java", "kafka"))
    except EnvironmentProblem as reason:
        pytest.skip(str(reason))

    def run(program: str, *arguments: str, typed: str = "") -> str:
        start = [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", process.class_path(jars)]
        command = [*start, f"org.apache.kafka.tools.{program}", "--bootstrap-server", kafka_emulator, *arguments]
        done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    run("TopicCommand", "--create", "--topic", "java", "--partitions", "2")
    run("ConsoleProducer", "--topic", "java", typed="a\nb\nc\n")
    reading = ("--topic", "java", "--group", "java-g", "--from-beginning", "--max-messages", "3")
    assert sorted(run("consumer.ConsoleConsumer", *reading).split()) == ["a", "b", "c"]
