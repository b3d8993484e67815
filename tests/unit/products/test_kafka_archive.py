"""The class archive of Kafka's JVM: one that takes too long leaves no trace in the service's log."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_class_archive_that_takes_too_long_says_nothing(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexec sleep 60\n")
    java.chmod(0o755)
    classes = tmp_path / "classes.txt"
    classes.write_text("a\n" * 3000)
    here = [sys.executable, "-m", "devctl.products.kafka.archive", "--rest", "0", "--seconds", "0.1"]
    done = subprocess.run(
        [*here, "--classes", str(classes), "--class-path", "x", "--", str(java)],
        capture_output=True, text=True, check=False, env={**os.environ, "DEVCTL_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert not classes.exists()
