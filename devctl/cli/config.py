"""`devctl config`: the manifest as it is understood here: interpolated, merged, expanded; secrets masked."""

from __future__ import annotations

from typing import Any

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.declare import Command, Option
from devctl.text import mask_environment, masked


def run(
    context: Context, *, services: list[str], as_json: bool, quiet: bool, reveal: bool, run_as: str | None,
    profiles: list[str],
) -> int:  # fmt: skip
    """Print the resolved specification as YAML or JSON."""
    from devctl.core import spec as specs

    spec = context.load(run_as=run_as or "", profiles=profiles).spec
    shared.known(services, spec.services)
    if quiet:
        return 0
    plain = specs.to_json(spec)
    chosen = services or spec.active
    plain["services"] = {name: service for name, service in plain["services"].items() if name in chosen}
    shown = _readable(plain if reveal else _masked(plain))
    context.terminal.write(_json(shown) if as_json else _yaml(shown).rstrip())
    return 0


def _masked(value: Any) -> Any:
    """Return `value` with environments and headers masked, wherever they stand."""
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    if not isinstance(value, dict):
        return masked("", value) if isinstance(value, str) else value
    return {
        key: mask_environment(item)
        if key in ("environment", "host_environment")
        else dict.fromkeys(item, "********")
        if key == "headers"
        else _masked(item)
        for key, item in value.items()
    }


def _readable(value: Any) -> Any:
    """Return `value` without what is empty, and with references written as the manifest writes them."""
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items() if item not in ("", None, [], (), {})}
    if isinstance(value, str) and "\0" in value:
        parts = value.split("\0")
        parts[1::2] = [f"${{{name}}}" for name in parts[1::2]]
        return "".join(parts)
    return value


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2)


def _yaml(value: Any) -> str:
    import json

    import yaml

    plain = json.loads(json.dumps(value))  # enums become their words
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=False, width=120))


COMMAND = Command(
    run,
    shared.SERVICES,
    shared.JSON,
    Option("--quiet", "-q", flag=True, help="Only check; print nothing but mistakes."),
    Option("--reveal", flag=True, help="Show secrets too."),
    shared.RUN_AS,
    shared.PROFILE,
    about="Addresses that are known only at the start stay references such as ${services.kafka.broker}.",
    examples={"devctl config": "everything", "devctl config order": "one service", "devctl config -q": "only check"},
    shape="One object: the specification of the stack (`name`, `folder`, `services`, `active`, …) without empty keys.",
)
