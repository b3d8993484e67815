"""Failpoints: named moments at which a test may end the process as `kill -9` would.

There are before_commit, after_commit, before_publish, after_publish, before_ack and after_ack. KILL_POINT=NAME[:N] in
the environment arms one (N: the N-th time that it is reached); otherwise each costs one comparison.
"""

import os
import signal

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
