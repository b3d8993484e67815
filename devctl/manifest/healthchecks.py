"""A manifest's healthcheck made into the check that a probe runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from devctl.core.spec import Check, CheckKind, Port
from devctl.manifest.model import Healthcheck

SHELL = "/bin/sh"
TEST_START_INTERVAL = 0.2


def check_of(check: Healthcheck | None, brought: Check | None, ports: tuple[Port, ...]) -> Check | None:
    """Return the check of a service: the manifest's own, else the recipe's with the manifest's times."""
    if check is None:
        return brought
    if check.disable or check.test[:1] == ("NONE",):
        return None
    specific = _specific_check(check, ports)
    base = specific or brought
    if base is None:
        return None
    times: dict[str, Any] = {
        "interval_seconds": check.interval,
        "timeout_seconds": check.timeout,
        "retries": check.retries,
        "start_interval_seconds": check.start_interval,
        "start_period_seconds": check.start_period,
    }
    return dataclasses.replace(base, **{key: value for key, value in times.items() if value is not None})


def _specific_check(check: Healthcheck, ports: tuple[Port, ...]) -> Check | None:
    if check.http:
        port = check.http.port or main_port([port.name for port in ports])
        headers = dict(check.http.headers)
        return Check(CheckKind.HTTP, port=port, path=check.http.path, status=check.http.status, headers=headers)
    if check.tcp:
        return Check(CheckKind.TCP, port=check.tcp)
    if check.log:
        return Check(CheckKind.LOG, pattern=check.log)
    if check.test:
        argv = test_argv(check.test)
        return Check(CheckKind.COMMAND, argv=argv, start_interval_seconds=TEST_START_INTERVAL)
    return None


def test_argv(test: tuple[str, ...]) -> tuple[str, ...]:
    """Return the argument list of Compose's `test`: CMD-SHELL and a bare text go through the shell."""
    if test[0] == "CMD":
        return test[1:]
    if test[0] == "CMD-SHELL":
        return (SHELL, "-c", " ".join(test[1:]))
    return test


def main_port(names: Collection[str]) -> str:
    """Return the port name `http`, else the only one, else an empty text."""
    if "http" in names:
        return "http"
    return next(iter(names)) if len(names) == 1 else ""
