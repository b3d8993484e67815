"""The images of a stack: builds what has changed or is missing, pulls what has a newer one, and knows their ids."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import quote

from devctl.core.spec import MissingVariant, Service, Spec, Variant
from devctl.core.status import Kind
from devctl.errors import DevctlError, EnvironmentProblem

if TYPE_CHECKING:
    from docker import APIClient

    from devctl.actions.display import Display
    from devctl.actions.jobs import End, Job, Step
    from devctl.core.container import Build
    from devctl.engine.base import Engine
    from devctl.engine.build import Built

T = TypeVar("T")

BUILDS_AT_ONCE = 2
"""Different Dockerfiles at a time: each build has the engine's cores busy by itself."""
PULLS_AT_ONCE = 4
_SILENT_SECONDS = 60.0
"""How long all registries may be silent: one that builds its answer takes tens of seconds."""
BUILD_SOURCE = "build"
"""The `source` of progress that is a build's."""


class BuildOptions(NamedTuple):
    """How images are built. `no_cache`: every step anew. `pull`: look for newer bases."""

    no_cache: bool = False
    pull: bool = False


class ImageResult(NamedTuple):
    """What came of the image of some services. `outcome`: `built`, `pulled`, `unchanged`, or why there is none."""

    services: tuple[str, ...]
    image: str
    outcome: str | DevctlError
    id: str = ""
    seconds: float = 0.0


def engine_of(environ: Mapping[str, str]) -> Engine:
    """Return the container engine that this environment uses; EnvironmentProblem says why there is none."""
    from devctl.engine.base import NoEngine
    from devctl.engine.find import usable

    engine = usable(environ)
    if isinstance(engine, NoEngine):
        raise EnvironmentProblem(engine.reason, next=engine.remedy)
    return engine


# Building


def build(
    services: Mapping[str, Service], stack: str, engine: Engine, options: BuildOptions, display: Display
) -> Iterator[ImageResult]:
    """Build the images of services; yield what came of each as soon as it is known."""
    from devctl.actions import jobs

    users: dict[str, list[str]] = {}
    rows: dict[tuple[str, str], list[Job[Built]]] = {}  # of one Dockerfile: the first build fills the cache for others
    for name, service in services.items():
        if service.build is None:
            continue
        if service.build.image not in users:
            row = rows.setdefault((service.build.context, service.build.dockerfile), [])
            row.append(_build_job(service.build, stack, name, engine, options))
        users.setdefault(service.build.image, []).append(name)
    for message in jobs.run(tuple(rows.values()), BUILDS_AT_ONCE):
        names = tuple(users[message.key])
        if isinstance(message, jobs.Step):
            _show(display, names, message, BUILD_SOURCE)
            continue
        yield _built(names, message)
        _show(display, names, message, BUILD_SOURCE)


def _build_job(order: Build, stack: str, service: str, engine: Engine, options: BuildOptions) -> Job[Built]:
    from devctl.actions.jobs import Job

    def work(report: object) -> Built:
        from devctl.engine import build, builder

        labels = (("com.docker.compose.project", stack), ("com.docker.compose.service", service))
        how = builder.How(force=options.no_cache, pull=options.pull, labels=labels)
        with _client(engine) as api:
            return build.build(api, engine, order, how, report)  # type: ignore[arg-type]

    return Job(order.image, work)


def _built(names: tuple[str, ...], end: End[Built]) -> ImageResult:
    if isinstance(end.outcome, DevctlError):
        return ImageResult(names, end.key, end.outcome, seconds=end.seconds)
    word = "built" if end.outcome.is_new else "unchanged"
    return ImageResult(names, end.key, word, end.outcome.id, end.seconds)


@contextlib.contextmanager
def _client(engine: Engine) -> Iterator[APIClient]:
    from devctl.engine import client

    api = client.connect(engine)
    try:
        with client.translated():
            yield api
    finally:
        api.close()


def _show(display: Display, names: Sequence[str], message: Step | End[T], source: str) -> None:
    """Show how far a job is; its end is the stage `done`."""
    from devctl.actions.jobs import Step
    from devctl.engine.images import Progress

    progress = message.progress if isinstance(message, Step) else Progress("done")
    display.item({"progress": {
        "service": names[0], "tool": message.key, "source": source,
        "stage": progress.stage, "bytes": progress.bytes, "total": progress.total,
    }})  # fmt: skip


# Pulling


