"""apt as an ordinary user: its resolver and its downloads, with private folders and nothing installed system-wide.

apt itself verifies what it brings (signed lists, checksums).
"""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from devctl.tools import download
from devctl.tools.base import SourceFailed, UnreachableHosts

QUICK_SECONDS = 60.0
"""For what reads local lists: a second where nothing else runs."""
UPDATE_SECONDS = 120.0
DOWNLOAD_SECONDS = 600.0
SETTING_UP = (
    "adduser", "cron", "debconf", "dbconfig-common", "init-system-helpers", "logrotate", "lsb-base", "socat", "systemd",
    "sysvinit-utils", "ucf",
)  # fmt: skip
"""Packages that set an installed service up (users, log rotation, units). A program that is only unpacked and run by
devctl needs none of them, so apt is told that they are there."""
STATUS_FORMAT = (
    "Package: ${Package}\\nStatus: ${Status}\\nVersion: ${Version}\\nArchitecture: ${Architecture}\\n"
    "Multi-Arch: ${Multi-Arch}\\nProvides: ${Provides}\\n\\n"
)
INDEXES = ("DEP-11", "DEP-11-icons-small", "DEP-11-icons", "Contents-deb", "Contents-deb-legacy", "CNF")
"""What package lists come with that only graphical installers read."""


class Package(NamedTuple):
    """One package of one version."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}={self.version}"


class Apt:
    """apt with the system's lists first, and with lists of its own after `update`."""

    def __init__(self, staging: Path, unreachable: UnreachableHosts) -> None:
        self._folder = staging / "apt"
        self._unreachable = unreachable
        self._has_lists = False
        for name in ("lists/partial", "cache/archives/partial", "deb"):
            (self._folder / name).mkdir(parents=True, mode=0o700)

    def _options(self, status: Path | None = None) -> list[str]:
        options = {
            "Dir::Cache": str(self._folder / "cache"),
            "Acquire::Languages": "none",
            "Acquire::Retries": "0",
            "Acquire::http::Timeout": "5",
            "Acquire::https::Timeout": "5",
            "Acquire::http::ConnectionAttemptDelayMsec": "250",
            "Debug::NoLocking": "1",
        }
        if self._has_lists:
            options["Dir::State::lists"] = str(self._folder / "lists")
        if status:
            options["Dir::State::status"] = str(status)
        if os.geteuid() == 0:
            options["APT::Sandbox::User"] = "root"
        return [argument for name, value in options.items() for argument in ("-o", f"{name}={value}")]

    def reach(self) -> None:
        """Raise SourceFailed at once when none of the mirrors can be reached, so that apt need not wait for them."""
        if re.search(r'Proxy "\S', run(["apt-config", "dump", "Acquire"], QUICK_SECONDS)):
            return  # apt's own way out, which only apt knows
        sites = set(run(["apt-get", "indextargets", "--format", "$(SITE)"], QUICK_SECONDS).split())
        problems = {site: _unreachable(site, self._unreachable) for site in sorted(sites)}
        if all(problems.values()):
            raise SourceFailed(next(iter(problems.values()), "apt knows no source of packages"))

    def candidate(self, name: str) -> str:
        """Return the version that apt would install, empty when it knows none."""
        policy = run(["apt-cache", *self._options(), "policy", name], QUICK_SECONDS)
        candidate = re.search(r"Candidate: (\S+)", policy)
        return candidate[1] if candidate and candidate[1] != "(none)" else ""

    def update(self) -> bool:
        """Fetch the lists of the system's sources into the private folder; a dead source is passed over.

        Return false when that was done before.
        """
        if self._has_lists:
            return False
        self._has_lists = True
        less = [f"Acquire::IndexTargets::deb::{index}::DefaultEnabled=false" for index in INDEXES]
        options = [argument for option in less for argument in ("-o", option)]
        try:
            run(["apt-get", *self._options(), *options, "update"], UPDATE_SECONDS)
        except SourceFailed:
            if not any((self._folder / "lists").glob("*Packages*")):
                raise
        return True

    def resolve(self, package: Package, together: Sequence[str]) -> list[Package]:
        """Return the package and all it depends on that this machine lacks; what matches `together` also where the
        machine has it. SourceFailed names what cannot be had."""
        status = self._folder / "status"
        status.write_text(_installed_but(package.name, together))
        command = ["apt-get", *self._options(status), "-s", "-q", "--no-install-recommends", "install", str(package)]
        simulation = run(command, QUICK_SECONDS)
        lines = re.findall(r"^Inst (\S+) (?:\[[^]]*\] )?\((\S+)", simulation, re.MULTILINE)
        return [Package(*line) for line in lines]

    def download_size(self, packages: Collection[Package]) -> int:
        """Return how many bytes the packages weigh."""
        listed = run(
            ["apt-get", *self._options(), "-qq", "--print-uris", "download", *map(str, packages)], QUICK_SECONDS
        )
        return sum(map(int, re.findall(r"^'\S+' \S+ (\d+)", listed, re.MULTILINE)))

    def download(self, packages: Collection[Package]) -> list[Path]:
        """Return the downloaded files, one for each package; SourceFailed when one of them does not come."""
        folder = self._folder / "deb"
        run(["apt-get", *self._options(), "-q", "download", *map(str, packages)], DOWNLOAD_SECONDS, folder)
        files = sorted(folder.glob("*.deb"))
        names = {file.name.partition("_")[0] for file in files}
        lacking = [package.name for package in packages if package.name.partition(":")[0] not in names]
        if lacking:
            raise SourceFailed(f"apt-get brought no file for {', '.join(lacking)}")
        return files


