"""`devctl config`: the manifest as it is understood here: one file, interpolated and merged; secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from devctl.actions.names import check_services
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag, Text
from devctl.masking import mask_value, secrets_in, secrets_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.manifest.load import Loaded

ALL = "*"


class ConfigOptions(Options):
    """What `devctl config` takes."""

    services = shared.SERVICES
    format = Text("--format", choices=("yaml", "json"), help="How it is written; yaml unless given.")
    as_json = shared.JSON
    quiet = Flag("--quiet", "-q", help="Only check; print nothing but mistakes.")
    list_services = Flag("--services", help="Only the names of the services, one a line.")
    list_images = Flag("--images", help="Only the images, one a line.")
    hash = Flag("--hash", help="Only the services with what identifies their definition, one a line.")
    resolved = Flag("--resolved", help="What devctl makes of it: recipes expanded, every default filled in.")
    reveal = Flag("--reveal", help="Show secrets too.")
    run_as = shared.RUN_AS
    profiles = shared.PROFILE


def run(context: Context, options: ConfigOptions) -> int:
    """Print the manifest, what became of it, or one fact of each service."""
    loaded = context.stack.load(run_as=options.run_as or "", profiles=options.profiles)
    context.warn(map(str, loaded.warnings))
    spec = loaded.spec
    requested = [name for name in options.services if name != ALL]
    check_services(requested, spec.services)
    if options.quiet:
        return 0
    chosen = requested or [name for name in spec.active if name in spec.services]
    if options.list_services or options.list_images or options.hash:
        for line in _facts(options, loaded, chosen):
            context.terminal.write(line)
        return 0
    data = _resolved(spec, chosen) if options.resolved else _manifest(loaded, requested)
    secrets = secrets_in(data) | secrets_of(context.stack.environ)
    shown = data if options.reveal else mask_value(data, secrets)
    as_json = options.as_json or options.format == "json"
    context.terminal.write(_json(shown) if as_json else _yaml(shown).rstrip())
    return 0


def _manifest(loaded: Loaded, requested: Sequence[str]) -> dict[str, Any]:
    """Return the manifest with all its services, or those that were asked for."""
    data = loaded.written()
    if requested:
        data["services"] = {name: data["services"][name] for name in requested if name in data["services"]}
    return data


def _facts(options: ConfigOptions, loaded: Loaded, chosen: Sequence[str]) -> Iterator[str]:
    """Yield the lines of --services, --images and --hash; devctl's own hub is no service of the manifest."""
    from devctl.core.spec import HUB, digest

    services = loaded.written()["services"]
    for name in chosen:
        if name == HUB:
            continue
        if options.list_services:
            yield name
        elif options.list_images:
            written = services[name]
            if image := written.get("image") or ("build" in written and f"{loaded.spec.name}-{name}"):
                yield str(image)
        else:
            service = loaded.spec.services[name]
            yield f"{name} {' '.join(digest(service, variant) for variant in service.variants[:1]) or '-'}"


def _resolved(spec: Spec, chosen: Sequence[str]) -> dict[str, Any]:
    from devctl.core import spec as specs

    data = specs.to_json(spec)
    data["services"] = {name: service for name, service in data["services"].items() if name in chosen}
    readable = _readable(data)
    assert isinstance(readable, dict)
    return readable


def _readable(value: Any, name: str = "") -> Any:
    """Return `value` without what is empty (a variable may be), and with references as the manifest writes them."""
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    if isinstance(value, dict):
        empty: tuple[object, ...] = (None,) if name.endswith("environment") else ("", None, [], (), {})
        return {key: _readable(item, key) for key, item in value.items() if item not in empty}
    if isinstance(value, str) and "\0" in value:
        parts = value.split("\0")
        parts[1::2] = [f"${{{dotted}}}" for dotted in parts[1::2]]
        return "".join(parts)
    return value


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2)


def _yaml(value: Any) -> str:
    from devctl.manifest.yaml_text import dump

    return dump(value)


COMMAND = Command(
    run,
    ConfigOptions,
    about="It is one file that `devctl -f FILE` can load: files laid over each other, `include` and `extends` "
    "followed, variables put in. Addresses that are known only at the start stay references. Secrets are masked: what "
    "is to be loaded again needs `--reveal`.",
    examples={
        "devctl config": "everything",
        "devctl config order": "one service",
        "devctl config -q": "only check",
        "devctl config --reveal > all.yaml": "a single file",
        "devctl config --resolved kafka": "what a recipe brings",
        "devctl config --hash": "what changes when a service has to be restarted",
    },
    shape="One object: the manifest. With `--resolved` the specification of the stack (`name`, `folder`, `services`, "
    "`active`, …) without empty keys.",
)
