"""What happens when the terminal is gone: the terminal UI ends at once, however busy it is."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp

HANGUP_SECONDS = 0.08
"""So long an orderly end may take when the terminal is gone."""


def listen(app: DevctlApp) -> None:
    """End the app at SIGHUP and SIGTERM."""
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, _hang_up, app)


def _hang_up(app: DevctlApp) -> None:
    """End soon, and at once should that be what ending waits for."""
    app.hung_up = True
    timer = threading.Timer(HANGUP_SECONDS, os._exit, (128 + signal.SIGHUP,))
    timer.daemon = True
    timer.start()
    app.exit()
