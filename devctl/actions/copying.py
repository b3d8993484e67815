"""Copies files and folders between this machine and the instances of a service, as `docker cp` does.

What is copied travels as a tar archive, the form in which engines give and take it; for processes it is made here.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from devctl.actions.finders import find_launch
from devctl.actions.names import check_instances
from devctl.engine import archive
from devctl.engine.base import Address
from devctl.errors import DevctlError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.client import Client
    from devctl.session.protocol import LaunchView

_SPOOLED_BYTES = 16 << 20  # what is larger goes through a file


class End(NamedTuple):
    """One end of a copy: a path here, or in a service."""

    service: str
    path: str

    @property
    def is_content(self) -> bool:
        """Whether it means what is in a folder, not the folder."""
        return self.path == "." or self.path.endswith("/.")


class Files(Protocol):
    """Where files are: this machine, or a container. `title` says it to people."""

    title: str

    def is_folder(self, path: str) -> bool | None:
        """Tell whether there is a folder at `path`; None where there is nothing."""
        ...

    def read(self, path: str, *, follow_link: bool) -> IO[bytes]:
        """Return the archive of what is at `path`, under its own name."""
        ...

    def write(self, folder: str, content: IO[bytes]) -> None:
        """Unpack an archive into a folder."""
        ...


def parse_end(text: str) -> End:
    """Return what SERVICE:PATH or PATH means; a path with a colon in it is written ./a:b."""
    service, colon, path = text.partition(":")
    if not colon or not service or "/" in service or service.startswith("."):
        return End("", text)
    if not path:
        raise UsageError(f"{text!r} names no path", next=f"Write {service}:PATH.")
    return End(service, path)


def copy(session: Client, folder: Path, source: End, target: End, *, follow_link: bool = False) -> list[str]:
    """Copy from here to the instances of a service or from the first of them; return what was written."""
    service = source.service or target.service
    check_instances(session, [service])
    instances = _instances(session, service, folder)
    here = MachineFiles(Path.cwd())
    if source.service:
        return [_copy(instances[0], source, here, target, follow_link=follow_link)]
    return list(dict.fromkeys(_copy(here, source, to, target, follow_link=follow_link) for to in instances))


def _instances(session: Client, service: str, folder: Path) -> list[Files]:
    """Return where the files of each instance are; processes that share a working folder count once."""
    ids = [view["instance"] for view in session.processes([service])] or [service]
    launches = [find_launch(session, name) for name in ids]
    places = {(launch["container"] or launch["working_dir"]): _files_of(launch, folder) for launch in launches}
    return list(places.values())


def _files_of(launch: LaunchView, folder: Path) -> Files:
    if launch["container"]:
        address = Address(launch["engine"], "the container engine")
        return ContainerFiles(address, launch["container"], launch["instance"])
    return MachineFiles(Path(launch["working_dir"] or folder), f"{launch['instance']}:")


def _copy(there: Files, source: End, here: Files, target: End, *, follow_link: bool) -> str:
    is_folder = there.is_folder(source.path)
    if is_folder is None:
        raise UsageError(f"there is no {source.path}", where=there.title, next="Check the path and where it begins.")
    folder, name = _destination(here, source, target, is_folder=is_folder)
    path = source.path.removesuffix("/.") if source.is_content else source.path
    is_followed = follow_link or source.is_content
    with there.read(path, follow_link=is_followed) as content, _renamed(content, name) as renamed:
        here.write(folder, renamed)
    return f"{here.title}{posixpath.normpath(posixpath.join(folder, name))}"


def _destination(here: Files, source: End, target: End, *, is_folder: bool) -> tuple[str, str]:
    """Return the folder to unpack into and the name that the copy has there; `.`: the content of a folder."""
    there = here.is_folder(target.path)
    if there:
        return target.path, "." if source.is_content else posixpath.basename(source.path.rstrip("/"))
    if there is False and is_folder:
        raise UsageError(f"{target.path} is a file: no folder can be copied there", where=here.title)
    parent, name = posixpath.split(target.path.rstrip("/"))
    if here.is_folder(parent or ".") is not True or (target.path.endswith("/") and not is_folder):
        raise UsageError(f"there is no folder {parent or target.path}", where=here.title, next="Make it first.")
    return parent or ".", name


@contextlib.contextmanager
def _renamed(content: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """Yield an archive whose first part of every name is `name`, with what is no file, folder or link left out."""
    with tempfile.SpooledTemporaryFile(_SPOOLED_BYTES) as written:
        with tarfile.open(fileobj=content, mode="r|*") as old, tarfile.open(fileobj=written, mode="w") as new:
            for member in old:
                rest = member.name.strip("/").partition("/")[2]
                if not (member.isfile() or member.isdir() or member.issym()):
                    continue
                member.name = posixpath.normpath(posixpath.join(name, rest))
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
        written.seek(0)
        yield written


class MachineFiles:
    """Files of this machine; `base` is where paths begin."""

    def __init__(self, base: Path, title: str = "") -> None:
        self._base = base
        self.title = title

    def is_folder(self, path: str) -> bool | None:
        """Tell whether there is a folder at `path`; None where there is nothing."""
        at = self._base / path
        return at.is_dir() if at.exists() or at.is_symlink() else None

    def read(self, path: str, *, follow_link: bool) -> IO[bytes]:
        """Return the archive of what is at `path`."""
        at = self._base / path
        written = tempfile.TemporaryFile()  # noqa: SIM115  the reader closes it
        with tarfile.open(fileobj=written, mode="w") as tar:
            tar.add(at.resolve() if follow_link else at, arcname=at.name or "root")
        written.seek(0)
        return written

    def write(self, folder: str, content: IO[bytes]) -> None:
        """Unpack an archive, each member with its mode; nothing is written through a link that it brings."""
        into = self._base / folder
        with tarfile.open(fileobj=content) as tar:
            for member in tar:
                try:
                    _unpack(tar, member, into)
                except OSError as error:
                    raise DevctlError(f"cannot be written: {error.strerror}", where=str(into / member.name)) from error


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    """Write one member, whose name must stay below `into`, also by way of links."""
    if member.name == ".":  # what is copied is what is in a folder
        return
    at = into / member.name
    root = into.resolve()
    if not at.parent.resolve().is_relative_to(root) or ".." in Path(member.name).parts:
        raise DevctlError(f"{member.name} leads out of {into}", next="Copy it to where it belongs by itself.")
    if member.isdir():
        at.mkdir(exist_ok=True)
        return
    if at.is_symlink() or (member.issym() and at.exists()):
        at.unlink()
    if member.issym():
        at.symlink_to(member.linkname)
        return
    content = tar.extractfile(member)
    assert content is not None
    with at.open("wb") as file:
        while piece := content.read(1 << 20):
            file.write(piece)
    at.chmod(member.mode & 0o777)


class ContainerFiles:
    """Files of a container, which may have ended."""

    def __init__(self, address: Address, container: str, instance: str) -> None:
        self._address = address
        self._container = container
        self.title = f"{instance}:"

    def is_folder(self, path: str) -> bool | None:
        """Tell whether there is a folder at `path`; None where there is nothing."""
        return archive.is_folder(self._address, self._container, _from_root(path))

    def read(self, path: str, *, follow_link: bool) -> IO[bytes]:
        """Return the archive of what is at `path`."""
        if follow_link:
            path = archive.link_target(self._address, self._container, _from_root(path))
        return archive.read(self._address, self._container, _from_root(path))

    def write(self, folder: str, content: IO[bytes]) -> None:
        """Unpack an archive into a folder of the container."""
        content.seek(0, os.SEEK_END)
        size = content.tell()
        content.seek(0)
        archive.write(self._address, self._container, _from_root(folder), content, size)


def _from_root(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"
