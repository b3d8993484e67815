"""`devctl pull`: the images of services, as they are in their registries now."""

from __future__ import annotations

from devctl.cli import display, image_results, shared
from devctl.cli.commands.build import chosen
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Flag


class PullOptions(Options):
    """What `devctl pull` takes."""

    services = shared.SERVICES
    profiles = shared.PROFILE
    quiet = Flag("--quiet", "-q", help="No progress.")
    as_json = shared.JSON


def run(context: Context, options: PullOptions) -> int:
    """Pull the images of the named services, or of all; one that fails stops no other."""
    from devctl.actions import images

    spec = context.load(names=options.services, run_as="container", profiles=options.profiles)
    services = {name: service for name, service in chosen(spec, options.services).items() if service.has_image}
    if not services:
        context.terminal.say("Nothing here has an image that can be pulled.")
        return 0
    progress = display.choose(context, as_json=options.as_json and not options.quiet, quiet=options.quiet)
    with progress:
        results = list(images.pull(services, images.engine_of(context.stack.environ), progress))
    return image_results.show(context, results, as_json=options.as_json)


COMMAND = Command(
    run,
    PullOptions,
    about="Several at once, each with its progress. Images with `build` are not pulled: `devctl build` makes them. "
    "What runs goes on with the image that it has; `devctl up -d --force-recreate` starts it with the new one.",
    examples={
        "devctl pull": "all images of the stack",
        "devctl pull db": "that of one service",
        "devctl pull --json": "for a pipeline",
    },
    shape=image_results.SHAPE,
)
