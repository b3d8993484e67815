"""The client's side of the session: find the supervisor of a stack or start it, ask, and read the answers.

Standard library only, no asyncio and no heavy import: every command pays for this module.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from devctl.errors import DevctlError, EnvironmentProblem, ExitCode
from devctl.paths import StackPaths
from devctl.session.protocol import (
    VERSION,
    CheckView,
    HelloView,
    Item,
    OnItem,
    Settled,
    SpecView,
    StatusView,
    StepView,
    WhyView,
)

if TYPE_CHECKING:
    from devctl.core.spec import Spec

_READING = frozenset({"hello", "status", "plan", "check", "why", "spec"})  # asked again when a supervisor dies
_UNUSED_SECONDS = 2.0  # how long a supervisor that nobody needs may take to end
MOST_RECONNECTS = 8
RECONNECT_SECONDS = 0.05  # before the second try, twice that before the third, …
ANSWER_SECONDS = 10.0  # how long a supervisor may take to answer its socket after it was started


class CallCancelled(Exception):
    """Another thread ended the call."""


class Client:
    """A connection to the supervisor of one stack; implements session.base.Session. One call at a time."""

    def __init__(self, connection: socket.socket, paths: StackPaths, *, started: bool = False) -> None:
        self.started = started  # this client started the supervisor
        self._paths = paths
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._last = 0
        self._reconnects = 0
        self._is_cancelled = False

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection; the stack goes on."""
        self._reader.close()
        self._connection.close()

    def cancel(self) -> None:
        """End the call that is under way in another thread: it raises CallCancelled, and what it asked for goes on."""
        self._is_cancelled = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def hello(self) -> HelloView:
        """Say who answers, and which run."""
        return cast(HelloView, self._ask("hello"))

    def status(self) -> StatusView:
        """Return how the whole stack stands."""
        return cast(StatusView, self._ask("status"))

    def apply(
        self,
        spec: Spec,
        *,
        names: Sequence[str] = (),
        force: bool = False,
        no_deps: bool = False,
        watch: bool = False,
        wait: bool = True,
        on_item: OnItem | None = None,
    ) -> Settled:
        """Bring `names` (none: all that is active) and what they need up, as `spec` says; see Session.apply."""
        arguments = {"names": list(names), "force": force, "no_deps": no_deps, "watch": watch, "wait": wait}
        return cast(Settled, self._ask("apply", on_item, spec=_plain(spec), **arguments))

    def start(self, names: Sequence[str], *, wait: bool = True, on_item: OnItem | None = None) -> Settled:
        """Bring services of the specification in force up again."""
        return cast(Settled, self._ask("apply", on_item, spec=None, names=list(names), wait=wait))

    def plan(
        self, spec: Spec, *, names: Sequence[str] = (), force: bool = False, no_deps: bool = False
    ) -> list[StepView]:
        """Return the steps that `apply` would take, and take none."""
        answer = self._ask("plan", None, spec=_plain(spec), names=list(names), force=force, no_deps=no_deps)
        return cast(list[StepView], answer)

    def watch(self) -> Iterator[Item]:
        """Yield the status, then every change, until the stack is gone or the iterator is closed."""
        number = self._send("watch", {})
        for answer in self._answers(number):
            if "item" not in answer:
                return
            yield answer["item"]

    def stop(self, names: Sequence[str], *, on_item: OnItem | None = None) -> Settled:
        """Stop `names` and nothing else; return when no process of them is left."""
        return cast(Settled, self._ask("stop", on_item, names=list(names)))

    def restart(
        self, names: Sequence[str], *, with_dependents: bool = False, wait: bool = True, on_item: OnItem | None = None
    ) -> Settled:
        """Restart `names` in dependency order; return when they are settled again."""
        arguments = {"names": list(names), "with_dependents": with_dependents, "wait": wait}
        return cast(Settled, self._ask("restart", on_item, **arguments))

    def kill(self, names: Sequence[str], *, signal: str = "SIGKILL") -> list[str]:
        """Send a signal to every process of `names`; return the instances that got it."""
        return cast(list[str], self._ask("kill", names=list(names), signal=signal))

    def check(self, names: Sequence[str] = ()) -> list[CheckView]:
        """Run the probes now and return what they saw."""
        return cast(list[CheckView], self._ask("check", names=list(names)))

    def why(self, names: Sequence[str] = ()) -> list[WhyView]:
        """Explain each of `names` (none: each service that is not good)."""
        return cast(list[WhyView], self._ask("why", names=list(names)))

    def spec(self) -> SpecView:
        """Return the specification in force with every launch filled in."""
        return cast(SpecView, self._ask("spec"))

    def down(self, *, volumes: bool = False, now: bool = False, on_item: OnItem | None = None) -> Settled:
        """Stop everything in reverse order and end the run; `now` kills at once. `volumes` also deletes the data."""
        supervisor = self.hello()["pid"]
        settled = cast(Settled, self._ask("down", on_item, volumes=volumes, now=now))
        _wait_until_gone(supervisor)
        return settled

    def _ask(self, call: str, on_item: OnItem | None = None, **arguments: object) -> Any:
        """Send one call, hand its items to `on_item`, and return its result."""
        number = self._send(call, arguments)
        is_unheard = True
        for answer in self._answers(number):
            if "item" not in answer:
                return answer["result"]
            is_unheard = False
            if on_item is not None:
                on_item(answer["item"])
        if (call in _READING or (call == "apply" and is_unheard)) and self._reconnect(start=call == "apply"):
            return self._ask(call, on_item, **arguments)
        raise DevctlError(
            "the supervisor ended before it answered", next="Run the command again: a new supervisor takes over."
        )

    def _reconnect(self, *, start: bool) -> bool:
        """Find the stack again after its supervisor died or ended as idle.

        More than once, since what is reached may still be the one that is ending; but not for ever.
        """
        if self._reconnects == MOST_RECONNECTS:
            return False
        time.sleep(RECONNECT_SECONDS * self._reconnects)
        self._reconnects += 1
        prepared = prepare(self._paths, start=start)
        if prepared is None:
            return False
        self.close()
        self._connection = prepared.reach()
        self._reader = self._connection.makefile("rb")
        if self._is_cancelled:  # before this connection was there to be shut
            raise CallCancelled
        return True

    def _send(self, call: str, arguments: dict[str, object]) -> int:
        self._last += 1
        request = {"v": VERSION, "id": self._last, "call": call, **arguments}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # reading then tells that it is gone
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        return self._last

    def _answers(self, number: int) -> Iterator[dict[str, Any]]:
        """Yield the answers to call `number` up to and with its result; raise its error; end when nobody is there."""
        with contextlib.suppress(ConnectionResetError):
            for line in self._reader:
                answer = json.loads(line)
                if answer.get("id") != number:
                    continue
                if "error" in answer:
                    raise error_from(answer["error"])
                yield answer
                if "result" in answer:
                    return
        if self._is_cancelled:
            raise CallCancelled


