"""Has at hand what a variant needs before it starts: native programs, or the image of a container."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from devctl.core.decide import Fetch
from devctl.core.spec import Spec
from devctl.supervisor import fetch, images
from devctl.supervisor.images import Wish
from devctl.supervisor.launches import Chosen

Fetcher = Callable[[Iterable[str], Path, fetch.Report, bool], Awaitable[dict[str, str]]]
Pull = Callable[[Wish, fetch.Report], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fetching:
    """How programs and images are fetched: where hosts that did not answer are remembered, who hears of progress, and
    by whom."""

    skip_file: Path
    report: fetch.Report
    fetcher: Fetcher = fetch.fetch
    pull: Pull = images.bring

    async def bring(self, step: Fetch, spec: Spec, chosen: Chosen | None) -> dict[str, str]:
        """Return the paths of the programs of a step; EnvironmentProblem says what cannot be had."""
        if chosen and chosen.variant.image:
            await self.pull(_wish(spec, chosen), lambda item: self.report({"service": step.service, **item}))
            return {}
        paths = fetch.at_hand(step.tools, spec.tools)
        if paths is not None:
            return paths
        service = spec.services.get(step.service)
        return await self.fetcher(
            step.tools,
            self.skip_file,
            lambda item: self.report({"service": step.service, **item}),
            service is not None and service.optional,
        )


def _wish(spec: Spec, chosen: Chosen) -> Wish:
    container = chosen.variant.container
    policy = container.pull_policy if container else "missing"
    return Wish(
        spec.engine,
        chosen.variant.image,
        "build" if chosen.service.build else policy,  # no registry has what is built here
        has_alternative=len(chosen.state.options) > 1,
    )
