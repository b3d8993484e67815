"""Source `debian`: a package of the system's own Debian (or Ubuntu) suite with all that it depends on, unpacked into
the cache. Works as an ordinary user and where `apt-get update` never ran. What cannot be completed is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from devctl.tools import cache, download, libraries
from devctl.tools.apt import DOWNLOAD_SECONDS, Apt, Package, run
from devctl.tools.base import Progress, Report, SourceFailed, Tool, UnreachableHosts
from devctl.tools.entry import Entry
from devctl.tools.release import locate
from devctl.tools.unpack import check_tree

LDD_BATCH = 100
"""Files that one call of ldd looks at: it takes some milliseconds for each."""
LDD_SECONDS = 60.0


def fetch(entry: Entry, report: Report, unreachable: UnreachableHosts) -> Tool:
    """Have apt download the package and what it needs, unpack them into one folder, and check that it is complete."""
    with cache.staging_dir() as staging:
        apt = Apt(staging, unreachable)
        apt.reach()
        package, files = _download(entry, apt, report)
        content = staging / "content"
        content.mkdir(mode=0o700)
        _unpack(files, content)
        program = locate(content, entry.program if entry.program.startswith("usr") else f"usr/bin/{entry.name}")
        _check_libraries(content, package.name)
        path = program.parent if entry.is_folder else libraries.wrap(program, content)
        checksum = _checksum(files)
        return cache.install(
            entry.name, _number(package.version), "debian", checksum, content, path.relative_to(content).as_posix()
        )


def _download(entry: Entry, apt: Apt, report: Report) -> tuple[Package, list[Path]]:
    """Return the package that was taken and all files; the system's lists may name a version that is gone, so that
    private ones are fetched once."""
    package = _newest(entry, apt, report)
    try:
        return package, _download_set(entry, package, apt, report)
    except SourceFailed:
        if not apt.update():
            raise
    package = _newest(entry, apt, report)
    return package, _download_set(entry, package, apt, report)


def _download_set(entry: Entry, package: Package, apt: Apt, report: Report) -> list[Path]:
    assert entry.debian is not None
    packages = apt.resolve(package, entry.debian.together)
    if package.name not in {each.name for each in packages}:
        raise SourceFailed(f"apt-get does not say what {package.name} needs")
    size = apt.download_size(packages)
    report(Progress(entry.name, "debian", "downloading", 0, size))
    files = apt.download(packages)
    report(Progress(entry.name, "debian", "unpacking", size, size))
    return files


def _newest(entry: Entry, apt: Apt, report: Report) -> Package:
    """Return the package to take; private lists are fetched only where the system has none."""
    if package := _in_range(entry, apt):
        return package
    report(Progress(entry.name, "debian", "reading lists", 0, 0))
    if apt.update() and (package := _in_range(entry, apt)):
        return package
    names = entry.debian.names if entry.debian else ()
    raise SourceFailed(f"this Debian has no {' or '.join(names)} in the range that is needed")


def _in_range(entry: Entry, apt: Apt) -> Package | None:
    ranges = entry.on_path.ranges if entry.on_path else ()
    for name in entry.debian.names if entry.debian else ():
        version = apt.candidate(name)
        if version and any(span.holds(_number(version)) for span in ranges):
            return Package(name, version)
    return None


def _number(version: str) -> str:
    """Return the publisher's part of a Debian version: `5:7.0.15-1~deb12u4` is 7.0.15."""
    return re.sub(r"[^0-9.].*", "", version.split(":")[-1])


def _unpack(files: Sequence[Path], content: Path) -> None:
    for file in files:
        run(["dpkg-deb", "-x", str(file), str(content)], DOWNLOAD_SECONDS)
    _turn_links_inwards(content)
    check_tree(content)


def _turn_links_inwards(content: Path) -> None:
    """Have links to absolute paths lead to the same file of this folder; those without one (/etc, …) are deleted."""
    for path in content.rglob("*"):
        if not path.is_symlink() or not path.readlink().is_absolute():
            continue
        inside = content / path.readlink().relative_to("/")
        path.unlink()
        if inside.exists():
            path.symlink_to(os.path.relpath(inside, path.parent))


def _check_libraries(content: Path, package: str) -> None:
    """Raise SourceFailed when a program or library of the folder needs one that is neither there nor installed."""
    files = list(map(str, libraries.elf_files(content)))
    search = {libraries.VARIABLE: ":".join(map(str, libraries.folders(content)))}
    missing: set[str] = set()
    for start in range(0, len(files), LDD_BATCH):
        listed = run(["ldd", *files[start : start + LDD_BATCH]], LDD_SECONDS, strict=False, variables=search)
        missing.update(re.findall(r"^\s*(\S+) => not found", listed, re.MULTILINE))
    if missing:
        raise SourceFailed(
            f"Debian's {package} also needs {', '.join(sorted(missing))}, which this machine does not have"
        )


def _checksum(files: Sequence[Path]) -> str:
    """Return the sha256 of the one file, else one over those of all."""
    sums = sorted(map(download.sha256, files))
    return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()
