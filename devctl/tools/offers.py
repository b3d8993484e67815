"""What each source could bring to this machine, told without the network and without loading the source."""

from __future__ import annotations

import importlib.util
import shutil
import sys

from devctl.tools import platform
from devctl.tools.base import Available
from devctl.tools.entry import Entry

APT_LISTS_BYTES = 20_000_000
"""What the package lists of a Debian suite weigh, roughly: 19 MB of bookworm with its updates."""
APT_PROGRAMS = ("apt-get", "apt-cache", "apt-config", "dpkg-deb", "dpkg-query", "ldd")


def offer(entry: Entry, source: str) -> Available | None:
    """Return what `source` (release, maven, debian) would bring, None where it has nothing for this machine."""
    if source == "release":
        archive = entry.archives.get(platform.current())
        return Available(entry.name, source, archive.version, archive.bytes) if archive else None
    if source == "maven" and importlib.util.find_spec("jgo"):
        return Available(entry.name, source, entry.version, entry.bytes)
    if source == "debian" and entry.debian and sys.platform == "linux" and all(map(shutil.which, APT_PROGRAMS)):
        return Available(entry.name, source, "of this Debian", APT_LISTS_BYTES + entry.debian.bytes)
    return None
