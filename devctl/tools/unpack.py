"""Unpacks archives from outside into a new folder, and refuses the whole archive when one member is not harmless.

Names that are absolute or climb out, links that lead out, devices, too many members, too many bytes: Refused.
"""

from __future__ import annotations

import copy
import errno
import os
import posixpath
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from devctl.tools.base import Refused

MAX_BYTES = 4 << 30
MAX_MEMBERS = 100_000
OF_THE_ARCHIVE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""What a system says of names in an archive that do not go together."""
MAX_RATIO = 200
"""A member that grows more than this is a bomb."""


def unpack(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> None:
    """Unpack a tar archive (any compression) or a zip file into `folder`, which must not exist yet."""
    folder.mkdir(mode=0o700)
    try:
        _opener(archive)(archive, folder, max_bytes, max_members)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and error.errno not in (None, *OF_THE_ARCHIVE):
            raise  # the disk's problem, not the archive's
        raise Refused(f"{archive.name} is not a sound archive: {error}") from error
    except Refused:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _opener(archive: Path) -> Callable[[Path, Path, int, int], None]:
    return _unzip if zipfile.is_zipfile(archive) else _untar


def check_tree(folder: Path) -> None:
    """Refuse a folder that somebody else unpacked when a link in it leads out or it holds a device."""
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            _check_link(path.relative_to(folder).as_posix(), str(path.readlink()))
        elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise Refused(f"{path.name} is neither a file nor a folder")


def _check_link(name: str, target: str) -> None:
    if target.startswith("/") or _climbs(posixpath.join(posixpath.dirname(name), target)):
        raise Refused(f"{name} is a link that leads out of its folder")


def _climbs(name: str) -> bool:
    normal = posixpath.normpath(name)
    return normal == ".." or normal.startswith("../")


def _check_name(name: str) -> None:
    if name.startswith(("/", "\\")) or "\\" in name or "\0" in name or ".." in name.split("/"):
        raise Refused(f"the archive holds the path {name!r}, which leads out of its folder")


class _Budget:
    """Counts members and bytes down to the caps."""

    def __init__(self, max_bytes: int, max_members: int) -> None:
        self.bytes = max_bytes
        self.members = max_members

    def take(self, size: int) -> None:
        self.members -= 1
        self.bytes -= size
        if self.members < 0 or self.bytes < 0:
            raise Refused("the archive holds more than an archive of this kind may")


def _untar(archive: Path, folder: Path, max_bytes: int, max_members: int) -> None:
    budget = _Budget(max_bytes, max_members)

    def harmless(member: tarfile.TarInfo) -> tarfile.TarInfo:
        budget.take(member.size)
        _check_name(member.name)
        if member.issym():
            _check_link(member.name, member.linkname)
        elif member.islnk():
            _check_name(member.linkname)
        elif not (member.isreg() or member.isdir()):
            raise Refused(f"{member.name} is neither a file nor a folder")
        return member

    names: set[str] = set()
    with tarfile.open(archive, "r:*") as source:
        for member in source:
            _check_once(member.name, names, is_folder=member.isdir())
            _extract(source, harmless(member), folder)


def _check_once(name: str, names: set[str], *, is_folder: bool) -> None:
    """Refuse a second member of one name: which of them is meant depends on who unpacks. A folder may stand twice."""
    normal = posixpath.normpath(name)
    if normal in names and not is_folder:
        raise Refused(f"the archive holds {name!r} twice")
    names.add(normal)


def _extract(source: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Extract a member that was found harmless by its names; where it really leads is looked at here."""
    keep_inside(member, folder)
    if not hasattr(tarfile, "data_filter"):  # Python before 3.11.4
        source.extract(_unowned(member), folder, set_attrs=True)
        return
    try:
        source.extract(member, folder, filter="data")
    except tarfile.FilterError as error:
        raise Refused(f"{member.name}: {error}") from error


def keep_inside(member: tarfile.TarInfo, folder: Path) -> None:
    """Refuse a member whose place or target lies outside `folder` once the links that are there are followed."""
    root = folder.resolve()
    targets = [root / member.name]
    if member.issym():
        targets.append(root / posixpath.dirname(member.name) / member.linkname)
    elif member.islnk():
        targets.append(root / member.linkname)
    for path in targets:
        if not path.resolve().is_relative_to(root):
            raise Refused(f"{member.name} leads out of its folder")


def _unowned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a copy that belongs to whoever unpacks it and is writable by nobody else (as the data filter has it)."""
    copied = copy.copy(member)
    copied.uid, copied.gid, copied.uname, copied.gname = os.getuid(), os.getgid(), "", ""
    copied.mode = (member.mode & 0o755) | 0o600
    return copied


def _unzip(archive: Path, folder: Path, max_bytes: int, max_members: int) -> None:
    budget = _Budget(max_bytes, max_members)
    with zipfile.ZipFile(archive) as source:
        names: set[str] = set()
        for member in source.infolist():
            budget.take(member.file_size)
            _check_once(member.filename, names, is_folder=member.is_dir())
            _check_name(member.filename)
            if member.file_size > MAX_RATIO * max(member.compress_size, 1 << 10):
                raise Refused(f"{member.filename} grows more than {MAX_RATIO} times")
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Refused(f"{member.filename} is neither a file nor a folder")
            if member.is_dir():
                (folder / member.filename).mkdir(parents=True, exist_ok=True)
            else:
                _unzip_file(source, member, folder / member.filename)


def _unzip_file(source: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open(member) as packed, open(target, "xb") as file:
        _copy_exactly(packed, file, member.file_size)
    executable = (member.external_attr >> 16) & 0o111
    target.chmod(0o755 if executable else 0o644)


def _copy_exactly(packed: IO[bytes], file: IO[bytes], size: int) -> None:
    """Copy `size` bytes and refuse a member that holds more than it says."""
    while chunk := packed.read(1 << 20):
        size -= len(chunk)
        if size < 0:
            raise Refused("a member holds more than it says")
        file.write(chunk)
