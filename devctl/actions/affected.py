"""Which services a change touches: by the files that they are made of, their imports, and their part of the manifest.

What a service is made of is read from its entry in stack.yaml: `watch`, `build`, `env_file`, the program and the
Python modules that `command` starts with all that they import, and files that any other key names. It runs git alone.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from devctl.actions import imports
from devctl.actions.access import StackAccess
from devctl.errors import DevctlError, EnvironmentProblem, UsageError

PINNED = ("pyproject.toml", "requirements*.txt", "*.lock", "package.json", "package-lock.json", "go.mod", "go.sum")
"""Files at the top of a project that say what all of its programs are built on."""
MANIFESTS = ("*.yaml", "*.yml", ".env")
GIT_SECONDS = 60.0
_READ_OTHERWISE = frozenset({"native", "build", "watch", "environment", "working_dir", "command"})


@dataclass(frozen=True, slots=True)
class Affected:
    """A service that a change touches, and by what."""

    service: str
    because: str


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A file or folder of the project that a service is made of, and how it comes to be one."""

    path: Path
    origin: str

    def holds(self, file: Path) -> bool:
        """Tell whether a changed file is this one or lies below it."""
        return file == self.path or self.path in file.parents


def affected(access: StackAccess, since: str, *, with_dependents: bool = False) -> list[Affected]:
    """Return the services that differ from what they were at a revision of git, in the order of the manifest."""
    folder = access.paths.folder
    base = _base(folder, since)
    changed = _changed(folder, base)
    services: Mapping[str, Any] = access.load(profiles=("*",)).written()["services"]
    causes = {name: _cause(folder, service, changed) for name, service in services.items()}
    if any(_is_manifest(file) for file in changed):
        before = _services_at(access, base)
        causes = {name: causes[name] or _rewritten(name, service, before) for name, service in services.items()}
    if with_dependents:
        _add_dependents(services, causes)
    return [Affected(name, cause) for name, cause in causes.items() if cause]


def _add_dependents(services: Mapping[str, Any], causes: dict[str, str]) -> None:
    """Give a cause to every service that depends on one that has a cause."""
    is_growing = True
    while is_growing:
        is_growing = False
        for name, service in services.items():
            touched = next((other for other in service.get("depends_on") or () if causes.get(other)), None)
            if touched and not causes[name]:
                causes[name] = f"it depends on {touched}"
                is_growing = True


def _rewritten(name: str, service: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """Return how an entry of the manifest differs from what it was, empty when it does not."""
    if before is None:
        return "the manifest of then cannot be read"
    if name not in before:
        return "it is new"
    return "" if before[name] == service else "its entry in the manifest"


def _cause(folder: Path, service: Mapping[str, Any], changed: Sequence[Path]) -> str:
    if not changed:
        return ""
    ingredients = list(_ingredients(folder, service))
    for file in changed:
        for ingredient in ingredients:
            if ingredient.holds(file):
                return f"{file} ({ingredient.origin})"
        if not service.get("uses") and len(file.parts) == 1 and any(fnmatch(file.name, each) for each in PINNED):
            return f"{file} (what it is built on)"
    return ""


def _is_manifest(file: Path) -> bool:
    return any(fnmatch(file.name, pattern) for pattern in MANIFESTS)


# What a service is made of


def _ingredients(folder: Path, service: Mapping[str, Any]) -> Iterator[Ingredient]:
    for entry in service.get("watch") or ():
        yield Ingredient(Path(entry if isinstance(entry, str) else entry["path"]), "watch")
    yield from _build(service.get("build"))
    native = service.get("native") or {}
    for part in (service, native):
        if part is native or not (service.get("image") or service.get("build")):
            yield from _program(folder, part)
        for text in _texts({key: part[key] for key in part if key not in _READ_OTHERWISE}):
            if _is_inside(folder, text):
                yield Ingredient(Path(text), "named in the manifest")


def _build(build: Any) -> Iterator[Ingredient]:
    """Yield the context, unless that is the whole project, and the Dockerfile."""
    if not build:
        return
    options = {"context": build} if isinstance(build, str) else build
    context = Path(options.get("context") or ".")
    if context != Path():
        yield Ingredient(context, "build")
    yield Ingredient(context / (options.get("dockerfile") or "Dockerfile"), "build")


def _program(folder: Path, part: Mapping[str, Any]) -> Iterator[Ingredient]:
    """Yield what a command of this machine starts: modules and programs with their imports. Of other languages than
    Python imports are not read: all of the working folder counts, unless that is the whole project."""
    working = Path(part.get("working_dir") or ".")
    command = part.get("command") or ()
    sources: list[Ingredient] = []
    for before, word in zip(("", *command), command, strict=False):
        if before == "-m":
            sources += _module(folder, working, word)
        elif _is_inside(folder, str(working / word)):
            sources += _file(folder, working / word)
    yield from sources
    is_python = any(source.path.suffix == ".py" for source in sources)
    if not is_python and working != Path() and _is_inside(folder, str(working)):
        yield Ingredient(working, "working_dir")


def _module(folder: Path, working: Path, module: str) -> Iterator[Ingredient]:
    files = {working / file for file in imports.closure(folder / working, module)}
    package = working / Path(*module.split("."))
    if files and (folder / package).is_dir():
        yield Ingredient(package, "its package")
    yield from _imported(files)


def _file(folder: Path, file: Path) -> Iterator[Ingredient]:
    """Yield a program that a command names, and what it imports."""
    if not (folder / file).is_file():
        return
    yield Ingredient(file, "its program")
    if file.suffix == ".py":
        yield from _imported(imports.closure_of_file(folder, file))


def _imported(files: set[Path]) -> Iterator[Ingredient]:
    """Yield files that are imported, and the folders of them, for what lies there and is no Python."""
    for file in sorted(files):
        yield Ingredient(file, "imported")
    for folder in sorted({file.parent for file in files if file.parent != Path()}):
        yield _Data(folder, "beside what is imported")


class _Data(Ingredient):
    """The files of a folder that are no Python: data of the modules beside them."""

    __slots__ = ()

    def holds(self, file: Path) -> bool:
        return file.parent == self.path and file.suffix != ".py"


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, Sequence):
        for entry in value:
            yield from _texts(entry)