def error_from(body: dict[str, Any]) -> DevctlError:
    """Return the exception that an `error` answer stands for."""
    error = DevctlError(str(body["what"]), where=str(body.get("where", "")), next=str(body.get("next", "")))
    error.exit_code = ExitCode(body.get("exit_code", ExitCode.UNHEALTHY))
    return error


def _plain(spec: Spec) -> Any:
    from devctl.core.spec import to_json

    return to_json(spec)


def connect(paths: StackPaths, *, start: bool = False) -> Client | None:
    """Return a client of the running supervisor of `paths`.

    With `start` one is started when none runs; without it, one is started only for a stack whose supervisor
    died (so that readers find it again), and None means that nothing runs.
    """
    prepared = prepare(paths, start=start)
    return prepared.connect() if prepared else None


def prepare(paths: StackPaths, *, start: bool = False) -> Prepared | None:
    """Begin to connect: start the supervisor's process if need be and return at once.

    Lets a command load its manifest while the supervisor's interpreter starts. Follow with `connect`, or with
    `cancel` when the manifest is refused.
    """
    if connection := _reach(paths.socket):
        return Prepared(paths, connection, 0, -1)
    if not start and not _left_behind(paths):
        return None
    lock = take_lock(paths)
    if lock is None:  # somebody else is starting it, or it is there by now
        return Prepared(paths, _reach(paths.socket), 0, -1)
    if connection := _reach(paths.socket):
        os.close(lock)
        return Prepared(paths, connection, 0, -1)
    return Prepared(paths, None, _spawn(paths, lock), lock)


