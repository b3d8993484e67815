"""A first stack.yaml: from nothing, or from files of other programs with a list of what could not be taken over."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devctl.manifest import document
from devctl.manifest.problems import Problem, Problems
from devctl.manifest.reader import stack_name
from devctl.manifest.takeover import process_compose, procfile, repair
from devctl.manifest.takeover.compose import ComposeFiles
from devctl.manifest.takeover.notes import Notes
from devctl.manifest.yaml_text import dump

SCHEMA_LINE = "# yaml-language-server: $schema=./stack.schema.json"

TEMPLATE = f"""{SCHEMA_LINE}
# What runs, and what it needs. `devctl up` starts it; docs: https://github.com/devctl/devctl/blob/main/docs/manifest.md
name: NAME

services:
  # A program of yours. It finds its port in $PORT.
  web:
    command: ["${{python}}", -m, http.server, "${{services.web.http.port}}", --bind, 127.0.0.1]
    ports: {{http: auto}}
    healthcheck: {{http: /}}

  # A product that devctl knows; `devctl schema` and the docs list them.
  # kafka: {{uses: kafka, with: {{topics: {{greetings: {{partitions: 3}}}}}}}}
"""


@dataclass(frozen=True, slots=True)
class Converted:
    """A stack.yaml made from a file of another program, and everything that was left out or is to be looked at."""

    text: str
    notes: tuple[Problem, ...]


def template(name: str) -> str:
    """Return a first stack.yaml that can be started as it is; its name is made from `name`, such as a folder's."""
    return TEMPLATE.replace("NAME", stack_name(name), 1)


def convert(
    files: Path | Sequence[Path], folder: Path | None = None, environ: Mapping[str, str] | None = None
) -> Converted:
    """Return the stack.yaml of `folder` (that of the first file unless given) for one or several Compose files that
    are laid over each other; ManifestError when one cannot be read at all."""
    paths = [files] if isinstance(files, Path) else list(files)
    taken = ComposeFiles(paths, folder or paths[0].parent, os.environ if environ is None else environ)
    return _converted(taken.stack(), taken.notes)


def convert_other(file: Path, folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Converted:
    """Return the stack.yaml for a Procfile, a process-compose.yaml or a Compose file, told by name and content."""
    variables = os.environ if environ is None else environ
    if kind_of_file(file) == "compose":
        return convert(file, folder, variables)
    notes = Notes()
    take = procfile.stack if kind_of_file(file) == "procfile" else process_compose.stack
    stack = take(file, notes)
    repair.made_to_load(stack, (folder or file.parent).resolve(), variables, notes)
    return _converted(stack, notes)


def kind_of_file(file: Path) -> str:
    """Return what a file is: compose, procfile or process-compose."""
    if file.suffix not in (".yaml", ".yml"):
        return "procfile"
    problems = Problems()
    root = document.read(file, file.name, problems)
    return "process-compose" if root is not None and "processes" in root.items else "compose"


def _converted(stack: dict[str, Any], notes: Notes) -> Converted:
    return Converted(f"{SCHEMA_LINE}\n{dump(stack)}", tuple(notes.all))
