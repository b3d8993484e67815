"""CONTRIBUTING's example of a command is the whole truth: its four places, and no other, make a command that works."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests import examples

TESTS = ("tests/__init__.py", "tests/unit/__init__.py", "tests/unit/cli/__init__.py")
HELPERS = (
    "tests/fakes.py",
    "tests/unit/cli/conftest.py",
    "tests/unit/cli/fake_session.py",
    "pyproject.toml",
    "docs/cli.md",
)
MADE_BESIDE = "devctl/cli/line/overview.py"  # by the same command as docs/cli.md
LAST_LINE = '    "prune": "Delete past runs, and on request data and tools.",\n'


def listed_places() -> dict[str, str]:
    """Return the paths of the numbered list with their code blocks; empty for the one that is generated."""
    section = (examples.ROOT / "CONTRIBUTING.md").read_text().split("### A command\n")[1].split("\n### ")[0]
    places: dict[str, str] = {}
    for item in re.split(r"^\d\. ", section, flags=re.MULTILINE)[1:]:
        path = item.split("`")[1]
        block = re.search(r"   ```python\n(.*?)   ```\n", item, re.DOTALL)
        places[path] = textwrap.dedent(block.group(1)) if block else ""
    return places


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return examples.copy(tmp_path, "devctl", *TESTS, *HELPERS)


def apply(copy: Path, path: str, block: str) -> None:
    if path.endswith("registry.py"):
        registry = (copy / path).read_text()
        assert LAST_LINE in registry
        (copy / path).write_text(registry.replace(LAST_LINE, LAST_LINE + textwrap.indent(block, "    ")))
    elif block:
        assert not (examples.ROOT / path).exists(), f"the example of CONTRIBUTING is there already: {path}"
        (copy / path).write_text(block)
    else:
        assert python(copy, "-m", "devctl.cli.line.reference", "--check") == 1
        assert python(copy, "-m", "devctl.cli.line.reference", "--write") == 0


def python(copy: Path, *arguments: str) -> int:
    argv = [sys.executable, "-P", *arguments]
    environ = {"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(argv, cwd=copy, env=environ, capture_output=True, timeout=100).returncode


def test_the_listed_places_and_no_other_make_a_command_whose_own_tests_pass(copy: Path) -> None:
    places = listed_places()
    assert len(places) == 4
    for path, block in places.items():
        apply(copy, path, block)
    assert examples.changed(copy) == {*places, MADE_BESIDE}
    assert python(copy, "-m", "devctl", "ports", "-h") == 0
    (test,) = [path for path in places if path.startswith("tests/")]
    assert python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", test) == 0
