"""Builds real Consul, Jaeger, a Collector of OpenTelemetry and the linter of GitHub's workflows from their published
Go modules, once per user, into the cache folder.

Nothing here installs Go: without it `find_or_build` says so in one plain sentence.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

BUILD_SECONDS = 1500.0


class NotBuildable(Exception):
    """This machine cannot have the program; the message says why in one sentence."""


@dataclass(frozen=True)
class GoProgram:
    """One program, the package that holds its `main`, and the folder with its locked go.mod and go.sum (`folder`, else
    the program's name), and with the package itself where it is one of our own."""

    name: str
    version: str
    package: str
    folder: str = ""

    @property
    def module_folder(self) -> Path:
        return Path(__file__).parent / (self.folder or self.name)

    @property
    def path(self) -> Path:
        return cache_folder() / f"{self.name}-{self.version}" / self.package.rsplit("/", 1)[-1]


CONSUL = GoProgram("consul", "1.12.9", "github.com/hashicorp/consul")
JAEGER = GoProgram("jaeger", "1.62.0", "github.com/jaegertracing/jaeger/cmd/all-in-one")
COLLECTOR = GoProgram("collector", "0.165.0", "./cmd/collector", folder="otlp")
SENDER = GoProgram("sender", "1.47.0", "./cmd/sender", folder="otlp")  # the gRPC exporters of OpenTelemetry for Go
ACTIONLINT = GoProgram("actionlint", "1.7.7", "github.com/rhysd/actionlint/cmd/actionlint")
PROGRAMS = (CONSUL, JAEGER, COLLECTOR, SENDER, ACTIONLINT)


def cache_folder() -> Path:
    """Return the user's folder for built reference programs, which may not exist yet."""
    return Path(platformdirs.user_cache_dir("devctl", appauthor=False)) / "reference"


def find_or_build(program: GoProgram) -> Path:
    """Return the path of the program, building it when it is not there yet (3 to 8 minutes).

    Raises NotBuildable without a Go toolchain or when the build fails.
    """
    if program.path.exists():
        return program.path
    go = shutil.which("go")
    if go is None:
        raise NotBuildable(f"no Go toolchain on the PATH to build {program.name} {program.version} with")
    with _lock(program):
        if not program.path.exists():
            _build(go, program)
    return program.path


@contextmanager
def _lock(program: GoProgram) -> Iterator[None]:
    cache_folder().mkdir(parents=True, exist_ok=True)
    with open(cache_folder() / f"{program.name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(go: str, program: GoProgram) -> None:
    program.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.path.parent) as scratch:
        shutil.copytree(program.module_folder, scratch, dirs_exist_ok=True)
        built = Path(scratch, "built")
        _run_go(go, program, Path(scratch), built)
        built.rename(program.path)


def _run_go(go: str, program: GoProgram, folder: Path, built: Path) -> None:
    nice = [shutil.which("nice") or "/usr/bin/nice", "-n", "10"]
    command = [*nice, go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(built), program.package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    try:
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=BUILD_SECONDS)
    except subprocess.CalledProcessError as failure:
        last = failure.stderr.decode(errors="replace").strip()[-500:]
        raise NotBuildable(f"go could not build {program.name} {program.version}: {last}") from failure
    except subprocess.TimeoutExpired as late:
        raise NotBuildable(f"building {program.name} took longer than {BUILD_SECONDS:.0f} s") from late
