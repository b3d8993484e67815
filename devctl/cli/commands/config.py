"""`devctl config`: the manifest as it is understood here: interpolated, merged, expanded; secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from devctl.actions.names import check_services
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag
from devctl.text import is_secret, mask_text, masked


class ConfigOptions(Options):
    """What `devctl config` takes."""

    services = shared.SERVICES
    as_json = shared.JSON
    quiet = Flag("--quiet", "-q", help="Only check; print nothing but mistakes.")
    reveal = Flag("--reveal", help="Show secrets too.")
    run_as = shared.RUN_AS
    profiles = shared.PROFILE


def run(context: Context, options: ConfigOptions) -> int:
    """Print the resolved specification as YAML or JSON."""
    from devctl.core import spec as specs

    spec = context.load(run_as=options.run_as or "", profiles=options.profiles)
    check_services(options.services, spec.services)
    if options.quiet:
        return 0
    plain = specs.to_json(spec)
    chosen = options.services or spec.active
    plain["services"] = {name: service for name, service in plain["services"].items() if name in chosen}
    shown = _readable(plain if options.reveal else _masked(plain, context.stack.environ))
    context.terminal.write(_json(shown) if options.as_json else _yaml(shown).rstrip())
    return 0


def _masked(plain: Any, environ: Mapping[str, str]) -> Any:
    """Return `plain` with every secret hidden wherever its value stands, also in commands and written files."""
    secrets = {name: value for name, value in environ.items() if is_secret(name)}
    for number, value in enumerate(_secret_values(plain)):
        secrets[f"{number}_SECRET"] = value
    return _hidden(plain, secrets)


def _secret_values(value: Any, name: str = "") -> Iterator[str]:
    """Yield the values of all variables with secret names, and of all headers."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secret_values(item, "HEADER_SECRET" if name == "headers" else key)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secret_values(item, name)
    elif isinstance(value, str) and (is_secret(name) or name == "HEADER_SECRET"):
        yield value


def _hidden(value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: masked(key, item) if is_secret(key) and isinstance(item, str) else _hidden(item, secrets)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_hidden(item, secrets) for item in value]
    return mask_text(value, secrets) if isinstance(value, str) else value


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

    plain = json.loads(json.dumps(value))  # enums become their values
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=False, width=120))


COMMAND = Command(
    run,
    ConfigOptions,
    about="Addresses that are known only at the start stay references such as ${services.kafka.broker}.",
    examples={"devctl config": "everything", "devctl config order": "one service", "devctl config -q": "only check"},
    shape="One object: the specification of the stack (`name`, `folder`, `services`, `active`, …) without empty keys.",
)
