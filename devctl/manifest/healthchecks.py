"""A manifest's healthcheck made into the check that a probe runs."""

from __future__ import annotations

import dataclasses
from typing import Any

from devctl.core.checks import Check, CommandCheck, GrpcCheck, HttpCheck, LogCheck, TcpCheck
from devctl.core.launch import main_port
from devctl.core.spec import Port
from devctl.core.spec import Service as SpecService
from devctl.manifest.model import Healthcheck, Service

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


def relayed_check(service: Service, bare: SpecService) -> Check | None:
    """Return the check of a relayed service that says none: it must at least take connections before it gets some."""
    if not bare.is_relayed or service.healthcheck is not None:
        return None
    names = [port.name for port in bare.ports]
    return TcpCheck(port=main_port(names) or names[0])


def _specific_check(check: Healthcheck, ports: tuple[Port, ...]) -> Check | None:
    main = main_port([port.name for port in ports])
    if check.http:
        headers = dict(check.http.headers)
        return HttpCheck(port=check.http.port or main, path=check.http.path, status=check.http.status, headers=headers)
    if check.tcp:
        return TcpCheck(port=check.tcp)
    if check.grpc:
        return GrpcCheck(port=check.grpc.port or main, service=check.grpc.service)
    if check.log:
        return LogCheck(pattern=check.log)
    if check.test:
        return CommandCheck(argv=test_argv(check.test), start_interval_seconds=TEST_START_INTERVAL)
    return None


def test_argv(test: tuple[str, ...]) -> tuple[str, ...]:
    """Return the argument list of Compose's `test`: CMD-SHELL and a bare text go through the shell."""
    if test[0] == "CMD":
        return test[1:]
    if test[0] == "CMD-SHELL":
        return (SHELL, "-c", " ".join(test[1:]))
    return test
