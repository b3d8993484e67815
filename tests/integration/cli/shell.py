"""devctl as a person runs it: in a folder with a small stack of two services, with a runtime folder of its own."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.waiting import eventually

MANIFEST = """\
name: demo
telemetry: off
services:
  db:
    command:
      - ${python}
      - -c
      - |
        import os, pathlib, time
        pathlib.Path("db.pid").write_text(str(os.getpid()))
        print("db is here", flush=True)
        time.sleep(600)
  api:
    command: ["${python}", -c, "import time; print('api is here', flush=True); time.sleep(600)"]
    depends_on: {db: {condition: service_started}}
    environment: {API_TOKEN: hunter22}
"""


class Shell:
    """Runs devctl in a folder with a runtime folder of its own."""

    def __init__(self, folder: Path, runtime: str) -> None:
        self.folder = folder
        self.runtime = Path(runtime)
        self.seconds = 60.0  # that a command may take
        self.environ = {**os.environ, "XDG_RUNTIME_DIR": runtime, "CI": "1"}

    def run(
        self, line: str, code: int = 0, inherited: Mapping[int, int] | None = None, shell: str = 'exec "$@"'
    ) -> subprocess.CompletedProcess[str]:
        """Run a command line to its end; `inherited` are descriptors that it gets, by the number there, and `shell` is
        how a shell starts it.
        """
        argv = [sys.executable, "-m", "devctl", *line.split()]
        opened = " ".join(f"{number}<&{fd}" for number, fd in (inherited or {}).items())
        argv = ["bash", "-c", f"{shell} {opened}", "bash", *argv]
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=self.seconds,
            stdin=subprocess.DEVNULL,
            pass_fds=tuple((inherited or {}).values()),
        )
        assert done.returncode == code, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def begin(self, line: str) -> "Running":
        return Running(self, line)

    def kill_supervisor(self) -> None:
        """Kill the supervisor of the stack, without an end in order."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(str(next(self.runtime.glob("devctl/*/session.sock"))))
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid = struct.unpack("3i", credentials)[0]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_alive(pid))

    @property
    def pid(self) -> int:
        file = self.folder / "db.pid"
        eventually(lambda: file.exists() and file.read_text())
        return int(file.read_text())

    def is_empty(self) -> bool:
        return not any((self.runtime / "devctl").iterdir()) if (self.runtime / "devctl").exists() else True


class Running:
    """A devctl in the foreground, its output in a file."""

    def __init__(self, shell: Shell, line: str) -> None:
        self._file = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in end()
        argv = [sys.executable, "-m", "devctl", *line.split()]
        self.process = subprocess.Popen(
            argv, cwd=shell.folder, env=shell.environ, stdin=subprocess.DEVNULL, stdout=self._file, stderr=self._file,
            start_new_session=True,
        )  # fmt: skip

    @property
    def output(self) -> str:
        return os.pread(self._file.fileno(), 1 << 20, 0).decode()

    def says(self, text: str) -> "Running":
        eventually(lambda: text in self.output, within=30, what=f"{text!r} in the output")
        return self

    def signal(self, number: int) -> "Running":
        self.process.send_signal(number)
        return self

    def end(self) -> tuple[int, str]:
        try:
            code = self.process.wait(30)
            return code, self.output
        except subprocess.TimeoutExpired:
            self.process.kill()  # or later tests would be blamed for what is left open
            self.process.wait()
            raise
        finally:
            self._file.close()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
