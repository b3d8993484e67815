"""The source `debian` against programs that take apt's part: what is asked of it, and what stops it."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
from pathlib import Path

import pytest

from devctl.products.prometheus.tools import PROMETHEUS
from devctl.tools import debian, libraries, offers
from devctl.tools.base import Progress, Refused, SourceFailed, Tool, UnreachableHosts
from devctl.tools.entry import DebianPackages, Entry

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
for word in "$@"; do case "$word" in Dir::State::status=*) status="$word" ;; esac; done
case "$*" in
  *indextargets*) echo "cdrom://disk/" ;;
  *update*) touch "$HOME/updated" ;;
  *install*) cp "${status#*=}" "$HOME/status"; cat "$HOME/set"; exit $(cat "$HOME/code") ;;
  *--print-uris*) echo "'http://deb/prometheus.deb' prometheus.deb 1000" ;;
  *download*) for name in prometheus $(cat "$HOME/more"); do cp "$HOME/package.deb" "./${name}_$VERSION.deb"; done ;;
esac
echo "$*" >> "$HOME/commands"
""",
    "dpkg-deb": 'cp -r "$HOME/content/." "$3"; echo "$2" >> "$HOME/unpacked"',
    # This machine has a library, and the first half of what has to lie together.
    "dpkg-query": """
for name in libc6 erlang-base; do
  printf 'Package: %s\\nStatus: install ok installed\\nVersion: 2\\nArchitecture: all\\nProvides: \\n\\n' $name
done""",
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
    (tmp_path / "set").write_text("Inst prometheus (2.42.0+ds-5 Debian:12 [amd64])\n")
    (tmp_path / "code").write_text("0")
    (tmp_path / "more").write_text("")
    return tmp_path


def fetch(stages: list[str] | None = None, entry: Entry = PROMETHEUS) -> Tool:
    def report(progress: Progress) -> None:
        if stages is not None:
            stages.append(progress.stage)

    return debian.fetch(entry, report, UnreachableHosts())


def test_a_package_is_unpacked_into_the_cache_with_private_lists_and_nothing_installed(home: Path) -> None:
    assert offers.offer(PROMETHEUS, "debian") is not None
    stages: list[str] = []
    tool = fetch(stages)
    assert stages == ["reading lists", "downloading", "unpacking"]
    assert (tool.version, tool.source) == ("2.42.0", "debian")
    assert subprocess.run([tool.path], check=True).returncode == 0
    assert Path(tool.path).with_name("promtool").exists()
    commands = (home / "commands").read_text()
    assert "download prometheus=2.42.0+ds-5" in commands
    assert "install" not in commands
    assert f"Dir::Cache={home}/cache/tools/.work-" in commands


def test_a_package_out_of_range_is_not_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSION", "2.24.1")
    with pytest.raises(SourceFailed, match="in the range that is needed"):
        fetch()
    assert "download" not in (home / "commands").read_text()


def test_what_a_package_needs_comes_with_it_and_what_the_machine_has_does_not(home: Path) -> None:
    (home / "set").write_text(
        "Inst erlang-base [1:24.0] (1:25.2.3+dfsg-1 Debian:12 [amd64])\nInst prometheus (2.42.0+ds-5 Debian:12 [all])\n"
    )
    (home / "more").write_text("erlang-base")
    packages = DebianPackages(("prometheus",), together=("erlang-*",))
    fetch(entry=dataclasses.replace(PROMETHEUS, debian=packages))
    assert "download erlang-base=1:25.2.3+dfsg-1 prometheus=2.42.0+ds-5" in (home / "commands").read_text()
    assert len((home / "unpacked").read_text().split()) == 2
    status = (home / "status").read_text()
    assert "Package: libc6" in status
    assert "Package: logrotate" in status  # sets an installed service up
    assert "erlang" not in status
    assert "Provides" not in status


def test_a_package_whose_needs_cannot_be_met_is_refused(home: Path) -> None:
    (home / "set").write_text(" prometheus : Depends: erlang-base (>= 1:25) but it is not installable\n")
    (home / "code").write_text("100")
    with pytest.raises(SourceFailed, match=r"Depends: erlang-base .* not installable"):
        fetch()
    assert not (home / "unpacked").exists()


def test_a_package_that_does_not_come_is_missed(home: Path) -> None:
    (home / "set").write_text("Inst libodd1 (1 Debian [all])\nInst prometheus (2.42.0+ds-5 Debian:12 [all])\n")
    with pytest.raises(SourceFailed, match="brought no file for libodd1"):
        fetch()


def test_links_to_files_of_the_set_lead_to_them(home: Path) -> None:
    (home / "content/usr/bin/linked").symlink_to("/usr/bin/prometheus")
    linked = Path(fetch().path).with_name("linked")
    assert linked.exists()
    assert not linked.readlink().is_absolute()


@pytest.fixture
def linked(home: Path) -> Path:
    """A program that says where it looks for libraries, one of which comes with it; the cache's folder for them."""
    folder = home / "content/usr/lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    (folder / "libodd.so.1").write_text("no library, but enough to be looked for")
    (home / "content/usr/bin/prometheus").write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH|$@"\n')
    return home / "cache/tools/prometheus/2.42.0-debian/usr/lib/x86_64-linux-gnu"


def test_a_program_finds_the_libraries_that_came_with_it(linked: Path) -> None:
    program = fetch().path
    run = functools.partial(subprocess.run, [program, "two words"], capture_output=True, text=True, check=True)
    assert run(env={}).stdout == f"{linked}|two words\n"
    assert run(env={"LD_LIBRARY_PATH": "/before"}).stdout == f"{linked}:/before|two words\n"


def test_who_starts_a_program_of_a_folder_is_told_where_its_libraries_are(linked: Path) -> None:
    folder = Path(fetch(entry=dataclasses.replace(PROMETHEUS, is_folder=True)).path)
    assert libraries.environment(folder / "prometheus")["LD_LIBRARY_PATH"].split(":")[0] == str(linked)
    assert libraries.environment(Path("/usr/bin/true")) == {}


def test_a_library_that_this_machine_lacks_is_said(home: Path) -> None:
    (home / "content/usr/bin/plugin.so").write_bytes(b"\x7fELF")
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
