"""The commands under the names that they had before they moved into services.ops: for one release they still work."""

import importlib
import os
import subprocess
import sys

import pytest

from tests.services.processes import free_port

# The old name and the new, arguments that need no running shop, and the exit code that these end with.
COMMANDS = [
    ("alive", "healthcheck", [], 1),
    ("conservation", "reconciliation", ["--help"], 0),
    ("demo", "demo", [], 1),
    ("dlq", "dlq", ["--help"], 0),
]


def run(module: str, arguments: list[str], port: int) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PORT": str(port), "GATEWAY_URL": f"http://127.0.0.1:{port}"}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("old", "new", "arguments", "code"), COMMANDS)
def test_an_old_name_does_what_the_new_one_does_and_names_it(
    old: str, new: str, arguments: list[str], code: int
) -> None:
    port = free_port()
    before, now = (run(name, arguments, port) for name in (f"services.{old}", f"services.ops.{new}"))
    assert (before.returncode, before.stdout) == (now.returncode, now.stdout)
    assert now.returncode == code
    assert f"services.{old} is now services.ops.{new}" in before.stderr
    assert before.stderr.endswith(now.stderr)


@pytest.mark.parametrize(("old", "new"), [command[:2] for command in COMMANDS])
def test_an_old_name_is_imported_as_the_new_module(old: str, new: str) -> None:
    sys.modules.pop(f"services.{old}", None)
    with pytest.warns(DeprecationWarning, match=f"services.ops.{new}"):
        imported = importlib.import_module(f"services.{old}")
    assert imported is importlib.import_module(f"services.ops.{new}")
