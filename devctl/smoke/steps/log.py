"""`log`: a line that must be there since the check began, or must not."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from devctl.smoke.check import CheckContext, CheckFailed
from devctl.text import clean

if TYPE_CHECKING:
    from devctl.manifest.smoke import LogStep
    from devctl.record.lines import Line

QUIET_SECONDS = 1.0  # a forbidden line is waited for so long: services write at once, the keeper copies at once
SHOWN = 200


def run(step: LogStep, context: CheckContext, within: float | None) -> None:
    """Wait for the line; for a forbidden one, wait in vain."""
    service, text = context.fill(step.service), context.fill(step.contains)
    pattern = re.compile(context.fill(step.matches)) if step.matches else None

    def matching() -> list[Line]:
        services = [service] if service else []
        lines = context.stack.lines(services=services, since_ns=context.origin.began_ns, level=step.level)
        return [line for line in lines if text in line.text and (pattern is None or pattern.search(line.text))]

    def attempt() -> None:
        if not matching():
            raise CheckFailed(f"no line of {service or 'any service'} with {text or step.matches!r}", service=service)

    if not step.forbidden:
        return context.until(within, attempt)
    end = time.monotonic() + (QUIET_SECONDS if within is None else within)
    while not (lines := matching()) and time.monotonic() < end:
        time.sleep(0.1)
    if lines:
        line = lines[0]
        raise CheckFailed(f"{line.service} wrote what is forbidden: {clean(line.text[:SHOWN])}", service=line.service)
    return None
