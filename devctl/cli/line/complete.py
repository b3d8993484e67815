"""What Tab offers, from the cheapest source there is; never an error, never a wait.

Service names come from the running stack's record, else from a quick look at stack.yaml's indentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from devctl.paths import MANIFEST_NAMES, StackPaths, find_folder, working_folder


def offers(what: str) -> Callable[[], list[str]] | None:
    """Return typer's completion function for `what`, None where the shell's own does."""
    offered = {
        "service": services,
        "instance": instances,
        "tool": tools,
        "run": runs,
        "profile": profiles,
        "board": boards,
    }
    return offered.get(what)


def services() -> list[str]:
    """Return the services of the stack here."""
    folder = find_folder(working_folder())
    if folder is None:
        return []
    return sorted(_from_manifest(folder) | _from_record(StackPaths(folder)))


def instances() -> list[str]:
    """Return the services of the stack here, and the instances of those that have several."""
    from devctl.actions.runs import specified_instances
    from devctl.record import store

    folder = find_folder(working_folder())
    run = store.current(StackPaths(folder)) if folder else None
    return sorted({*services(), *(specified_instances(run) if run else ())})


def _from_record(paths: StackPaths) -> set[str]:
    from devctl.actions.runs import specified_services
    from devctl.record import store

    run = store.current(paths)
    return specified_services(run) if run else set()


def _from_manifest(folder: Path) -> set[str]:
    return {name for text in _manifests(folder) for name in names_in(text)}


def _manifests(folder: Path) -> Iterator[str]:
    for name in (*MANIFEST_NAMES, "stack.override.yaml"):
        try:
            yield (folder / name).read_text(encoding="utf-8", errors="replace")[: 1 << 20]
        except OSError:
            continue


_NAME = re.compile(r"^( +)[\"']?([A-Za-z0-9][\w.-]*)[\"']?:", re.MULTILINE)


def names_in(manifest: str) -> set[str]:
    """Return the keys right below `services:` in a manifest's text; it is only parsed when a look is not enough."""
    for block in re.finditer(r"^services:[^\n]*\n((?:[ #][^\n]*\n|\n)*)", manifest + "\n", re.MULTILINE):
        keys = _NAME.findall(block.group(1))
        depth = min((len(indent) for indent, _ in keys), default=0)
        if keys:
            return {name for indent, name in keys if len(indent) == depth}
    return _parsed(manifest) if "services:" in manifest else set()


def _parsed(manifest: str) -> set[str]:
    import yaml

    try:
        return set(map(str, yaml.safe_load(manifest)["services"]))
    except (yaml.YAMLError, RecursionError, KeyError, TypeError):
        return set()


_PROFILES = re.compile(r"[\s{,][\"']?profiles[\"']?:[ ]*(?:\[([^\]]*)\]|([A-Za-z0-9][\w.-]*)|((?:\s*\n\s*-[ ].*)+))")


def profiles() -> list[str]:
    """Return the profiles that the manifest here names."""
    folder = find_folder(working_folder())
    return sorted({name for text in _manifests(folder) for name in profiles_in(text)}) if folder else []


def profiles_in(manifest: str) -> set[str]:
    """Return the words under every `profiles:` of a manifest's text."""
    listed = (match[1] or match[2] or match[3] for match in _PROFILES.finditer(manifest))
    return {name for names in listed for name in re.findall(r"[A-Za-z0-9][\w.-]*", names)}


def boards() -> list[str]:
    """Return the boards beside the manifest here."""
    folder = find_folder(working_folder())
    if folder is None:
        return []
    from devctl.queries import boards

    return sorted(board.uid for board in boards.load_all(folder / boards.FOLDER))


def tools() -> list[str]:
    """Return the names of the native programs that devctl knows."""
    from devctl.products import catalog

    return sorted(catalog.names())


def runs() -> list[str]:
    """Return the ids of the runs of the stack here."""
    from devctl.record import store

    folder = find_folder(working_folder())
    return [run.id for run in store.runs(StackPaths(folder))] if folder else []
