"""The project's own pipelines are what GitHub takes: read by a linter that is not ours."""

import subprocess
from pathlib import Path

import pytest

from tests.reference.go_programs import ACTIONLINT, NotBuildable, find_or_build
from tests.soak import IS_SOAK

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(600)
def test_the_workflows_pass_the_linter() -> None:
    if not (ACTIONLINT.path.exists() or IS_SOAK):
        pytest.skip("the linter is not built yet: make soak, or python -m tests.reference actionlint")
    try:
        linter = find_or_build(ACTIONLINT)
    except NotBuildable as reason:
        pytest.skip(str(reason))
    files = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert files
    done = subprocess.run([linter, "-no-color", *files], capture_output=True, text=True, cwd=ROOT, timeout=100)
    assert (done.returncode, done.stdout) == (0, "")
