"""A module, package or class that the program needs and cannot load."""

from devctl.diagnosis.rules.base import LineRule

RULE = LineRule(
    "module-missing",
    (
        r"ModuleNotFoundError: No module named '(?P<what>[^']+)'",
        r"ImportError: (?P<what>.+)",
        r"Cannot find (?:module|package) '(?P<what>[^']+)'",
        r"ClassNotFoundException: (?P<what>\S+)",
        r"NoClassDefFoundError: (?P<what>\S+)",
        r"Could not find or load main class (?P<what>\S+)",
        r"cannot load such file -- (?P<what>\S+)",
        r"No module named (?P<what>[\w.]+)",
        r"no required module provides package (?P<what>\S+)",
    ),
    "{name} cannot load {what}",
    "Install {what} where {name} runs, or correct its command, working_dir or PYTHONPATH; then `devctl up {name}`.",
    rank=20,
)
