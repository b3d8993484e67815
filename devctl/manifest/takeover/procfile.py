"""A Procfile as a stack.yaml: one program a line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from devctl.manifest.files import read_text
from devctl.manifest.problems import Location, Problems
from devctl.manifest.shapes.shell import shell_word
from devctl.manifest.takeover.notes import Notes
from devctl.manifest.yaml_text import Unquoted

LINE = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(\S.*)")
PORT = re.compile(r"\$(?:PORT\b|\{PORT\b)")


def stack(file: Path, notes: Notes) -> dict[str, Any]:
    """Return the manifest for a Procfile; ManifestError when it cannot be read."""
    problems = Problems()
    text = read_text(file, file.name, problems)
    problems.stop()
    services: dict[str, Any] = {}
    for number, line in enumerate((text or "").splitlines(), start=1):
        match = LINE.fullmatch(line.strip())
        if match is None:
            if line.strip() and not line.lstrip().startswith("#"):
                notes.lost(Location(file.name, number, 1), f"line {number}", "it is not of the form NAME: COMMAND")
            continue
        notes.sources["services", match[1]] = Location(file.name, number, 1)
        services[match[1]] = _service(match[1], match[2], file, Location(file.name, number, 1), notes)
    return {"services": services}


def _service(name: str, command: str, file: Path, location: Location, notes: Notes) -> dict[str, Any]:
    service: dict[str, Any] = {"command": shell_command(command)}
    if PORT.search(command):
        service["ports"] = {"http": Unquoted("auto")}
    if (file.parent / ".env").is_file():
        service["env_file"] = ".env"
    if name == "release":
        service |= {"restart": "no", "profiles": ["release"]}
        notes.add(location, "services.release is a job of the profile release now", "devctl up release")
    return service


def shell_command(command: str, shell: tuple[str, ...] = ("sh", "-c")) -> Any:
    """Return a command that a shell ran: through one where it needs it."""
    escaped = command.replace("$", "$$")
    return [*shell, escaped] if shell_word(command) or re.search(r"[*?~#]", command) else escaped
