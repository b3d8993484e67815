"""Named moments at which a test may end the process as `kill -9` would.

Armed by KILL_POINT=NAME[:N] in the environment (the N-th time the moment is reached); else each is one comparison.
"""

import os
import signal
from typing import Final

NAMES: Final = ("before_commit", "after_commit", "before_publish", "after_publish", "before_ack", "after_ack")

_name, _, _count = os.environ.get("KILL_POINT", "").partition(":")
_left = int(_count or 1)


def reach(name: str) -> None:
    """End this process here if the environment asked for it."""
    if name == _name:
        _count_down()


def _count_down() -> None:
    global _left
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
