"""Two services of a few lines, with no Python of their own, and `devctl smoke` on them as a person runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SMOKE_SECONDS = 300  # one run, on a machine that is busy with other things


@dataclass
class Project:
    """A folder with a stack.yaml."""

    folder: Path
    runtime: Path

    @property
    def environ(self) -> dict[str, str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "GITLAB_", "PYTEST_"))
        }
        return {**kept, "XDG_RUNTIME_DIR": str(self.runtime), "PYTHONPATH": str(ROOT)}

    def write(self, smoke: str, *, command: str = "") -> None:
        """Write the manifest: a server of the files in `www`, and what is to be proved of it."""
        server = (
            command or f"{sys.executable} -m http.server --bind 127.0.0.1 --directory www ${{services.files.http.port}}"
        )
        (self.folder / "www").mkdir(exist_ok=True)
        (self.folder / "www" / "hello.json").write_text('{"greeting": "hello"}')
        manifest = f"""
name: hello
services:
  files:
    command: {json.dumps(server)}
    ports: {{http: auto}}
    healthcheck: {{http: /hello.json}}
{smoke}
"""
        (self.folder / "stack.yaml").write_text(manifest)

    def devctl(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "devctl", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environ, **environ},
            text=True,
            capture_output=True,
            timeout=SMOKE_SECONDS,
        )

    def begin(self, *arguments: str, output: Path = Path(os.devnull)) -> "subprocess.Popen[bytes]":
        """Begin `devctl smoke`, to be killed or waited for."""
        command = [sys.executable, "-m", "devctl", "smoke", *arguments]
        with output.open("wb") as out:
            return subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=out, stderr=subprocess.DEVNULL)

    def smoke_into(self, output: str, *arguments: str) -> tuple[int, str]:
        """Run `devctl smoke` with its output going somewhere; return the exit code and what it said beside."""
        command = [sys.executable, "-m", "devctl", "smoke", *arguments]
        with open(output, "wb") as out:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.environ,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                timeout=SMOKE_SECONDS,
            )
        return done.returncode, done.stderr

    def smoke(self, *arguments: str, **environ: str) -> tuple[int, dict[str, Any]]:
        """Run `devctl smoke --json`; return the exit code and the report."""
        done = self.devctl("smoke", "--json", *arguments, **environ)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    @property
    def is_clean(self) -> bool:
        """Whether nothing of the stack runs: no supervisor and no keeper has a socket."""
        return not list((self.runtime / "devctl").glob("*/*.sock")) if (self.runtime / "devctl").is_dir() else True


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    runtime = Path(f"/tmp/dv{os.getpid()}-{abs(hash(tmp_path)) % 10_000}")
    runtime.mkdir(mode=0o700)
    folder = tmp_path / "hello"
    folder.mkdir()
    made = Project(folder, runtime)
    yield made
    if (folder / "stack.yaml").exists():
        made.devctl("down")
    subprocess.run(["rm", "-rf", str(runtime)], check=True)
