"""How much of a repeated test is run: the smallest count that still catches the fault, or all of it (`make soak`)."""

import os
from typing import TypeVar

T = TypeVar("T")
IS_SOAK = bool(os.environ.get("DEVCTL_SOAK"))


def rounds(ordinary: T, soak: T) -> T:
    """Return the count for this run."""
    return soak if IS_SOAK else ordinary
