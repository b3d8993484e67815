"""Identifiers: UUIDs of version 7, whose order is the order of their making."""

import os
import time
import uuid
from typing import Annotated

from pydantic import StringConstraints

# What may stand in a path or a body as an identifier. Anything else is a 422 before it reaches a query.
Identifier = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


def new_id() -> str:
    """Make an identifier that sorts by time."""
    random_bits = int.from_bytes(os.urandom(10))
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | random_bits
    value = value & ~(0xF << 76) | 7 << 76  # version
    value = value & ~(0x3 << 62) | 2 << 62  # variant
    return str(uuid.UUID(int=value))
