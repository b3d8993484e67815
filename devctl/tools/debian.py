"""Source `debian`: a package of the system's own Debian (or Ubuntu) suite, unpacked into the cache.

Works as an ordinary user and where `apt-get update` never ran: lists and cache are private folders, nothing is
installed system-wide, and apt itself verifies what it brings (signed lists, checksums).
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from devctl.products.catalog import Entry
from devctl.tools import cache, download
from devctl.tools.base import Progress, Report, Silent, SourceFailed, Tool
from devctl.tools.release import locate
from devctl.tools.unpack import check_tree

UPDATE_SECONDS = 120.0
DOWNLOAD_SECONDS = 600.0


def fetch(entry: Entry, report: Report, silent: Silent) -> Tool:
    """Download the package with apt, unpack it into the cache, and check that its libraries are there."""
    with cache.workshop() as workshop:
        apt = _Apt(workshop, silent)
        apt.reach()
        package, version = _newest(entry, apt, report)
        report(Progress(entry.name, "debian", "downloading", 0, 0))
        file = apt.download(package, version)
        report(Progress(entry.name, "debian", "unpacking", file.stat().st_size, file.stat().st_size))
        content = workshop / "content"
        content.mkdir(mode=0o700)
        _run(["dpkg-deb", "-x", str(file), str(content)], DOWNLOAD_SECONDS)
        _drop_outer_links(content)
        check_tree(content)
        program = locate(content, entry.program if entry.program.startswith("usr") else f"usr/bin/{entry.name}")
        _check_libraries(program, package)
        place = program.parent if entry.name == "postgres" else program
        number = re.sub(r"[^0-9.].*", "", version)
        checksum = download.sha256(file)
        return cache.install(entry.name, number, "debian", checksum, content, place.relative_to(content).as_posix())


def _newest(entry: Entry, apt: _Apt, report: Report) -> tuple[str, str]:
    """Return the package and version to take; private lists are fetched only where the system has none."""
    if found := _in_range(entry, apt):
        return found
    report(Progress(entry.name, "debian", "reading lists", 0, 0))
    apt.update()
    if found := _in_range(entry, apt):
        return found
    raise SourceFailed(f"this Debian has no {' or '.join(entry.packages)} in the range that is needed")


def _in_range(entry: Entry, apt: _Apt) -> tuple[str, str] | None:
    ranges = entry.on_path.ranges if entry.on_path else ()
    for package in entry.packages:
        version = apt.candidate(package)
        if version and any(span.holds(version.split(":")[-1]) for span in ranges):
            return package, version
    return None


class _Apt:
    """apt with the system's lists first, and with lists of its own after `update`."""

    def __init__(self, workshop: Path, silent: Silent) -> None:
        self._folder = workshop / "apt"
        self._silent = silent
        self._own_lists = False
        for name in ("lists/partial", "cache/archives/partial", "deb"):
            (self._folder / name).mkdir(parents=True, mode=0o700)

    def _options(self) -> list[str]:
        options = {
            "Dir::Cache": str(self._folder / "cache"),
            "Acquire::Languages": "none",
            "Acquire::Retries": "0",
            "Acquire::http::Timeout": "5",
            "Acquire::https::Timeout": "5",
            "Acquire::http::ConnectionAttemptDelayMsec": "250",
            "Debug::NoLocking": "1",
        }
        if self._own_lists:
            options["Dir::State::lists"] = str(self._folder / "lists")
        if os.geteuid() == 0:
            options["APT::Sandbox::User"] = "root"
        return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    def reach(self) -> None:
        """Raise SourceFailed at once when none of the mirrors can be reached, so that apt need not wait for them."""
        if re.search(r'Proxy "\S', _run(["apt-config", "dump", "Acquire"], 20.0)):
            return  # apt's own way out, which only apt knows
        sites = set(_run(["apt-get", "indextargets", "--format", "$(SITE)"], 20.0).split())
        problems = {site: _unreachable(site, self._silent) for site in sorted(sites)}
        if all(problems.values()):
            raise SourceFailed(next(iter(problems.values()), "apt knows no source of packages"))

    def candidate(self, package: str) -> str:
        """Return the version that apt would install, empty when it knows none."""
        policy = _run(["apt-cache", *self._options(), "policy", package], 20.0)
        found = re.search(r"Candidate: (\S+)", policy)
        return found[1] if found and found[1] != "(none)" else ""

    def update(self) -> None:
        """Fetch the package lists of the system's sources into the private folder; a dead source is passed over."""
        self._own_lists = True
        only_packages = [
            word
            for target in ("DEP-11", "DEP-11-icons-small", "DEP-11-icons", "Contents-deb", "Contents-deb-legacy", "CNF")
            for word in ("-o", f"Acquire::IndexTargets::deb::{target}::DefaultEnabled=false")
        ]
        try:
            _run(["apt-get", *self._options(), *only_packages, "update"], UPDATE_SECONDS)
        except SourceFailed:
            if not any((self._folder / "lists").glob("*Packages*")):
                raise

    def download(self, package: str, version: str) -> Path:
        """Return the downloaded .deb file; old system lists may name one that is gone, so they are renewed once."""
        try:
            return self._download(package, version)
        except SourceFailed:
            if self._own_lists:
                raise
        self.update()
        return self._download(package, self.candidate(package) or version)

    def _download(self, package: str, version: str) -> Path:
        folder = self._folder / "deb"
        _run(["apt-get", *self._options(), "-q", "download", f"{package}={version}"], DOWNLOAD_SECONDS, folder)
        files = sorted(folder.glob(f"{package}_*.deb"))
        if not files:
            raise SourceFailed(f"apt-get brought no file for {package}")
        return files[-1]


def _unreachable(site: str, silent: Silent) -> str:
    if not site.startswith(("http://", "https://")):
        return ""  # a disk or a mirror list, which apt resolves itself
    try:
        download.reach(site, silent)
    except SourceFailed as problem:
        return str(problem)
    return ""


def _drop_outer_links(content: Path) -> None:
    """Delete links to absolute places (/etc, /usr/share/…), which Debian packages have and the tools do not need."""
    for path in content.rglob("*"):
        if path.is_symlink() and path.readlink().is_absolute():
            path.unlink()


def _check_libraries(program: Path, package: str) -> None:
    missing = re.findall(r"^\s*(\S+) => not found", _run(["ldd", str(program)], 20.0, strict=False), re.MULTILINE)
    if missing:
        raise SourceFailed(f"Debian's {package} also needs {', '.join(missing)}, which this machine does not have")


def _run(argv: list[str], seconds: float, folder: Path | None = None, *, strict: bool = True) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, cwd=folder,
            env=environment, timeout=seconds, check=False, text=True, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceFailed(f"{argv[0]}: {error}") from error
    if strict and done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        raise SourceFailed(f"{argv[0]} failed: {(lines or ['exit code ' + str(done.returncode)])[0]}")
    return done.stdout
