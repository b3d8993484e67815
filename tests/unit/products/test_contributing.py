"""CONTRIBUTING's example of a product, followed to the letter in a scratch copy: it needs one folder and one name."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import pytest

from tests import examples

NAME = "memcached"
FILE = re.compile(r"^\d+\. `(devctl/products/memcached/\w+\.py)`.*?```python\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
ENTER = re.compile(r"Add `(\"\w+\")` to `_NAMES` in `(\S+)`")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of devctl and its tests in which the example was followed."""
    parts = ("devctl", "tests/unit/products", "docs", "stack", "tests/__init__.py", "tests/unit/__init__.py")
    folder = examples.copy(tmp_path_factory.mktemp("clone"), *parts, "stack.schema.json")
    follow((examples.ROOT / "CONTRIBUTING.md").read_text(), folder)
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


def test_the_example_keeps_the_rules_of_every_product(clone: Path) -> None:
    options = ("-v", "-p", "no:randomly", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".")
    printed = examples.python(clone, "-m", "pytest", *options, "tests/unit/products/test_recipes.py")
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
    printed = examples.python(clone, "-c", code)
    assert "'32'" in printed
    assert f"{{'{NAME}': '{NAME}'}}" in printed


def test_the_example_needs_no_other_file_but_the_generated_ones(clone: Path) -> None:
    examples.python(clone, "-m", "devctl.manifest", "--write")
    assert f"### {NAME}" in (clone / "docs/manifest.md").read_text()
    folder = f"devctl/products/{NAME}"
    assert examples.changed(clone) == {
        *(f"{folder}/{name}.py" for name in ("__init__", "tools", "recipe")),
        "devctl/products/__init__.py",
        "docs/manifest.md",
        "stack.schema.json",
    }
