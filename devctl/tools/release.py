"""Source `release`: the publisher's archive for this OS and CPU, pinned by sha256."""

from __future__ import annotations

from pathlib import Path

from devctl.tools import cache, download, platform
from devctl.tools.base import Progress, Refused, Report, Tool, UnreachableHosts
from devctl.tools.entry import Entry
from devctl.tools.unpack import unpack


def fetch(entry: Entry, report: Report, unreachable: UnreachableHosts) -> Tool:
    """Download, verify, unpack and install the archive."""
    archive = entry.archives[platform.current()]

    def count(done: int, total: int) -> None:
        report(Progress(entry.name, "release", "downloading", done, total or archive.bytes))

    with download.client() as session:
        file = download.download(session, archive.url, archive.sha256, cache.downloads(), count, unreachable)
    report(Progress(entry.name, "release", "unpacking", archive.bytes, archive.bytes))
    with cache.staging_dir() as staging:
        content = staging / "content"
        unpack(file, content)
        file.unlink()
        program = locate(content, entry.program)
        program.chmod(program.stat().st_mode | 0o700)
        inside = program.relative_to(content).as_posix()
        return cache.install(entry.name, archive.version, "release", archive.sha256, content, inside)


def locate(content: Path, pattern: str) -> Path:
    """Return the one file that `pattern` finds in an unpacked archive."""
    file = min(content.glob(pattern), default=None)
    if file is None or not file.is_file():
        raise Refused(f"the archive does not hold {pattern}")
    return file
