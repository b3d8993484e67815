"""The shop's own smoke suite: green on the shop as it is; red, and the right service first, on one with a fault."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.regressions import REGRESSIONS, Regression
from tests.soak import IS_SOAK, rounds

ROOT = Path(__file__).parents[2]
COPIED = ("services", "stack", "dashboards", "tests/smoke")
GREEN_RUNS = rounds(1, 50)
PROVED_SECONDS = 600

pytestmark = pytest.mark.e2e


@pytest.fixture
def runtime() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dv") as folder:
        yield Path(folder)


def smoke(folder: Path, runtime: Path) -> tuple[int, dict[str, Any]]:
    """Prove an isolated copy of the shop in `folder`; return the exit code and the report."""
    project = f"smoke{secrets.token_hex(3)}"
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "VIRTUAL_ENV": sys.prefix}
    command = [sys.executable, "-m", "devctl", "-p", project, "smoke", "--isolated", "--json"]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, timeout=PROVED_SECONDS)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda regression: regression.name)
def test_each_regression_still_applies_to_the_shop(regression: Regression) -> None:
    assert regression.old in (ROOT / regression.file).read_text()


@pytest.mark.timeout(PROVED_SECONDS * GREEN_RUNS)
def test_the_suite_is_green_on_the_shop_as_it_is(runtime: Path) -> None:
    for _ in range(GREEN_RUNS):
        code, report = smoke(ROOT, runtime)
        failed = [(o["service"], o["name"], o["message"]) for o in report["outcomes"] if o["status"] == "failed"]
        assert (code, failed) == (0, [])


@pytest.mark.skipif(not IS_SOAK, reason="ten starts of the shop: make soak")
@pytest.mark.timeout(PROVED_SECONDS)
@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda regression: regression.name)
def test_a_regression_is_caught_and_its_service_named_first(
    regression: Regression, tmp_path: Path, runtime: Path
) -> None:
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "stack.yaml", tmp_path)
    changed = tmp_path / regression.file
    changed.write_text(changed.read_text().replace(regression.old, regression.new, 1))
    code, report = smoke(tmp_path, runtime)
    blamed = [o["service"] for o in report["outcomes"] if o["status"] == "failed" and o["service"]]
    assert code == 1
    assert blamed
    assert blamed[0] in regression.blamed
