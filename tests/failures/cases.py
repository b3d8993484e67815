"""Every case of the benchmark."""

from __future__ import annotations

from tests.failures import code, runtime, start
from tests.failures.harness import Case


def all_cases() -> list[Case]:
    """Return the cases of every tier."""
    return [*start.CASES, *runtime.CASES, *code.CASES]
