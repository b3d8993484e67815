"""What a manifest's texts mean here: variables, references and paths of one project. Reads no YAML."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from devctl.core.spec import MARK, placeholder
from devctl.manifest.interpolate import interpolate
from devctl.manifest.nodes import Node, Scalar
from devctl.manifest.problems import Location, Problems, shown
from devctl.manifest.shapes.base import InvalidValue
from devctl.values import dataclass

SERVICE_REFERENCE = re.compile(r"services\.([^.]+)\.([^.]+?)(\.host|\.port|\.all)?")
MAX_BROUGHT_IN = 16 << 20


@dataclass(frozen=True, slots=True)
class Use:
    """A place where the address of a service is used."""

    service: str
    port: str
    location: Location


@dataclass(frozen=True, slots=True)
class VolumeUse:
    """A place where the folder of a volume is used."""

    volume: str
    location: Location


class ProjectReader:
    """Interpolates texts and resolves paths of one project; remembers which services and volumes were referred to."""

    def __init__(self, folder: Path, volumes: Path, environ: Mapping[str, str], problems: Problems) -> None:
        self.problems = problems
        self.folder = folder
        self.uses: list[Use] = []
        self.volume_uses: list[VolumeUse] = []
        self.values: dict[str, str] = {}  # references that have their value already
        self.bases: dict[str, Path] = {}  # file that is included or extended → the folder that its paths are seen from
        self.defaults: dict[str, Mapping[str, str]] = {}  # file that is included → the variables of its own .env
        self._volumes = volumes
        self._environ = environ
        self._texts: dict[int, tuple[Scalar, str]] = {}  # by id; the scalar is kept so that its id stays its own
        self._paths: dict[str, str] = {}
        self._location = Location("")
        self._beside: Mapping[str, str] = {}
        self._brought_in = 0  # characters that variables stood for

    def text(self, node: Scalar) -> str:
        """Return the scalar's text after interpolation, with references in it; Wrong when that fails."""
        if "$" not in node.text:
            return node.text
        if (done := self._texts.get(id(node))) is not None:
            return done[1]
        text = self.resolve(node.text, node.location, self.defaults.get(node.file))
        self._texts[id(node)] = (node, text)
        return text

    def resolve(self, text: str, location: Location, beside: Mapping[str, str] | None = None) -> str:
        """Return `text` after interpolation, also with the variables `beside`; mistakes are noted at `place`."""
        self._location = location
        self._beside = beside or {}
        try:
            return interpolate(text, self)
        except ValueError as error:
            self.problems.add(location, str(error))
            raise InvalidValue from None
        finally:
            self._beside = {}

    def substitute(self, text: str) -> str:
        """Return `text` with `${python}` and `${volumes.NAME}` replaced; addresses stay references."""
        if MARK not in text:
            return text
        parts = text.split(MARK)
        parts[1::2] = [self.values.get(name, f"{MARK}{name}{MARK}") for name in parts[1::2]]
        return "".join(parts)

    def variable(self, name: str) -> str | None:
        """Return a variable of the command's environment or of `.env`; ValueError when they swell the manifest."""
        value = self._environ.get(name, self._beside.get(name))
        self._brought_in += len(value or "")
        if self._brought_in > MAX_BROUGHT_IN:
            raise ValueError(f"variables bring in more than {MAX_BROUGHT_IN >> 20} MiB")
        return value

    def unset(self, name: str) -> None:
        """Warn, once, of a variable that has no value."""
        hint = f"${{{name}:-value}} gives a default"
        self.problems.warn(self._location, f"the variable {name} is not set: an empty text stands for it", hint=hint)

    def reference(self, dotted: str) -> str:
        """Return what stands for a dotted name until its value is known."""
        if dotted.startswith("volumes."):
            return self._volume(dotted)
        if dotted != "python":
            match = SERVICE_REFERENCE.fullmatch(dotted)
            if match is None:
                raise ValueError(f"${{{dotted}}}: write ${{services.SERVICE.PORT}}, and .host, .port or .all behind it")
            self.uses.append(Use(match[1], match[2], self._location))
        return placeholder(dotted)

    def _volume(self, dotted: str) -> str:
        name = dotted.removeprefix("volumes.")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
            raise ValueError(f"${{{dotted}}}: write ${{volumes.NAME}}")
        self.volume_uses.append(VolumeUse(name, self._location))
        self.values[dotted] = str(self._volumes / name)
        return placeholder(dotted)

    def path(self, text: str, node: Node, name: str) -> str:
        """Return the real path of something inside the project; links are resolved before the test."""
        base = self.base_of(node)
        real = self._paths.get(text) if base is self.folder else None
        if real is None:
            real = os.path.realpath(base / text)
        if base is self.folder:
            self._paths[text] = real
        if not is_inside(real, str(self.folder)):
            written = node.text if isinstance(node, Scalar) else text
            target = "" if "$" in written else f"it is {real}, "  # a variable's value is never shown
            hint = f"{target}the project is {self.folder}"
            self.problems.add(node.location, f"{name}: {shown(written)} leads out of the project", hint=hint)
            raise InvalidValue
        return real

    def base_of(self, node: Node) -> Path:
        """Return the folder that the paths of a node are seen from: the project's, or that of an included file."""
        return self.bases.get(node.file, self.folder)


def is_inside(real: str, folder: str) -> bool:
    """Tell whether a real path is the folder or lies below it."""
    return real == folder or real.startswith(folder.rstrip("/") + "/")


def stack_name(folder: str) -> str:
    """Return a stack's name made from its folder's, as Compose does."""
    return re.sub(r"[^a-z0-9_-]", "", folder.lower()).lstrip("_-")[:63] or "stack"


def find_python(configured: str, folder: Path, environ: Mapping[str, str]) -> str:
    """Return the interpreter that `${python}` stands for (design order), else the word python3."""
    if configured:
        return str(folder / configured) if "/" in configured else configured
    if venv := environ.get("VIRTUAL_ENV"):
        return str(Path(venv) / "bin" / "python")
    beside = folder / ".venv" / "bin" / "python"
    if os.access(beside, os.X_OK):
        return str(beside)
    import shutil  # it brings the compression modules along; most projects have an interpreter of their own

    return shutil.which("python3", path=environ.get("PATH")) or "python3"
