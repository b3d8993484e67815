"""A real container engine for tests: a `dockerd` of their own, where they run as root, with a small image.

It works in a folder of its own (data, sockets, pid) and touches no firewall rule and no bridge of the machine's. The
image holds this machine's own Python and a few of its programs, so that nothing is pulled.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devctl.engine import ask
from devctl.engine.base import Address
from tests.waiting import eventually

IMAGE = "devctl-test/python:1"
PYTHON = os.path.realpath(sys.executable)
"""Where the image has its Python: where this machine has it."""

_PROGRAMS = ("sh", "sleep", "cat", "id", "touch", "env", "ls", "kill", "true", "false")
_LEFT_OUT = re.compile(
    r"/(tests?|site-packages|idlelib|tkinter|ensurepip|lib2to3|turtledemo|pydoc_data|config-3[^/]*)(/|$)"
)
_OPTIONS = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false")
_START_SECONDS, _END_SECONDS = 60.0, 30.0  # a machine under load


class TestEngine:
    """A dockerd that was started for tests."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/docker.sock"
        self.address = Address(self.url, "the engine of the tests")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; skip the test where it cannot run here."""
        guard = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *guard, "dockerd", *_OPTIONS, "--data-root", f"{self.folder}/data", "--exec-root",
                    f"{self.folder}/exec", "--pidfile", f"{self.folder}/pid", "--host", self.url,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(),
            )  # fmt: skip
        if not eventually(self._answers, within=_START_SECONDS, what="an answer of dockerd"):
            raise AssertionError

    def end(self) -> None:
        """End it as a restart of the machine's service does: its containers end with it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def remove(self) -> None:
        """Leave nothing behind: no container, network, process, mount, folder."""
        if self._process is not None:
            with contextlib.suppress(Exception):  # whatever is wrong with it, it has to go
                self.clean()
        self.end()
        containerd = self.folder / "exec/containerd/containerd.pid"
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(containerd.read_text()), signal.SIGKILL)
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self) -> contextlib.closing[Any]:
        """Return a client of Docker's own, to look from outside."""
        import docker

        return contextlib.closing(docker.APIClient(base_url=self.url))

    def containers(self) -> list[dict[str, Any]]:
        """Return all containers, also those that have ended."""
        with self.client() as api:
            return list(api.containers(all=True))

    def clean(self) -> None:
        """Remove all containers and the networks that were made."""
        with self.client() as api:
            for container in api.containers(all=True):
                api.remove_container(container["Id"], force=True, v=True)
            api.prune_networks()

    def load_image(self) -> None:
        """Have the image of the tests."""
        archive = self.folder / "image.tar"
        with tarfile.open(archive, "w") as tar:
            _fill(tar)
        repository, _, tag = IMAGE.partition(":")
        with self.client() as api:
            api.import_image_from_file(str(archive), repository=repository, tag=tag)
        archive.unlink()

    def _environment(self) -> dict[str, str]:
        """Return an environment with its own folder for files of a moment: it may be started within a test and outlive
        the folder of that test, and containerd writes what it executes under `XDG_RUNTIME_DIR`."""
        return os.environ | {"XDG_RUNTIME_DIR": str(self.folder), "TMPDIR": str(self.folder)}

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            lines = (self.folder / "log").read_text(errors="replace").splitlines()
            pytest.skip(f"dockerd cannot run here: {lines[-1] if lines else 'it ended at once'}")
        with contextlib.suppress(OSError):
            return bool(ask.ask(self.address, "/version"))
        return False


def _fill(tar: tarfile.TarFile) -> None:
    """Put programs, Python, its standard library and what they are linked with into the image."""
    standard = sysconfig.get_path("stdlib")
    programs = {f"bin/{name}": os.path.realpath(path) for name in _PROGRAMS if (path := shutil.which(name))}
    modules = [str(path) for path in Path(standard, "lib-dynload").glob("*.so")]
    libraries = {library for path in (PYTHON, *programs.values(), *modules) for library in _linked(path)}
    for name, path in programs.items():
        tar.add(path, arcname=name)
    for path in (PYTHON, *sorted(libraries)):
        tar.add(os.path.realpath(path), arcname=path)
    tar.add(standard, arcname=standard, filter=lambda item: None if _LEFT_OUT.search(item.name) else item)
    for name, mode in (("tmp", 0o1777), ("etc", 0o755)):
        folder = tarfile.TarInfo(name)
        folder.type, folder.mode = tarfile.DIRTYPE, mode
        tar.addfile(folder)


def _linked(path: str) -> list[str]:
    linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", linked.stdout)


def running() -> Iterator[TestEngine]:
    """Yield an engine for a session of tests; skip with the reason where there can be none."""
    if os.getuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("needs root and dockerd, to start an engine of its own")
    engine = TestEngine(Path(tempfile.mkdtemp(prefix="de")))
    try:
        engine.start()
        engine.load_image()
        yield engine
    finally:
        engine.remove()
