"""Reads what a request of the session says: the specification and which services it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from devctl.core import faults
from devctl.core.faults import Fault
from devctl.core.plan import Up
from devctl.core.spec import Spec, from_json
from devctl.errors import UsageError


def spec_of(request: dict[str, Any]) -> Spec | None:
    """Return the specification of a request, None when it has none; UsageError when it cannot be read."""
    if not request.get("spec"):
        return None
    try:
        return from_json(Spec, request["spec"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            "the running supervisor does not understand this specification",
            next="Another version of devctl started it: run `devctl down`, then `devctl up`.",
        ) from error


def up_of(request: dict[str, Any]) -> Up:
    """Return what shall come up."""
    names = tuple(request.get("names", ()))
    return Up(
        names,
        force=bool(request.get("force")),
        no_deps=bool(request.get("no_deps")),
        all_at_once=bool(request.get("all_at_once")),
    )


def fault_of(request: dict[str, Any], now: float) -> Fault:
    """Return the fault that is asked for; it gets its name later. `seconds`: how long it lasts, for ever without."""
    try:
        fault = faults.from_json({"name": "", **request["fault"]})
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"no such fault: {error}") from error
    seconds = request.get("seconds")
    return replace(fault, until=now + float(seconds)) if seconds else fault
