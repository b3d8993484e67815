"""Kafka as a process: its command line and its storage folder."""

from __future__ import annotations

import base64
import re
import uuid
from importlib import resources
from pathlib import Path

from devctl.disk import replace_file

BROKER = "kafka.Kafka"
META, BOOTSTRAP = "meta.properties", "bootstrap.checkpoint"
LOCKED_BOOTSTRAP = "kafka.bootstrap.checkpoint"


def command(java: str, jars: str, logging_file: str, heap: str) -> list[str]:
    """Return the JVM's command line up to the class path; the main class and its arguments come after it."""
    return [
        java, "-Xms64m", "-Xmn24m", f"-Xmx{heap}", "-Xss256k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", "-Xlog:cds=off",
        f"-Dlog4j2.configurationFile={logging_file}", *_allowances(java), "-cp", class_path(jars),
    ]  # fmt: skip


def _allowances(java: str) -> list[str]:
    """Return the option without which Java 24 and newer warn of what Kafka's own code does, on every start."""
    try:
        release = (Path(java).resolve().parent.parent / "release").read_text()
    except OSError:
        return []
    version = re.search(r'JAVA_VERSION="(\d+)', release)
    return ["--sun-misc-unsafe-memory-access=allow"] if version and int(version[1]) >= 24 else []


def class_path(jars: str) -> str:
    """Return every jar of the folder, sorted: a class-data archive holds for exactly one class path."""
    return ":".join(sorted(str(jar) for jar in Path(jars).glob("*.jar")))


def format_storage(data: Path) -> None:
    """Give an empty data folder its identity and Kafka's first metadata; a folder that has them is left alone.

    The metadata (which features are on) is what Kafka's own formatter writes; it ships with the lock of the jars,
    so that no second JVM has to run for it.
    """
    if (data / META).exists():
        return
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / BOOTSTRAP).write_bytes(
        resources.files("devctl.products.kafka").joinpath("locks", LOCKED_BOOTSTRAP).read_bytes()
    )
    identity = f"version=1\ncluster.id={_identity()}\nnode.id=1\ndirectory.id={_identity()}\n"
    replace_file(data / META, identity)  # last, and at once: with it the folder counts as formatted


def _identity() -> str:
    """Return a random id as Kafka writes them: 22 characters, no dash in front."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return text
