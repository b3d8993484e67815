"""What every command is handed: which stack is meant, the way to it, and the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from devctl.cli.line.declare import Value
from devctl.errors import DevctlError, UsageError
from devctl.paths import StackPaths, find_folder
from devctl.render.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from devctl.actions.recorded import Recorded
    from devctl.manifest.load import Loaded
    from devctl.record.store import Run
    from devctl.session.client import Client, Prepared

    class Sessions(Protocol):
        """How a session is found or begun; `devctl.session.client` is one."""

        def connect(self, paths: StackPaths) -> Client | None: ...

        def prepare(self, paths: StackPaths, *, start: bool = False) -> Prepared | None: ...


NOTHING_RUNS = "nothing runs here"


class Context:
    """The global options of one call, resolved when they are first needed."""

    def __init__(
        self,
        given: Mapping[str, Value],
        environ: Mapping[str, str],
        terminal: Terminal,
        sessions: Sessions | None = None,
    ) -> None:
        self.environ = environ
        self._sessions = sessions
        self.terminal = terminal
        self.files = _words(given.get("files"))
        self.profiles = _words(given.get("profiles"))
        self.env_files = _words(given.get("env_files"))
        self.project = _name(str(given.get("project_name") or ""))
        self._directory = given.get("project_directory")
        self._paths: StackPaths | None = None

    @property
    def paths(self) -> StackPaths:
        """The paths of the stack that is meant; UsageError when there is none here."""
        if self._paths is None:
            self._paths = StackPaths(self._folder(), self.project)
        return self._paths

    def isolate(self) -> None:
        """Mean a second copy of the stack from here on, with a name of its own unless `-p` gave one."""
        self.project = self.project or "isolated"
        self._paths = None

    def _folder(self) -> Path:
        if self._directory:
            return _existing(Path(str(self._directory)))
        if self.files:
            return _existing(Path(self.files[0]).parent)
        found = find_folder(Path.cwd())
        if found is None:
            raise UsageError(
                "no stack.yaml here or in any folder above",
                where=os.getcwd(),  # noqa: PTH109  as the person sees it
                next="Write one with `devctl init`, or name it with -f FILE.",
            )
        return found

    def session(self) -> Client | Recorded:
        """Return the session of the running stack, else what answers from the record and starts nothing."""
        client = self.client()
        if client is not None:
            return client
        from devctl.actions.recorded import Recorded

        return Recorded(self.paths)

    def client(self) -> Client | None:
        """Return the session of the running stack, None when nothing runs."""
        return self._door().connect(self.paths)

    def running(self) -> Client:
        """Return the session of the running stack; DevctlError when nothing runs."""
        client = self.client()
        if client is None:
            raise DevctlError(NOTHING_RUNS, where=str(self.paths.folder), next="Start it with `devctl up -d`.")
        return client

    def prepare(self) -> Prepared:
        """Begin to connect, starting the supervisor if need be."""
        prepared = self._door().prepare(self.paths, start=True)
        assert prepared is not None
        return prepared

    def _door(self) -> Sessions:
        if self._sessions is None:
            from devctl.session import client

            self._sessions = client
        return self._sessions

    def load(
        self, *, names: Sequence[str] = (), run_as: str = "", isolated: bool = False, profiles: Sequence[str] = ()
    ) -> Loaded:
        """Read and check the manifest, say its warnings, and return the specification."""
        from devctl.manifest import load
        from devctl.render import problems

        request = load.LoadRequest(
            files=tuple(Path(file) for file in self.files),
            env_files=tuple(Path(file) for file in self.env_files),
            paths=self.paths,
            environ=dict(self.environ),
            profiles=(*self.profiles, *profiles),
            names=tuple(names),
            run_as=run_as,
            isolated=isolated,
        )
        loaded = load.load(request)
        for warning in loaded.warnings:
            self.terminal.say(problems.warning(str(warning), self.terminal))
        return loaded

    def run(self, run_id: str = "") -> Run:
        """Return the run of that id (or its unique beginning), else the newest; DevctlError when there is none."""
        from devctl.record import store

        if not run_id:
            newest = store.current(self.paths)
            if newest is None:
                raise DevctlError(
                    "no run is recorded here", where=str(self.paths.folder), next="`devctl up` begins one."
                )
            return newest
        found = [run for run in store.runs(self.paths) if run.id.startswith(run_id)]
        if len(found) != 1:
            what = f"no run {run_id!r}" if not found else f"{len(found)} runs begin with {run_id!r}"
            raise UsageError(what, next="`devctl runs` lists them.")
        return found[0]


def _name(project: str) -> str:
    """Return the project's name when it can be one; it becomes a folder."""
    letters = project.replace("-", "").replace("_", "")
    if not project or (letters.isascii() and letters.isalnum() and project[0].isalnum() and len(project) <= 63):
        return project
    raise UsageError(f"{project!r} is no name for a stack", next="Letters, digits, - and _, up to 63 of them.")


def _words(value: Value) -> list[str]:
    return list(value) if isinstance(value, list) else []


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError("no such folder", where=str(folder))
    return folder.resolve()
