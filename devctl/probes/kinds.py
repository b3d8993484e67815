"""Which probe asks a check: one line per kind. The module of a kind is loaded when a stack uses it."""

from __future__ import annotations

from devctl.core.spec import Check, CheckKind
from devctl.probes.base import Probe, Target


def probe(check: Check, target: Target) -> Probe:
    """Return the probe of `check` on `target`; OSError when the target lacks the port that is to be asked."""
    match check.kind:
        case CheckKind.HTTP:
            from devctl.probes.http import HttpProbe

            return HttpProbe(check, target)
        case CheckKind.TCP:
            from devctl.probes.tcp import TcpProbe

            return TcpProbe(check, target)
        case CheckKind.COMMAND:
            from devctl.probes.command import CommandProbe

            return CommandProbe(check, target)
        case CheckKind.LOG:
            from devctl.probes.log_line import LogProbe

            return LogProbe(check, target)
        case CheckKind.KAFKA:
            from devctl.probes.kafka import KafkaProbe

            return KafkaProbe(check, target)
