"""Which probe asks a check: the one of the module that bears the name of the check's kind.

A module is loaded when a stack uses it first. It calls its probe `PROBE`: a class made from a check and a target.
"""

from __future__ import annotations

import importlib
from typing import cast

from devctl.core.checks import Check
from devctl.probes.base import Probe, Target


def probe(check: Check, target: Target) -> Probe:
    """Return the probe of `check` on `target`; OSError when the target lacks the port that is to be asked."""
    module = importlib.import_module(f"devctl.probes.{check.kind}")
    return cast(Probe, module.PROBE(check, target))