def pull(services: Mapping[str, Service], engine: Engine, display: Display) -> Iterator[ImageResult]:
    """Pull the images of services; yield what came of each as soon as it is known."""
    from devctl.actions import jobs

    users: dict[str, list[str]] = {}
    for name, service in services.items():
        for variant in _containers(service):
            users.setdefault(variant.image, []).append(name)
    rows = [[_pull_job(image, engine)] for image in users]
    try:
        for message in jobs.run(rows, PULLS_AT_ONCE, silent_seconds=_SILENT_SECONDS):
            names = tuple(users[message.key])
            if isinstance(message, jobs.Step):
                _show(display, names, message, "registry")
                continue
            del users[message.key]
            outcome = message.outcome
            word, id = (outcome, "") if isinstance(outcome, DevctlError) else outcome
            yield ImageResult(names, message.key, word, id, message.seconds)
            _show(display, names, message, "registry")
    except TimeoutError:
        for image, late in users.items():
            yield ImageResult(tuple(late), image, _silent(image), seconds=_SILENT_SECONDS)


def _silent(image: str) -> DevctlError:
    from devctl.engine.images import registry_of

    return EnvironmentProblem(f"the registry {registry_of(image)} does not answer", next="Check the network.")


def _pull_job(image: str, engine: Engine) -> Job[tuple[str, str]]:
    from devctl.actions.jobs import Job

    def work(report: object) -> tuple[str, str]:
        from devctl.engine import client, images
        from devctl.engine.stream import EngineRefused

        with _client(engine) as api:
            before = images.described(api, image).get("Id", "")
            try:
                with client.translated():
                    images.pull(api, image, report)  # type: ignore[arg-type]
            except EngineRefused as error:
                raise images.explain(image, error.what) from error
            id = str(images.described(api, image).get("Id", ""))
        return ("unchanged" if id == before else "pulled"), id

    return Job(image, work)


# Starting


def with_ids(spec: Spec) -> Spec:
    """Return the specification with the ids of the images that were built here, as far as they are there."""
    ids = {service.build.image for service in _to_start(spec).values() if service.build}
    return _with(spec, {image: _id_of(spec.engine, image) for image in ids}) if ids else spec


def build_missing(spec: Spec, environ: Mapping[str, str], display: Display, *, changed: bool) -> Spec:
    """Return the specification with all images that it needs built: those that are missing, and with `changed` also
    those whose sources have changed. A service that counts as optional goes on without its image."""
    needed = {name: service for name, service in _to_start(spec).items() if _must_be_built(service, changed=changed)}
    if not needed:
        return spec
    for result in build(needed, spec.name, engine_of(environ), BuildOptions(), display):
        if not isinstance(result.outcome, DevctlError):
            spec = _with(spec, {result.image: result.id})
        elif all(spec.services[name].optional for name in result.services):
            display.warning(f"{result.services[0]} goes without its image: {result.outcome}")
            spec = _without(spec, result.services, result.outcome)
        else:
            raise result.outcome
    return spec


def _must_be_built(service: Service, *, changed: bool) -> bool:
    (variant,) = _containers(service)
    policy = variant.container.pull_policy if variant.container else ""
    return changed or policy == "build" or not variant.image_id


def _to_start(spec: Spec) -> dict[str, Service]:
    """Return the services that will run by an image of their own."""
    services = {name: spec.services[name] for name in spec.active}
    return {name: service for name, service in services.items() if service.build and _containers(service)}


def _containers(service: Service) -> list[Variant]:
    return [variant for variant in service.variants if variant.kind is Kind.CONTAINER]


def _id_of(url: str, image: str) -> str:
    from devctl.engine.ask import ask
    from devctl.engine.base import Address

    try:
        return str(ask(Address(url, "the container engine"), f"/images/{quote(image)}/json")["Id"])
    except (OSError, KeyError, TypeError):  # none of this name; an engine that is gone shows where it is needed
        return ""


def _with(spec: Spec, ids: Mapping[str, str]) -> Spec:
    def changed(service: Service) -> Service:
        if service.build is None or service.build.image not in ids:
            return service
        id = ids[service.build.image]
        variants = (dataclasses.replace(v, image_id=id) if v.kind is Kind.CONTAINER else v for v in service.variants)
        return dataclasses.replace(service, variants=tuple(variants))

    return dataclasses.replace(spec, services={name: changed(service) for name, service in spec.services.items()})


def _without(spec: Spec, names: Sequence[str], error: DevctlError) -> Spec:
    """Return the specification without the containers of services whose image could not be built."""
    services = dict(spec.services)
    for name in names:
        service = services[name]
        missing = MissingVariant("container", error.what, f"Mend it, then `devctl up -d --build {name}`.")
        rest = tuple(variant for variant in service.variants if variant.kind is not Kind.CONTAINER)
        services[name] = dataclasses.replace(service, variants=rest, missing=(*service.missing, missing))
    return dataclasses.replace(spec, services=services)
