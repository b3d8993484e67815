"""The standard streams of a command: also where its caller closed some of them."""

import os
import sys

_MODES = {0: "r", 1: "w", 2: "w"}
_NAMES = {0: "stdin", 1: "stdout", 2: "stderr"}


def open_closed() -> None:
    """Open on the null device what the caller closed (`devctl down >&-`).

    Else the next file or socket gets the number of a standard stream: what is printed goes into it, and closing the
    stream closes it.
    """
    for number, name in _NAMES.items():
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, _MODES[number], closefd=False))  # noqa: SIM115  as long as the process lives
