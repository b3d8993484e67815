"""Any machine: no network, no Java, no engine, only Python and the base system."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.shop import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
BASE = ("sh", "env", "uname", "cat", "ls", "ps")


def _namespace() -> list[str]:
    """Return the command that gives a network namespace of one's own; skip where the system allows none."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare here to make a network namespace with")
    command = [unshare, "--net"] if os.getuid() == 0 else [unshare, "--user", "--map-root-user", "--net"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"network namespaces are not allowed here: {tried.stderr.strip()}")
    return command


def test_the_whole_shop_runs_without_a_network_and_a_stopped_service_gets_what_it_missed(tmp_path: Path) -> None:
    command = _namespace()
    path, runtime = tmp_path / "bin", tmp_path / "rt"
    path.mkdir()
    runtime.mkdir(mode=0o700)
    for name in BASE:
        if program := shutil.which(name):
            (path / name).symlink_to(program)
    environment = {"PATH": str(path), "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [*command, sys.executable, "-m", "tests.e2e.offline", f"off{secrets.token_hex(3)}", str(runtime)],
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["first"] == ["confirmed", "order_confirmed"]
    assert seen["second"] == ["confirmed", "order_confirmed"]
    assert {seen["variants"][name] for name in ("kafka", "consul", "jaeger", "grafana")} == {"embedded"}
    assert seen["variants"]["prometheus"] == "unavailable"