class Prepared:
    """A connection to be: the supervisor is there, or its process (`pid`, held by `lock`) is on its way."""

    def __init__(self, paths: StackPaths, connection: socket.socket | None, pid: int, lock: int) -> None:
        self._paths = paths
        self._connection = connection
        self._pid = pid
        self._lock = lock

    def connect(self) -> Client:
        """Wait until the supervisor answers and return the client."""
        return Client(self.reach(), self._paths, started=self._pid != 0)

    def reach(self) -> socket.socket:
        """Wait until the supervisor answers and return the connection."""
        deadline = time.monotonic() + ANSWER_SECONDS
        pause = 0.002
        while (connection := self._connection or _reach(self._paths.socket)) is None:
            self._look_after_child()
            if time.monotonic() > deadline:
                raise EnvironmentProblem(
                    "the supervisor does not answer", where=str(self._paths.socket), next="Run `devctl doctor`."
                )
            time.sleep(pause)
            pause = min(pause * 1.2, 0.02)
        self._release()
        return connection

    def cancel(self) -> None:
        """Let go without asking for anything: a supervisor that nobody else has joined meanwhile ends by itself."""
        with contextlib.suppress(DevctlError):
            self.reach().close()
        if self._pid:
            _wait_until_gone(self._pid, _UNUSED_SECONDS)

    def _look_after_child(self) -> None:
        """Raise when the process that was started has ended; start one when another starter's came to nothing."""
        if self._pid:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                raise EnvironmentProblem(
                    f"the supervisor ended with {code} before it answered", where=str(self._paths.runtime),
                    next="Its last words are in supervisor.log of the newest run, or run `devctl doctor`.",
                )  # fmt: skip
        elif (lock := take_lock(self._paths)) is not None:
            self._lock = lock
            self._pid = _spawn(self._paths, lock)

    def _release(self) -> None:
        """Let the supervisor alone hold the lock."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _reach(path: Path) -> socket.socket | None:
    """Return a connection to the socket at `path`, None when nobody listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(os.fspath(path))
    except OSError as error:
        connection.close()
        if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR, errno.EAGAIN):
            return None
        raise EnvironmentProblem(
            f"cannot reach the supervisor: {error.strerror}", where=str(path), next="Is it your stack?"
        ) from error
    return connection


def _left_behind(paths: StackPaths) -> bool:
    """Tell whether a supervisor of this boot left without an orderly `down`, or a keeper still holds something."""
    try:
        return (paths.runtime / "boot").read_text() == boot_id()
    except OSError:
        keeper = _reach(paths.runtime / "keeper.sock")
        if keeper:
            keeper.close()
        return keeper is not None


def boot_id() -> str:
    """Return what changes with every boot of this machine."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return _boot_session()


def _boot_session() -> str:
    """Return what macOS calls this boot; elsewhere the minute of the boot."""
    import ctypes

    name, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    try:
        failed = ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", name, ctypes.byref(size), None, 0)
    except AttributeError:
        failed = True
    return str(int(time.time() - time.monotonic()) // 60) if failed else name.value.decode()


def take_lock(paths: StackPaths) -> int | None:
    """Return a descriptor that holds the supervisor's lock, None when somebody else does.

    `down` deletes the file, so a lock on a file that is no longer there counts for nothing.
    """
    for _ in range(100):
        try:
            private_folder(paths.runtime.parent)
            private_folder(paths.runtime)
            lock = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:  # the folder went away in between
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), paths.lock.stat()):
                return lock
        except BlockingIOError:
            os.close(lock)
            return None
        except FileNotFoundError:
            pass
        os.close(lock)
    return None


def private_folder(folder: Path) -> None:
    """Make `folder` for this user alone; EnvironmentProblem when somebody else owns it or could enter it."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EnvironmentProblem(
            "this folder must be a directory of your own", where=str(folder), next="Remove it and try again."
        )
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def _spawn(paths: StackPaths, lock: int) -> int:
    """Start the supervisor in a session of its own, holding the lock; return its pid."""
    os.set_inheritable(lock, True)
    try:
        arguments = ["--folder", str(paths.folder), "--project", paths.project, "--lock", str(lock)]
        argv = [sys.executable, "-P", "-m", "devctl.supervisor.__main__", *arguments]
        quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        return os.posix_spawn(sys.executable, argv, os.environ, file_actions=quiet, setsid=True)
    finally:
        os.set_inheritable(lock, False)


def _wait_until_gone(pid: int, most_seconds: float = ANSWER_SECONDS) -> None:
    """Return when the process has ended, so that nothing of a stack is left when its command returns."""
    deadline = time.monotonic() + most_seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.002)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not waited for does not."""
    try:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
    except ChildProcessError:  # another command started it
        pass
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] != b"Z"
    except (FileNotFoundError, ProcessLookupError):
        return os.uname().sysname != "Linux" and _takes_signals(pid)


def _takes_signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
