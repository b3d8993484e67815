"""Kafka's jars: where they come from. Data only; the lock beside this module pins every jar by sha256."""

from pathlib import Path

from devctl.products.runtimes import JAVA
from devctl.tools.entry import Entry

LOCK = Path(__file__).with_name("locks") / "kafka.lock.toml"

KAFKA = Entry(
    name="kafka",
    summary="Apache Kafka, as jars",
    sources=("cache", "maven"),
    lock=LOCK,
    version="4.1.2",
    bytes=45_132_297,
    remedy="install devctl's extra `native`, and connect once to Maven Central",
)  # fmt: skip
TOOLS = (JAVA, KAFKA)
