"""Makes the lock of Kafka's jars with jgo, the resolver of Maven coordinates, and Kafka's first metadata with Kafka.

`python -m devctl.products.kafka.lock`, for whoever raises the version. At run time what it made is read.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from devctl.products.kafka.tools import LOCK

KAFKA = "4.1.2"
WHOLE = (f"org.apache.kafka:kafka_2.13:{KAFKA}",)
"""With all that they depend on."""
ALONE = (
    f"org.apache.kafka:kafka-tools:{KAFKA}",
    f"org.apache.kafka:kafka-tools-api:{KAFKA}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
)
"""Without: the command-line programs (whose other needs are Kafka Connect's) and the door from slf4j to log4j."""
LOCKS = LOCK.parent


def resolve(repository: Path) -> list[Any]:
    """Return jgo's resolved dependencies, their jars downloaded into `repository`."""
    from jgo.maven import Dependency, MavenContext

    context = MavenContext(repo_cache=repository, timeout=30)

    def dependency(coordinate: str) -> Dependency:
        group, artifact, version = coordinate.split(":")
        return Dependency(context.project(group, artifact).at_version(version).artifact())

    first, rest = context.resolver.resolve([dependency(coordinate) for coordinate in WHOLE])
    present = {str(each.artifact) for each in (*first, *rest)}
    alone = [each for each in map(dependency, ALONE) if str(each.artifact) not in present]
    return [*first, *rest, *alone]


def format_with_kafka(jars: list[Path], folder: Path) -> bytes:
    """Return the first metadata that Kafka's own formatter writes for a single node."""
    from devctl.products import toolbox
    from devctl.products.kafka import process

    java = toolbox.find("java")
    assert java is not None
    config = folder / "server.properties"
    config.write_text(
        f"process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:1\n"
        f"listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\ncontroller.listener.names=CONTROLLER\n"
        f"log.dirs={folder / 'data'}\n"
    )
    storage = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", str(config)]
    subprocess.run([java.path, "-cp", ":".join(map(str, jars)), *storage], check=True, stdout=subprocess.DEVNULL)
    return (folder / "data" / process.BOOTSTRAP).read_bytes()


def main() -> None:
    """Write both files anew."""
    import tomli_w
    from jgo.env import LockFile

    from devctl.products.kafka import process

    with tempfile.TemporaryDirectory() as folder:
        dependencies = resolve(Path(folder))
        jars = [dependency.artifact.resolve() for dependency in dependencies]
        size = sum(jar.stat().st_size for jar in jars)
        (LOCKS / process.LOCKED_BOOTSTRAP).write_bytes(format_with_kafka(jars, Path(folder)))
        lock = LockFile.from_resolved_dependencies(dependencies, environment_name="kafka", min_java_version=17)
        lock.save(LOCK)
    facts = tomllib.loads(LOCK.read_text())
    del facts["metadata"]["generated"]
    LOCK.write_text(tomli_w.dumps({**facts, "devctl": {"bytes": size}}))
    print(f"{len(dependencies)} jars, {size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
