"""Builds the image of a service: by buildx where `docker` has it, else by the engine's classic builder.

Blocking, for threads. An image carries the digest of what it was built from, so that nothing is built twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devctl.core.container import Build
from devctl.engine import buildx, classic, images
from devctl.engine.base import Engine
from devctl.engine.builder import Failure, How, Report
from devctl.engine.context import BuildContext
from devctl.engine.images import Progress
from devctl.engine.stream import EngineRefused
from devctl.errors import DevctlError

if TYPE_CHECKING:
    from docker import APIClient

DIGEST = "devctl.build"
"""The label of an image with the digest of what it was built from."""
_LINE = re.compile(r"parse error(?: on)? line (\d+)")
_EXIT_CODE = re.compile(r"returned a non-zero code: (\d+)")


class BuildFailed(DevctlError):
    """A build that came to an end at one of its steps. `step` is that instruction, `lines` what came last."""

    def __init__(self, what: str, *, where: str, step: str, lines: list[str]) -> None:
        super().__init__(what, where=where, next="\n".join(lines))
        self.step = step
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Built:
    """An image that is there now. `is_new`: it was built, for it was not there or something had changed."""

    image: str
    id: str
    is_new: bool


def build(api: APIClient, engine: Engine, order: Build, how: How, report: Report) -> Built:
    """Have the image that `order` describes, built anew only where what it is built from has changed."""
    context = BuildContext(order)
    report(Progress("read the context"))
    digest = context.digest([images.described(api, base).get("Id", "") for base in context.bases])
    image = images.described(api, order.image)
    labels = (image.get("Config") or {}).get("Labels") or {}
    if labels.get(DIGEST) == digest and not (how.force or how.pull):
        return Built(order.image, image["Id"], is_new=False)
    if how.pull or not all(images.described(api, base) for base in context.bases):
        for base in context.bases:
            _have_base(api, context, base, how, report)
        digest = context.digest([images.described(api, base).get("Id", "") for base in context.bases])
    _run(api, engine, context, How(how.force, how.pull, (*how.labels, (DIGEST, digest))), report)
    return Built(order.image, images.described(api, order.image)["Id"], is_new=True)


def _have_base(api: APIClient, context: BuildContext, base: str, how: How, report: Report) -> None:
    """Pull a base that is missing, or that may be newer; one that cannot be pulled is good enough where it is here."""
    from docker.errors import APIError

    is_here = bool(images.described(api, base))
    if is_here and not how.pull:
        return
    try:
        images.pull(api, base, lambda item: report(Progress(f"pull {base}", item.bytes, item.total)))
    except (APIError, EngineRefused) as error:
        if not is_here:
            raise _without_base(context, base, str(getattr(error, "explanation", "") or error)) from error


def _without_base(context: BuildContext, base: str, text: str) -> DevctlError:
    line = next((step.line for step in context.steps if step.keyword == "FROM" and base in step.rest), 0)
    first = next((step.line for step in context.steps if step.keyword == "FROM"), 1)
    problem = images.explain(base, text)
    problem.where = f"{context.dockerfile}:{line or first}"
    return problem


def _run(api: APIClient, engine: Engine, context: BuildContext, how: How, report: Report) -> None:
    if program := buildx.find(engine):
        failure = buildx.build(program, engine, context, how, report)
    else:
        failure = classic.build(api, context, how, report)
    if failure:
        raise _explained(context, failure)


def _explained(context: BuildContext, failure: Failure) -> DevctlError:
    """Return the error of a build: the failing step with its line, and what came last."""
    line = failure.line or int(next(iter(_LINE.findall(failure.error)), 0))
    where = f"{context.dockerfile}:{line}" if line else str(context.dockerfile)
    if failure.step.upper().startswith("FROM "):
        problem = images.explain(failure.step.split()[1], failure.error)
        problem.where = where
        return problem
    code = _EXIT_CODE.search(failure.error)
    reason = f"`{failure.step}` ended with {code[1]}" if code else failure.error.strip()
    what = f"the image {context.build.image} cannot be built: {reason}"
    return BuildFailed(what, where=where, step=failure.step, lines=list(failure.lines))
