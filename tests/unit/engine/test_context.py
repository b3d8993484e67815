"""What an image is built from, and what tells one state of it from another."""

import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from devctl.core.container import Build
from devctl.engine.context import BuildContext
from devctl.errors import DevctlError


@pytest.fixture
def order(tmp_path: Path) -> Build:
    folder = tmp_path / "src"
    (folder / "data").mkdir(parents=True)
    (folder / "data/a").write_text("a")
    (folder / "junk").write_text("junk")
    (folder / "Dockerfile").write_text("FROM base\nCOPY data /data\n")
    (folder / ".dockerignore").write_text("# remark\njunk\n")
    return Build("image", str(folder))


def digest(order: Build) -> str:
    return BuildContext(order).digest(["base-1"])


def archived(order: Build) -> set[str]:
    with BuildContext(order).archive() as file, tarfile.open(fileobj=file) as tar:
        return set(tar.getnames())


def _touch(folder: Path) -> None:
    (folder / "data/a").touch()


def _ignored(folder: Path) -> None:
    (folder / "junk").write_text("other")


def _started(folder: Path) -> None:
    (folder / "data/.devctl/runs").mkdir(parents=True)
    (folder / ".devctl").mkdir()
    (folder / ".devctl/lock").write_text("1")


@pytest.mark.parametrize("change", [_touch, _ignored, _started])
def test_what_the_image_would_not_show_is_no_change(order: Build, change: Callable[[Path], None]) -> None:
    before = digest(order)
    change(Path(order.context))
    assert digest(order) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "data/a").write_text("b"),
        lambda folder: (folder / "data/a").chmod(0o755),
        lambda folder: (folder / "data/new").symlink_to("a"),
        lambda folder: (folder / "data/a").unlink(),
        lambda folder: (folder / "Dockerfile").write_text("FROM base\n"),
        lambda folder: (folder / ".dockerignore").unlink(),
    ],
)
def test_another_content_mode_name_or_dockerfile_is_a_change(order: Build, change: Callable[[Path], None]) -> None:
    before = digest(order)
    change(Path(order.context))
    assert digest(order) != before


def test_other_arguments_target_network_or_bases_are_a_change(order: Build) -> None:
    others = (replace(order, args={"A": "1"}), replace(order, target="x"), replace(order, network="host"))
    digests = {digest(order), BuildContext(order).digest(["base-2"]), *map(digest, others)}
    assert len(digests) == 5


def test_the_archive_holds_what_the_ignore_file_lets_through(order: Build) -> None:
    assert archived(order) == {".dockerignore", "Dockerfile", "data", "data/a"}


def test_a_dockerfile_has_an_ignore_file_of_its_own(order: Build) -> None:
    Path(order.context, "Dockerfile.dockerignore").write_text("data\n*.dockerignore")
    assert "data/a" not in archived(order)
    assert "junk" in archived(order)


def test_a_dockerfile_outside_the_context_goes_along(order: Build, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    outside = replace(order, dockerfile="../Dockerfile")
    assert BuildContext(outside).name_inside in archived(outside)


@pytest.mark.parametrize("order_of", [
    lambda order: replace(order, dockerfile="none"), lambda order: replace(order, context=order.context + "/none"),
])  # fmt: skip
def test_a_missing_dockerfile_or_context_is_named(order: Build, order_of: Callable[[Build], Build]) -> None:
    with pytest.raises(DevctlError, match="none"):
        digest(order_of(order))
