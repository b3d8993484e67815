"""What a start will download, known before it begins: which programs, from where, how large."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.tools.base import Available


def missing(spec: Spec) -> list[Available]:
    """Return the native programs that have to be downloaded for the services that will start."""
    return [program for name in needed(spec) if (program := _to_download(name))]


def needed(spec: Spec) -> list[str]:
    """Return the programs of the first variant of every active service, each once."""
    names = [tool for name in spec.active for tool in _first_tools(spec, name)]
    return list(dict.fromkeys(names))


def _first_tools(spec: Spec, name: str) -> tuple[str, ...]:
    variants = spec.services[name].variants
    return variants[0].tools if variants else ()


def _to_download(name: str) -> Available | None:
    from devctl.products import toolbox
    from devctl.tools.base import Available

    program = toolbox.available(name)
    return program if isinstance(program, Available) and program.tool is None else None
