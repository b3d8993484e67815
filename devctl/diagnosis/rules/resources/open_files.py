"""A process that has opened nearly as many files as it may."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule
from devctl.machine.survey import open_files

_SHARE = 0.95


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which process is at its limit."""
    for instance in facts.instances(name):
        for entry in facts.processes(instance):
            files = open_files(entry.pid)
            if files is not None and files.count >= files.limit * _SHARE:
                text = f"pid {entry.pid} ({entry.name}) of {instance.id} holds {files.count} of {files.limit} files"
                pointer = {"pid": entry.pid, "open": files.count, "limit": files.limit}
                yield Cause(
                    name,
                    "too-many-files",
                    f"{name} is at its limit of open files: {text}",
                    f"See what they are (`ls -l /proc/{entry.pid}/fd`); close them, or raise `ulimit -n` before "
                    f"`devctl up`, then `devctl restart {name}`.",
                    (Evidence(EvidenceKind.PROCESS, name, text, 0, pointer),),
                    is_intrinsic=True,
                    rank=8,
                    instance=instance.id,
                )
                return


RULE = Rule(
    "too-many-files",
    "the open files of every process and its limit; its last lines (`Too many open files`)",
    "order is at its limit of open files: pid 4711 (python) of order.1 holds 1024 of 1024 files",
    "Close them, or raise `ulimit -n`; then `devctl restart order`.",
    examine,
)
