"""Which stack is meant, and the ways to it: its folder, its manifest, its session, its record."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from devctl.errors import DevctlError, UsageError
from devctl.paths import StackPaths, find_folder, working_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from devctl.actions.recorded import RecordedSession
    from devctl.diagnosis.views import DiagnosisView, WhyView
    from devctl.manifest.load import Loaded
    from devctl.record.store import Run
    from devctl.session.client import Client
    from devctl.session.connect import Prepared

    Reader = Client | RecordedSession

    class Sessions(Protocol):
        """How a session is found or begun; `devctl.session.connect` is one."""

        def connect(self, paths: StackPaths) -> Client | None: ...

        def prepare(self, paths: StackPaths, *, start: bool = False) -> Prepared | None: ...


NOTHING_RUNS = "nothing runs here"
ISOLATED_NAME = "isolated"


class Selection(NamedTuple):
    """What says which stack is meant. With neither folder nor files it is the nearest one from here upwards."""

    files: Sequence[str] = ()
    project_directory: str = ""
    project_name: str = ""
    profiles: Sequence[str] = ()
    env_files: Sequence[str] = ()


class StackAccess:
    """One stack, resolved when something of it is first needed."""

    def __init__(
        self, selection: Selection, environ: Mapping[str, str] = os.environ, sessions: Sessions | None = None
    ) -> None:
        _check_name(selection.project_name)
        self.selection = selection
        self.environ = environ
        self._sessions = sessions
        self._paths: StackPaths | None = None

    @property
    def paths(self) -> StackPaths:
        """The paths of the stack that is meant; UsageError when there is none here."""
        if self._paths is None:
            self._paths = StackPaths(self._folder(), self.selection.project_name)
        elif not self._paths.folder.is_dir():  # renamed while the command runs: the way there may lead to it still
            with contextlib.suppress(UsageError, OSError):
                self._paths = StackPaths(self._folder(), self.selection.project_name)
        return self._paths

    def isolated(self) -> StackAccess:
        """Return a second copy of the stack, under a name of its own unless the selection has one."""
        name = self.selection.project_name or ISOLATED_NAME
        return StackAccess(self.selection._replace(project_name=name), self.environ, self._sessions)

    def elsewhere(self, paths: StackPaths) -> StackAccess:
        """Return another stack of this user."""
        selection = Selection(project_directory=os.fspath(paths.folder), project_name=paths.project)
        return StackAccess(selection, self.environ, self._sessions)

    def _folder(self) -> Path:
        if self.selection.project_directory:
            chosen = Path(self.selection.project_directory)
            return chosen if _is_deleted(chosen) else _existing(chosen)
        if self.selection.files:
            return _existing(Path(self.selection.files[0]).parent)
        here = working_folder()
        folder = find_folder(here)
        if folder is None:
            raise _no_stack(here)
        return folder

    def session(self) -> Reader:
        """Return the session of the running stack, else what answers from the record and starts nothing."""
        client = self.client()
        if client is not None:
            return client
        from devctl.actions.recorded import RecordedSession

        return RecordedSession(self.paths)

    def client(self) -> Client | None:
        """Return the session of the running stack, None when nothing runs."""
        return self._connector().connect(self.paths)

    def running(self) -> Client:
        """Return the session of the running stack; DevctlError when nothing runs."""
        client = self.client()
        if client is None:
            raise DevctlError(NOTHING_RUNS, where=str(self.paths.folder), next="Start it with `devctl up -d`.")
        return client

    def why(self, session: Reader, names: Sequence[str] = ()) -> Sequence[WhyView]:
        """Explain each of `names` (none: each service that people see and that is not good)."""
        from devctl.diagnosis.why import why

        return why(session, self.paths, names)

    def diagnose(
        self, session: Reader, names: Sequence[str] = (), *, since_seconds: float | None = None
    ) -> DiagnosisView:
        """Return the root causes of what is wrong with `names` (none: with the whole stack)."""
        from devctl.diagnosis.why import diagnose

        return diagnose(session, self.paths, names, recent_seconds=since_seconds)

    def diagnose_trace(self, session: Reader, subject: str) -> DiagnosisView:
        """Return where a trace, or the journey of one thing, failed."""
        from devctl.diagnosis.why import diagnose_trace

        return diagnose_trace(session, self.paths, subject)

    def diagnose_requests(self, session: Reader, *, slow: bool, since_seconds: float | None = None) -> DiagnosisView:
        """Return which requests became slow, or which fail."""
        from devctl.diagnosis.why import diagnose_requests

        return diagnose_requests(session, self.paths, slow=slow, since_seconds=since_seconds)

    def prepare(self) -> Prepared:
        """Begin to connect, starting the supervisor if need be."""
        prepared = self._connector().prepare(self.paths, start=True)
        assert prepared is not None
        return prepared

    def _connector(self) -> Sessions:
        if self._sessions is None:
            from devctl.session import connect

            self._sessions = connect
        return self._sessions

    def load(
        self,
        *,
        names: Sequence[str] = (),
        run_as: str = "",
        isolated: bool = False,
        profiles: Sequence[str] = (),
        with_smoke: bool = False,
    ) -> Loaded:
        """Read and check the manifest; return the specification and what is worth a look all the same."""
        from devctl.manifest import load

        request = load.LoadRequest(
            files=tuple(Path(file) for file in self.selection.files),
            env_files=tuple(Path(file) for file in self.selection.env_files),
            paths=self.paths,
            environ=dict(self.environ),
            profiles=(*self.selection.profiles, *profiles),
            names=tuple(names),
            run_as=run_as,
            isolated=isolated,
            with_smoke=with_smoke,
        )
        return load.load(request)

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
        matching = [run for run in store.runs(self.paths) if run.id.startswith(run_id)]
        if len(matching) != 1:
            what = f"no run {run_id!r}" if not matching else f"{len(matching)} runs begin with {run_id!r}"
            raise UsageError(what, next="`devctl runs` lists them.")
        return matching[0]


def _no_stack(here: Path) -> UsageError:
    if not here.is_dir():
        return UsageError(
            "the working folder was deleted, and no stack.yaml is in a folder above",
            where=str(here),
            next="Change to another folder, or name the manifest with -f FILE.",
        )
    return UsageError(
        "no stack.yaml here or in any folder above",
        where=str(here),
        next="Write one with `devctl init`, or name it with -f FILE.",
    )


def _check_name(project: str) -> None:
    """Raise UsageError unless the project's name can be one; it becomes a folder."""
    letters = project.replace("-", "").replace("_", "")
    if not project or (letters.isascii() and letters.isalnum() and project[0].isalnum() and len(project) <= 63):
        return
    raise UsageError(f"{project!r} cannot name a stack", next="Use letters, digits, - and _, at most 63 of them.")


def _is_deleted(folder: Path) -> bool:
    """Tell whether a folder is gone in which a stack of this user still runs."""
    from devctl.record import running

    return not folder.exists() and any(paths.folder == folder for paths in running.entries())


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError("no such folder", where=str(folder))
    return folder.resolve()
