"""CONTRIBUTING's example of a product, followed to the letter in a scratch copy: it needs one folder and one name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAME = "memcached"
FILE = re.compile(r"^\d+\. `(devctl/products/memcached/\w+\.py)`.*?```python\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
ENTER = re.compile(r"Add `(\"\w+\")` to `_NAMES` in `(\S+)`")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of devctl and its tests in which the example was followed."""
    folder = tmp_path_factory.mktemp("clone")
    skip = shutil.ignore_patterns("__pycache__")
    for part in ("devctl", "tests/unit/products", "docs", "stack"):
        shutil.copytree(ROOT / part, folder / part, ignore=skip)
    for name in ("tests/__init__.py", "tests/unit/__init__.py", "stack.schema.json"):
        shutil.copy(ROOT / name, folder / name)
    follow((ROOT / "CONTRIBUTING.md").read_text(), folder)
    return folder


def follow(page: str, folder: Path) -> None:
    """Do what the page says: write its files, enter the name."""
    for path, code in FILE.findall(page):
        file = folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(code))
    ((name, path),) = ENTER.findall(page)
    text = (folder / path).read_text()
    (folder / path).write_text(re.sub(r"(_NAMES = \(.*?)\)", rf"\1, {name})", text, count=1))


def run(folder: Path, *argv: str) -> str:
    """Run a module of the copy and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", *argv], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_keeps_the_rules_of_every_product(clone: Path) -> None:
    options = ("-v", "-p", "no:randomly", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".")
    printed = run(clone, "pytest", *options, "tests/unit/products/test_recipes.py")
    assert f"[{NAME}-native] PASSED" in printed


def test_the_example_can_be_used_and_its_program_installed(clone: Path) -> None:
    code = f"""
import pathlib, tempfile
from devctl.manifest.load import LoadRequest, load
from devctl.paths import StackPaths
from devctl.products import catalog
from devctl.tools.base import Available
folder = pathlib.Path(tempfile.mkdtemp()).resolve()
(folder / "stack.yaml").write_text("services: {{cache: {{uses: {NAME}, with: {{memory: 32}}}}}}")
spec = load(LoadRequest(StackPaths(folder), available=lambda tool: Available(tool, "path", "1.6"))).spec
print(spec.services["cache"].variants[0].argv, spec.services["cache"].provides, catalog.entry("{NAME}").sources)
"""
    (clone / "use.py").write_text(code)
    printed = run(clone, "use")
    assert "'32'" in printed
    assert f"{{'{NAME}': '{NAME}'}}" in printed


def test_the_example_needs_no_other_file_but_the_generated_ones(clone: Path) -> None:
    run(clone, "devctl.manifest", "--write")
    changed = {
        path.relative_to(clone).as_posix()
        for part in ("devctl", "docs", "stack.schema.json")
        for path in [clone / part, *(clone / part).rglob("*")]
        if path.is_file() and path.suffix != ".pyc" and not is_same(path, ROOT / path.relative_to(clone))
    }
    assert f"### {NAME}" in (clone / "docs/manifest.md").read_text()
    folder = f"devctl/products/{NAME}"
    assert changed == {
        *(f"{folder}/{name}.py" for name in ("__init__", "tools", "recipe")),
        "devctl/products/__init__.py",
        "docs/manifest.md",
        "stack.schema.json",
    }


def is_same(path: Path, other: Path) -> bool:
    return other.is_file() and path.read_bytes() == other.read_bytes()
