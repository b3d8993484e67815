"""Packages of the npm registry: pinned twice, from the registry that npm would ask, and nothing of them is run."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devctl.tools import cache, npm
from devctl.tools.base import Refused, SourceFailed, UnreachableHosts
from devctl.tools.entry import Entry, NpmPackage
from tests.integration.tools.publisher import Publisher, publishing


def packed(**files: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


TARBALL = packed(**{"dist/chart.js": "draw()", "LICENSE": "MIT"})


def entry(tarball: bytes, *, integrity: str = "") -> Entry:
    sha512 = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    package = NpmPackage(
        "@demo/chart", "1.2.3", integrity or f"sha512-{sha512}", hashlib.sha256(tarball).hexdigest(), len(tarball)
    )
    return Entry("chart", "a chart", ("cache", "npm"), npm=package, program="package/dist/chart.js", is_folder=True)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """A registry that has the package."""
    monkeypatch.setenv("DEVCTL_CACHE", str(tmp_path / "cache"))
    with publishing() as server:
        server.put("/@demo/chart/-/chart-1.2.3.tgz", TARBALL)
        monkeypatch.setenv("npm_config_registry", server.url("/"))
        yield server


@pytest.mark.usefixtures("registry")
def test_a_package_lies_in_the_cache_with_its_licence() -> None:
    tool = npm.fetch(entry(TARBALL), lambda _: None, UnreachableHosts())
    assert (Path(tool.path) / "chart.js").read_text() == "draw()"
    assert (Path(tool.path).parent / "LICENSE").read_text() == "MIT"
    assert (tool.version, tool.source) == ("1.2.3", "npm")
    assert cache.find(entry(TARBALL)) == tool


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("wrong", [entry(b"other"), entry(TARBALL, integrity="sha512-AAAA")])
def test_what_is_not_the_pinned_package_is_refused(wrong: Entry) -> None:
    with pytest.raises(Refused):
        npm.fetch(wrong, lambda _: None, UnreachableHosts())
    assert cache.find(wrong) is None


def test_a_registry_without_the_package_lets_the_next_source_try(registry: Publisher) -> None:
    registry.files.clear()
    with pytest.raises(SourceFailed):
        npm.fetch(entry(TARBALL), lambda _: None, UnreachableHosts())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("registry=https://mirror.example/npm/\n", "https://mirror.example/npm"),
        ('; registry=https://no.example\nregistry = "https://mirror.example"\n', "https://mirror.example"),
        ("@demo:registry=https://no.example\nfund=false\n", npm.DEFAULT_REGISTRY),
        ("", npm.DEFAULT_REGISTRY),
    ],
)
def test_the_registry_is_the_one_of_npms_own_settings(
    settings: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "npmrc").write_text(settings)
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(tmp_path / "npmrc"))
    monkeypatch.setattr(npm, "SYSTEM_SETTINGS", ())
    assert npm.registry() == expected
