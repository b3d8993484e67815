"""Every rule, by looking into the groups: a new rule is one new module with a `RULE`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from devctl.diagnosis import rules
from devctl.diagnosis.rules.base import LineRule, Rule

GROUPS = {
    "state": "what the stack itself tells: a wait, a stop, what cannot be had",
    "exits": "how a process ended",
    "boot": "what a program says before it gives up",
    "probe": "what the check is answered",
    "environment": "processes and addresses of the machine",
    "resources": "memory, disk, files, processor",
    "edges": "calls between services",
    "bus": "topics, consumers and dead letters",
    "change": "what was changed since it last was good",
}


@cache
def all_rules() -> dict[str, list[Rule]]:
    """Return the rules of each group."""
    return {group: _of_group(group) for group in GROUPS}


def _of_group(group: str) -> list[Rule]:
    return [each.rule() if isinstance(each, LineRule) else each for each in declared(group)]


def declared(group: str) -> list[Rule | LineRule]:
    """Return the rules of a group as its modules declare them."""
    package = importlib.import_module(f"{rules.__name__}.{group}")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}").RULE for name in names]