def _installed_but(name: str, together: Sequence[str]) -> str:
    """Return a list of installed packages in dpkg's form: this machine's without their own dependencies (so that
    nothing about them can be broken), without what has to lie beside the program, and with what is only set-up."""
    patterns = (name, *together)
    stanzas = []
    for stanza in run(["dpkg-query", "--show", f"--showformat={STATUS_FORMAT}"], QUICK_SECONDS).split("\n\n"):
        installed = re.match(r"Package: (\S+)", stanza)
        if installed and not any(fnmatch.fnmatch(installed[1], pattern) for pattern in patterns):
            stanzas.append("\n".join(line for line in stanza.splitlines() if line.partition(":")[2].strip()))
    listed = {stanza.partition("\n")[0] for stanza in stanzas}
    for each in SETTING_UP:
        if f"Package: {each}" not in listed:
            # The version is above any: no dependency asks for more.
            stanzas.append(f"Package: {each}\nStatus: install ok installed\nVersion: 999\nArchitecture: all\n"
                           "Multi-Arch: foreign")  # fmt: skip
    return "\n\n".join(stanzas) + "\n"


def _unreachable(site: str, unreachable: UnreachableHosts) -> str:
    if not site.startswith(("http://", "https://")):
        return ""  # a disk or a mirror list, which apt resolves itself
    try:
        download.reach(site, unreachable)
    except SourceFailed as problem:
        return str(problem)
    return ""


def run(
    argv: Sequence[str],
    seconds: float,
    folder: Path | None = None,
    *,
    strict: bool = True,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Return what a program of the system prints, with `variables` in its environment; SourceFailed when it fails."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(variables or {})}
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, cwd=folder,
            env=environment, timeout=seconds, check=False, text=True, errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceFailed(f"{argv[0]}: {error}") from error
    if strict and done.returncode != 0:
        raise SourceFailed(f"{argv[0]} failed: {_reason(done)}")
    return done.stdout


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    unmet = [" ".join(line.split()) for line in done.stdout.splitlines() if "Depends:" in line]
    errors = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
    return (unmet or errors or [f"exit code {done.returncode}"])[0]
