"""`python -m devctl.products fetch`: from a catalog's entry to a tool in the cache, and what stops on the way."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devctl.errors import EnvironmentProblem
from devctl.products import toolbox
from devctl.tools import cache, finder, platform
from devctl.tools.base import Progress, UnreachableHosts
from devctl.tools.entry import Archive, Catalog, Entry, Program
from devctl.tools.finder import Toolbox
from devctl.tools.versions import Range
from tests.integration.tools.publisher import Publisher, publishing

PROGRAM = b"#!/bin/sh\necho 'demo, version 3.2.1'\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEVCTL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as server:
        yield server


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"demo-3.2.1/{name}")
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def demo(publisher: Publisher) -> Toolbox:
    """A tool `demo` whose only source is the publisher, and `demotool` that comes with it."""
    return toolbox_of(*publisher.put("/demo.tar.gz", archive(demo=PROGRAM, demotool=PROGRAM)))


def toolbox_of(url: str, checksum: str) -> Toolbox:
    entry = Entry(
        name="demo",
        summary="a demo",
        sources=("path", "cache", "release"),
        on_path=Program(("devctl-demo",), ("--version",), r"version (\S+)", (Range((3,)),)),
        archives={platform.current(): Archive("3.2.1", url, checksum, 1000)},
        program="*/demo",
        remedy="buy one",
    )
    part = Entry("demotool", "comes with it", ("cache", "release"), part_of="demo")
    return Toolbox(Catalog([entry, part]))


def ignore(_: Progress) -> None:
    return


def test_a_release_is_fetched_once_and_found_ever_after(demo: Toolbox, publisher: Publisher, own_cache: Path) -> None:
    offer = demo.available("demo")
    assert (offer.name, getattr(offer, "source", ""), getattr(offer, "bytes", 0)) == ("demo", "release", 1000)
    stages: list[str] = []
    tool = demo.fetch("demo", lambda progress: stages.append(progress.stage))
    assert (tool.version, tool.source) == ("3.2.1", "release")
    assert subprocess.run([tool.path], capture_output=True, check=True).stdout.startswith(b"demo")
    assert stages[0] == "downloading"
    assert stages[-1] == "unpacking"
    assert demo.find("demo") == demo.fetch("demo", ignore) == tool
    assert demo.find("demotool") is not None
    assert len(publisher.requests) == 1
    assert own_cache.joinpath("tools").stat().st_mode & 0o777 == 0o700
    assert list(cache.downloads().iterdir()) == []
    assert [tool.name for tool in cache.installed()] == ["demo"]
    assert cache.remove("demo") >= 2 * len(PROGRAM)
    assert demo.find("demo") is None


def test_two_that_fetch_at_once_both_get_it_from_one_download(demo: Toolbox, publisher: Publisher) -> None:
    paths: list[str] = []
    threads = [threading.Thread(target=lambda: paths.append(demo.fetch("demo", ignore).path)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(paths) == 4
    assert len(set(paths)) == 1
    assert len(publisher.requests) == 1


def test_a_wrong_archive_is_never_unpacked(publisher: Publisher) -> None:
    url, _ = publisher.put("/demo.tar.gz", archive(demo=PROGRAM))
    with pytest.raises(EnvironmentProblem, match="is not the pinned file") as problem:
        toolbox_of(url, "0" * 64).fetch("demo", ignore)
    assert problem.value.exit_code == 3
    assert [path for path in cache.base().rglob("*") if path.is_file() and path.parent.name != "locks"] == []


def test_an_archive_with_the_right_checksum_is_still_not_trusted(publisher: Publisher) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../evil"))
    url, checksum = publisher.put("/demo.tar.gz", buffer.getvalue())
    tools = toolbox_of(url, checksum)
    with pytest.raises(EnvironmentProblem, match="refused"):
        tools.fetch("demo", ignore)
    assert tools.find("demo") is None


def test_a_program_on_the_path_comes_first_when_its_version_is_in_range(
    demo: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "devctl-demo"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'demo, version 2.9'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert demo.find("demo") is None
    program.write_bytes(PROGRAM)
    tool = demo.find("demo")
    assert tool is not None
    assert (tool.source, tool.version, tool.path) == ("path", "3.2.1", str(program))


def test_a_program_without_a_version_flag_is_not_started_to_be_asked(tmp_path: Path) -> None:
    folder = tmp_path / "demo_server-3.10.8" / "sbin"
    folder.mkdir(parents=True)
    (folder / "demo-server").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (folder / "demo-server").chmod(0o755)
    program = Program(("demo-server",), (), r"_server-([\d.]+)/", (Range((3, 8)),), folders=(f"{tmp_path}/*/sbin",))
    tool = Toolbox(Catalog([Entry("demo", "a demo", ("path",), on_path=program)])).find("demo")
    assert tool is not None
    assert (tool.version, tool.path) == ("3.10.8", str(folder / "demo-server"))
    assert not (tmp_path / "started").exists()


def test_a_java_that_is_only_in_java_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "jdk" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'openjdk version \"21.0.1\"' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    tool = toolbox.find("java")
    assert tool is not None
    assert (tool.source, tool.version, tool.path) == ("path", "21.0.1", str(program))


def test_what_no_source_has_is_missing_with_its_remedy() -> None:
    tools = Toolbox(Catalog([Entry("demo", "a demo", ("release",), program="*/demo", remedy="buy one")]))
    assert getattr(tools.available("demo"), "remedy", "") == "buy one"
    with pytest.raises(EnvironmentProblem, match="no source has it for this platform"):
        tools.fetch("demo", ignore)


def test_a_dead_source_is_remembered_for_the_run() -> None:
    tools = toolbox_of("https://devctl.invalid/demo.tar.gz", "0" * 64)
    unreachable = UnreachableHosts()
    for _ in range(2):
        with pytest.raises(EnvironmentProblem, match=r"devctl\.invalid"):
            tools.fetch("demo", ignore, unreachable)
    assert unreachable.hosts == {"devctl.invalid"}


def test_a_disk_without_room_is_said_before_the_download(
    demo: Toolbox, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "DISK_FACTOR", 1 << 60)
    with pytest.raises(EnvironmentProblem, match="MB of disk are needed"):
        demo.fetch("demo", ignore)
    assert publisher.requests == []


def child(*arguments: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-m", "devctl.products", "fetch", *arguments],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_the_child_ends_with_the_paths_of_the_tools() -> None:
    code, lines = child("java")
    assert code == 0
    assert lines[-1]["tools"]["java"].endswith("/java")


def test_the_child_ends_with_one_plain_problem() -> None:
    code, lines = child("jva")
    assert code == 3
    assert lines[-1]["error"] == {"what": "there is no tool 'jva'", "where": "", "next": "Did you mean java?"}
