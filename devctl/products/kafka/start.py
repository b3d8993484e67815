"""`python -m devctl.products.kafka.start`: becomes Kafka, after its storage is formatted.

What comes after the start (topics, the class-data archive) is left to a child, since this process becomes the JVM.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from devctl.products.kafka import archive, process, topics

TOPICS_SECONDS = 120.0


def main() -> None:
    """Format at need, leave the rest to a child, and become the broker."""
    parser = argparse.ArgumentParser(prog="python -m devctl.products.kafka.start")
    parser.add_argument("--java", required=True)
    parser.add_argument("--jars", required=True)
    parser.add_argument("--config", required=True, type=Path)
    parser.add_argument("--logging", required=True)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument("--heap", default="256m")
    parser.add_argument("--topics", default={}, type=topics.read, metavar="FILE")
    arguments = parser.parse_args()
    # What is made for the jars lies in the cache that they lie in: CACHE/tools/kafka/VERSION/libs. A service does
    # not see the variable that may have moved it.
    os.environ["DEVCTL_CACHE"] = str(Path(arguments.jars).parents[3])
    process.format_storage(arguments.data)
    class_path = process.class_path(arguments.jars)
    classes = arguments.config.with_name("classes.txt")
    options = archive.options(arguments.java, class_path)
    jvm = process.command(arguments.java, arguments.jars, arguments.logging, arguments.heap)
    _leave_to_child(arguments.broker, arguments.topics, [] if options else _archive_command(jvm, class_path, classes))
    options = options or archive.learn_options(classes)
    os.execv(arguments.java, [jvm[0], *options, *jvm[1:], process.BROKER, str(arguments.config)])  # noqa: S606


def _archive_command(jvm: list[str], class_path: str, classes: Path) -> list[str]:
    here = [sys.executable, "-m", "devctl.products.kafka.archive"]
    return [*here, "--classes", str(classes), "--class-path", class_path, "--", *jvm]


def _leave_to_child(broker: str, declared: dict[str, dict[str, object]], learn: list[str]) -> None:
    """Fork twice, so that the JVM never has a child to wait for."""
    if not declared and not learn:
        return
    sys.stdout.flush()
    if child := os.fork():
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    try:
        if declared:
            topics.create(broker, declared, time.monotonic() + TOPICS_SECONDS)
        if learn:
            os.execv(learn[0], learn)  # noqa: S606
        os._exit(0)
    except BaseException as error:
        print(f"topics: {error}", file=sys.stderr, flush=True)
        os._exit(1)


if __name__ == "__main__":
    main()