def _is_inside(folder: Path, text: str) -> bool:
    """Tell whether a text names something of the project, not the project as a whole."""
    path = Path(text)
    if path.is_absolute() or ".." in path.parts or path == Path() or "\0" in text or len(text) > 1_000:
        return False
    try:
        return (folder / path).exists()
    except OSError:
        return False


# What changed


def _git(folder: Path, *arguments: str) -> bytes:
    """Run git in the project; UsageError with what it says when it refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=GIT_SECONDS, check=False
        )  # fmt: skip
    except FileNotFoundError:
        raise EnvironmentProblem("`devctl affected` needs git, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise EnvironmentProblem(f"git did not answer within {GIT_SECONDS:g} s", where=str(folder)) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(f"git: {lines[-1] if lines else 'it failed'}", where=str(folder))
    return done.stdout


def _base(folder: Path, since: str) -> str:
    """Return the commit from which this branch left `since`, or that one itself where they have nothing in common."""
    _git(folder, "rev-parse", "--git-dir")
    try:
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{since}^{{commit}}")
    except UsageError:
        raise UsageError(
            f"no revision {since!r}", where=str(folder),
            next="In CI a shallow clone lacks it: fetch the whole history (`fetch-depth: 0`).",
        ) from None  # fmt: skip
    with contextlib.suppress(UsageError):
        return _git(folder, "merge-base", commit.decode().strip(), "HEAD").decode().strip()
    return commit.decode().strip()


def _changed(folder: Path, base: str) -> list[Path]:
    """Return the files that are not as they were, also those that are not committed, relative to the folder."""
    compared = _git(folder, "diff", "--name-only", "--no-renames", "--relative", "-z", base, "--", ".")
    untracked = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    names = {name.decode(errors="surrogateescape") for name in (compared + untracked).split(b"\0") if name}
    return [Path(name) for name in sorted(names)]


def _services_at(access: StackAccess, base: str) -> Mapping[str, Any] | None:
    """Return the services of the manifest as it was, None where there was none or none that can be read."""
    with tempfile.TemporaryDirectory(prefix="devctl-affected") as name:
        folder = Path(name).resolve()
        _unpack(_git(access.paths.folder, "archive", "--format=tar", base, "--", "."), folder)
        with contextlib.suppress(DevctlError):
            services: Mapping[str, Any] = _moved(access, folder).load(profiles=("*",)).written()["services"]
            return services
    return None


def _unpack(archive: bytes, folder: Path) -> None:
    """Write the plain files of an archive below a folder; nothing else of it can matter to a manifest."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
        for member in tree:
            path = folder / member.name
            content = tree.extractfile(member) if member.isfile() and _is_below(folder, path) else None
            if content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


def _is_below(folder: Path, path: Path) -> bool:
    return folder in path.parents and ".." not in path.parts


def _moved(access: StackAccess, folder: Path) -> StackAccess:
    """Return the access to the same files as they lie below another folder."""
    selection = access.selection

    def there(file: str) -> str:
        with contextlib.suppress(ValueError):
            return str(folder / Path(file).resolve().relative_to(access.paths.folder))
        return file

    return StackAccess(
        selection._replace(
            project_directory=str(folder),
            files=[there(file) for file in selection.files],
            env_files=[there(file) for file in selection.env_files],
        ),
        access.environ,
    )
