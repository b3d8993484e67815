"""The source `debian` against programs that stand in for apt: what is asked of it, and what stops it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devctl.products import catalog
from devctl.tools import debian, offers
from devctl.tools.base import Progress, Refused, Silent, SourceFailed

APT = {
    "apt-config": "exit 0",
    # The system's lists know nothing; private ones, once fetched, do.
    "apt-cache": """
case "$*" in
  *Dir::State::lists=*) [ -e "$HOME/updated" ] && echo "  Candidate: $VERSION" ;;
  *) echo "  Candidate: (none)" ;;
esac
exit 0""",
    "apt-get": """
case "$*" in
  *indextargets*) echo "cdrom://disk/" ;;
  *update*) touch "$HOME/updated" ;;
  *download*) cp "$HOME/package.deb" "./prometheus_$VERSION.deb" ;;
esac
echo "$*" >> "$HOME/asked"
""",
    "dpkg-deb": 'cp -r "$HOME/content/." "$3"',
    "ldd": 'cat "$HOME/libraries" 2>/dev/null; exit 0',
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in APT.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VERSION", "2.42.0+ds-5")
    monkeypatch.setenv("DEVCTL_CACHE", str(tmp_path / "cache"))
    programs = tmp_path / "content/usr/bin"
    programs.mkdir(parents=True)
    for name in ("prometheus", "promtool"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    (tmp_path / "content/usr/absolute").symlink_to("/etc/prometheus")
    (tmp_path / "package.deb").write_bytes(b"a package")
    return tmp_path


def fetch(stages: list[str] | None = None) -> debian.Tool:
    def report(progress: Progress) -> None:
        if stages is not None:
            stages.append(progress.stage)

    return debian.fetch(catalog.entry("prometheus"), report, Silent())


def test_a_package_is_unpacked_into_the_cache_with_private_lists_and_nothing_installed(home: Path) -> None:
    assert offers.offer(catalog.entry("prometheus"), "debian") is not None
    stages: list[str] = []
    tool = fetch(stages)
    assert stages == ["reading lists", "downloading", "unpacking"]
    assert (tool.version, tool.source) == ("2.42.0", "debian")
    assert subprocess.run([tool.path], check=True).returncode == 0
    assert Path(tool.path).with_name("promtool").exists()
    asked = (home / "asked").read_text()
    assert "download prometheus=2.42.0+ds-5" in asked
    assert "install" not in asked
    assert f"Dir::Cache={home}/cache/tools/.work-" in asked


def test_a_package_out_of_range_is_not_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSION", "2.24.1")
    with pytest.raises(SourceFailed, match="in the range that is needed"):
        fetch()
    assert "download" not in (home / "asked").read_text()


def test_a_library_that_this_machine_lacks_is_said(home: Path) -> None:
    (home / "libraries").write_text("\tlibc.so.6 => /lib/libc.so.6\n\tlibodd.so.1 => not found\n")
    with pytest.raises(SourceFailed, match=r"also needs libodd\.so\.1"):
        fetch()


def test_a_package_with_a_link_to_the_outside_is_refused(home: Path) -> None:
    (home / "content/usr/outer").symlink_to("../../../../elsewhere")
    with pytest.raises(Refused, match="leads out"):
        fetch()


def test_mirrors_that_cannot_be_reached_are_not_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    get = home / "bin" / "apt-get"
    get.write_text(get.read_text().replace("cdrom://disk/", "http://devctl.invalid/debian/"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SourceFailed, match=r"devctl\.invalid cannot be reached"):
        fetch()
