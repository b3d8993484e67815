"""What a change touches: by files, imports, the manifest; of a repository of its own, with the real git."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from devctl.actions.access import Selection, StackAccess
from devctl.actions.affected import affected
from devctl.errors import UsageError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
FILES = {
    "stack.yaml": """
name: t
services:
  order: {command: ["${python}", -m, shop.order], working_dir: src}
  cart: {command: ["${python}", -m, shop.cart], working_dir: src, env_file: cart.env, depends_on: [order]}
  web: {command: node web/main.js, watch: [web], depends_on: [cart]}
  image: {build: {context: box}}
  tool: {command: python3 tools/tool.py}
""",
    "src/shop/__init__.py": "",
    "src/shop/common/__init__.py": "",
    "src/shop/common/text.py": "",
    "src/shop/common/words.json": "{}",
    "src/shop/common/unused.py": "",
    "src/shop/order/__init__.py": "",
    "src/shop/order/__main__.py": "def main():\n    from ..common import text\n",
    "src/shop/order/schema.sql": "",
    "src/shop/cart/__init__.py": "",
    "src/shop/cart/__main__.py": "import json\n",
    "cart.env": "A=1",
    "web/main.js": "",
    "web/page.html": "",
    "box/Dockerfile": "FROM x",
    "tools/tool.py": "import helper\n",
    "tools/helper.py": "",
    "requirements.lock": "",
    "README.md": "",
}
ENVIRONMENT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> None:
    command = ["git", *IDENTITY, "-C", str(folder), *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    write(tmp_path, FILES)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def names(project: Path, since: str = "HEAD", *, with_dependents: bool = False) -> list[str]:
    access = StackAccess(Selection(project_directory=str(project)), {"PATH": "/usr/bin:/bin"})
    return [entry.service for entry in affected(access, since, with_dependents=with_dependents)]


@pytest.mark.parametrize(
    ("changed", "services"),
    [
        ("src/shop/order/__main__.py", ["order"]),
        ("src/shop/order/schema.sql", ["order"]),
        ("src/shop/order/new_file.py", ["order"]),
        ("src/shop/common/text.py", ["order"]),
        ("src/shop/common/unused.py", []),
        ("src/shop/__init__.py", ["order", "cart"]),
        ("src/shop/common/words.json", ["order"]),
        ("cart.env", ["cart"]),
        ("web/page.html", ["web"]),
        ("box/Dockerfile", ["image"]),
        ("tools/helper.py", ["tool"]),
        ("requirements.lock", ["order", "cart", "web", "image", "tool"]),
        ("README.md", []),
    ],
)
def test_a_changed_file_touches_the_services_that_are_made_of_it(
    project: Path, changed: str, services: list[str]
) -> None:
    write(project, {changed: "changed"})
    assert names(project) == services


def test_an_entry_of_the_manifest_touches_its_service_alone(project: Path) -> None:
    text = FILES["stack.yaml"].replace("node web/main.js", "node web/main.js --port 1")
    write(project, {"stack.yaml": text + "  more: {command: x}\n"})
    assert names(project) == ["web", "more"]


def test_a_manifest_of_then_that_cannot_be_read_touches_every_service(project: Path) -> None:
    write(project, {"stack.yaml": "services: 3"})
    git(project, "commit", "-qam", "broken")
    write(project, {"stack.yaml": FILES["stack.yaml"]})
    assert len(names(project)) == 5


def test_dependents_are_touched_on_request(project: Path) -> None:
    write(project, {"tools/helper.py": "1", "cart.env": "B=2"})
    assert names(project, with_dependents=True) == ["cart", "web", "tool"]


def test_only_what_the_branch_itself_changed_counts(project: Path) -> None:
    git(project, "checkout", "-q", "-b", "topic")
    write(project, {"web/page.html": "mine"})
    git(project, "commit", "-qam", "mine")
    git(project, "checkout", "-q", "main")
    write(project, {"tools/helper.py": "1"})
    git(project, "commit", "-qam", "theirs")
    git(project, "checkout", "-q", "topic")
    assert names(project, "main") == ["web"]


def test_a_file_that_is_gone_touches_who_was_made_of_it(project: Path) -> None:
    (project / "web" / "page.html").unlink()
    assert names(project) == ["web"]


def test_a_revision_that_is_not_there_is_a_mistake_with_a_hint(project: Path) -> None:
    with pytest.raises(UsageError, match="no revision") as raised:
        names(project, "origin/main")
    assert "fetch-depth" in raised.value.next


def test_a_folder_without_git_is_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, {"stack.yaml": "services: {a: {command: x}}"})
    with pytest.raises(UsageError, match="git"):
        names(tmp_path)
