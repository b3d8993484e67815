"""Makes the lock file of Kafka's jars with jgo, the resolver of Maven coordinates: `python -m devctl.tools.lock`.

For whoever raises the version. At run time only the lock file is read; jgo need not be there.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

KAFKA = "4.1.2"
WHOLE = (f"org.apache.kafka:kafka_2.13:{KAFKA}",)
"""With all that they depend on."""
ALONE = (
    f"org.apache.kafka:kafka-tools:{KAFKA}",
    f"org.apache.kafka:kafka-tools-api:{KAFKA}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
)
"""Without: the command-line programs (whose other needs are Kafka Connect's) and the door from slf4j to log4j."""
LOCK = Path(__file__).parent / "locks" / "kafka.lock.toml"


def resolve(repository: Path) -> list[Any]:
    """Return jgo's resolved dependencies, their jars downloaded into `repository`."""
    from jgo.maven import Dependency, MavenContext

    context = MavenContext(repo_cache=repository, timeout=30)

    def dependency(coordinate: str) -> Dependency:
        group, artifact, version = coordinate.split(":")
        return Dependency(context.project(group, artifact).at_version(version).artifact())

    first, rest = context.resolver.resolve([dependency(coordinate) for coordinate in WHOLE])
    have = {str(found.artifact) for found in (*first, *rest)}
    alone = [found for found in map(dependency, ALONE) if str(found.artifact) not in have]
    return [*first, *rest, *alone]


def main() -> None:
    """Write the lock file anew."""
    import tomli_w
    from jgo.env import LockFile

    with tempfile.TemporaryDirectory() as folder:
        found = resolve(Path(folder))
        size = sum(dependency.artifact.resolve().stat().st_size for dependency in found)
        lock = LockFile.from_resolved_dependencies(found, environment_name="kafka", min_java_version=17)
        lock.save(LOCK)
    facts = tomllib.loads(LOCK.read_text())
    del facts["metadata"]["generated"]
    LOCK.write_text(tomli_w.dumps({**facts, "devctl": {"bytes": size}}))
    print(f"{len(found)} jars, {size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
