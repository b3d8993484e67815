"""On a full disk a start waits for room and then gives up, what runs is said to lose lines, and `down` always works."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.shell import Shell, is_alive

PAGE = 4096
ALMOST_NOTHING = 3 * PAGE  # the folder of a run would find room, its events would not
SERVICE = "command: [sh, -c, 'echo here; exec sleep 600']"
MANIFEST = f"""\
name: demo
telemetry: off
services:
  db: {{{SERVICE}}}
  api: {{{SERVICE}, depends_on: [db]}}
"""


class Disk:
    """A file system of 1 MB that is filled to the brim and emptied again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, left: int) -> None:
        disk = os.statvfs(self.folder)
        with self._filler.open("ab") as file:
            file.write(bytes(disk.f_bavail * disk.f_frsize - left))

    def empty(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk() -> Iterator[Disk]:
    folder = tempfile.mkdtemp(prefix="dt")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "devctl", folder], check=False).returncode:
        pytest.skip("only root may mount a disk of 1 MB")
    yield Disk(Path(folder).resolve())
    subprocess.run(["umount", "-l", folder], check=True)
    Path(folder).rmdir()


@pytest.fixture
def shell(disk: Disk) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        (disk.folder / "stack.yaml").write_text(MANIFEST)
        shell = Shell(disk.folder, runtime)
        yield shell
        shell.run("down --now")
        assert shell.is_empty()


def service_pids(shell: Shell) -> list[int]:
    view = json.loads(shell.run("status --json").stdout)
    return [instance["pid"] for service in view["services"] for instance in service["instances"]]


@pytest.mark.parametrize("left", [0, ALMOST_NOTHING])
def test_a_start_without_room_waits_and_then_gives_up_and_leaves_nothing(shell: Shell, disk: Disk, left: int) -> None:
    disk.fill(left)
    done = shell.run("up -d", code=3)
    assert "waiting up to 10 s for room" in done.stderr
    assert "the disk is full" in done.stderr
    assert not (disk.folder / ".devctl").exists()
    shell.run("down")


def test_a_start_goes_on_as_soon_as_there_is_room(shell: Shell, disk: Disk) -> None:
    disk.fill(ALMOST_NOTHING)
    running = shell.begin("up -d").says("waiting up to 10 s for room")
    disk.empty()
    code, output = running.end()
    assert code == 0, output


@pytest.mark.parametrize("line", ["down", "down --now"])
def test_a_stack_on_a_full_disk_says_what_is_lost_and_is_taken_down(shell: Shell, disk: Disk, line: str) -> None:
    shell.run("up -d")
    disk.fill(0)
    for command in ("status", "why"):
        assert "The disk is full (0 B left)" in shell.run(command).stdout
    assert "lost" in json.loads(shell.run("status --json").stdout)["notice"]
    pids = service_pids(shell)
    assert "Stopped everything" in shell.run(line).stderr
    assert not any(map(is_alive, pids))


def test_a_full_disk_whose_supervisor_was_killed_hinders_no_down(shell: Shell, disk: Disk) -> None:
    shell.run("up -d")
    disk.fill(0)
    shell.run("restart api")
    pids = service_pids(shell)
    shell.kill_supervisor()
    assert "Stopped everything" in shell.run("down").stderr
    assert not any(map(is_alive, pids))


def test_a_disk_that_fills_up_while_services_start_holds_up_neither_start_nor_end(shell: Shell, disk: Disk) -> None:
    noisy = "command: [sh, -c, 'head -c 30000 /dev/zero | tr \\\\0 x; exec sleep 600']"
    services = "".join(f"  noisy{number}: {{{noisy}}}\n" for number in range(10))
    (disk.folder / "stack.yaml").write_text(MANIFEST + services)
    disk.fill(20 * PAGE)  # enough to begin; the logs want more
    shell.run("up -d")
    assert len(service_pids(shell)) == 12
    assert "Stopped everything" in shell.run("down").stderr
