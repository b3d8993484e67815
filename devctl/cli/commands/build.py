"""`devctl build`: the images of services with `build`, made anew where what they are built from has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devctl.cli import display, image_results, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Service, Spec


class BuildCommandOptions(Options):
    """What `devctl build` takes."""

    services = shared.SERVICES
    pull = Flag("--pull", help="Look for newer images to build on.")
    no_cache = Flag("--no-cache", help="Do every step anew.")
    profiles = shared.PROFILE
    quiet = Flag("--quiet", "-q", help="No progress.")
    as_json = shared.JSON


def run(context: Context, options: BuildCommandOptions) -> int:
    """Build the images of the named services, or of all that have `build`."""
    from devctl.actions import images

    spec = context.load(names=options.services, profiles=options.profiles)
    services = chosen(spec, options.services)
    buildable = {name: service for name, service in services.items() if service.build}
    for name in options.services:
        if name not in buildable:
            context.terminal.say(f"{name} is not built here: it has no `build`.")
    if not buildable:
        context.terminal.say("Nothing here is built.")
        return 0
    progress = display.choose(context, as_json=options.as_json and not options.quiet, quiet=options.quiet)
    how = images.BuildOptions(options.no_cache, options.pull)
    with progress:
        results = list(images.build(buildable, spec.name, images.engine_of(context.stack.environ), how, progress))
    return image_results.show(context, results, as_json=options.as_json)


def chosen(spec: Spec, names: Sequence[str]) -> Mapping[str, Service]:
    """Return the named services, or all that are active."""
    from devctl.actions.names import check_services

    check_services(names, spec.services)
    return {name: spec.services[name] for name in names or spec.active}


COMMAND = Command(
    run,
    BuildCommandOptions,
    about="An image is built anew only where its Dockerfile, the files of its context (as .dockerignore has them), its "
    "arguments or an image that it builds on has changed since. It is done by `docker buildx` where there is one, else "
    "by the engine's classic builder, and needs no running stack. `devctl up` builds what is missing, `devctl up "
    "--build` also what has changed. Where a step fails, its line in the Dockerfile and its last lines are shown.",
    examples={
        "devctl build": "all images that have changed",
        "devctl build order": "that of one service",
        "devctl build --pull": "on the newest bases",
        "devctl build --json": "for a pipeline",
    },
    shape=image_results.SHAPE,
)
