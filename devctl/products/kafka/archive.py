"""Kafka's class-data archive: half the start time and a third less memory, for every start after the first.

The first start has the JVM write down which classes it loads; `python -m devctl.products.kafka.archive`, left behind by
`start_kafka`, makes the archive of them once the stack has come to rest. Without an archive everything works, slower.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from devctl.tools import cache

ARCHIVE = "kafka.jsa"
REST_SECONDS = 6.0
"""Making the archive costs some seconds of one core, so it begins when Kafka has done its first work."""
DUMP_SECONDS = 120.0
LEAST_CLASSES = 3000
"""A list with fewer was cut off."""


def folder(java: str, class_path: str) -> Path:
    """Return where everything lies that holds for exactly this Java and this class path; it may not exist."""
    facts = Path(java).resolve().stat()
    key = f"{Path(java).resolve()}:{facts.st_size}:{facts.st_mtime_ns}:{class_path}"
    return cache.base() / "prepared" / f"kafka-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def options(java: str, class_path: str) -> list[str]:
    """Return the JVM options that use the archive, none where there is no archive."""
    archive = folder(java, class_path) / ARCHIVE
    return [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto"] if archive.is_file() else []


def learn_options(classes: Path) -> list[str]:
    """Return the JVM options that write the loaded classes down."""
    return [f"-XX:DumpLoadedClassList={classes}"]


def make(jvm: list[str], classes: Path, java: str, class_path: str, seconds: float = DUMP_SECONDS) -> bool:
    """Make the archive from the list of classes; `jvm` is the broker's command line up to its main class."""
    target = folder(java, class_path) / ARCHIVE
    if target.exists() or _count(classes) < LEAST_CLASSES:
        return False
    with cache.staging_dir() as staging:
        archive = staging / ARCHIVE
        dump = ["-Xshare:dump", f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={archive}"]
        done = subprocess.run(
            [jvm[0], *dump, *jvm[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=seconds, check=False,
        )  # fmt: skip
        if done.returncode != 0 or not archive.is_file():
            return False
        cache.private(target.parent)
        archive.rename(target)
    return True


def _count(classes: Path) -> int:
    try:
        return classes.read_bytes().count(b"\n")
    except OSError:
        return 0


def main() -> None:
    """Wait for rest, then make the archive at the lowest priority."""
    parser = argparse.ArgumentParser(prog="python -m devctl.products.kafka.archive")
    parser.add_argument("--classes", required=True, type=Path)
    parser.add_argument("--class-path", required=True)
    parser.add_argument("--rest", type=float, default=REST_SECONDS)
    parser.add_argument("--seconds", type=float, default=DUMP_SECONDS)
    parser.add_argument("jvm", nargs="+")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.nice(19)
    time.sleep(arguments.rest)
    try:
        made = make(arguments.jvm, arguments.classes, arguments.jvm[0], arguments.class_path, arguments.seconds)
    except subprocess.TimeoutExpired:
        made = False  # a machine under load; the next start tries again
    except OSError as error:
        print(f"class archive: {error.strerror}", file=sys.stderr, flush=True)
        made = False
    arguments.classes.unlink(missing_ok=True)
    sys.exit(0 if made else 1)


if __name__ == "__main__":
    main()
