"""The gateway's own routes: the page of links, the common document, the split of traffic."""

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from pydantic import Field, StringConstraints

from services.common.http.addresses import Instance
from services.common.http.auth import Admin
from services.common.http.operations import page
from services.common.http.problems import ProblemError
from services.common.http.schemas import WHOLE, Answer, Request
from services.gateway.documents import merged
from services.gateway.domain import SERVICES, Split
from services.gateway.ports import Finder, Splits
from services.gateway.settings import Link

ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z]{1,40}$")]
Version = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9._-]{1,40}$")]


class SplitBody(Request):
    """How the calls to a service are divided between its versions."""

    weights: Annotated[
        dict[Version, Annotated[int, Field(ge=0, le=1000), WHOLE]],
        Field(
            min_length=1,
            max_length=10,
            examples=[{"1": 90, "2": 10}],
            json_schema_extra={"additionalProperties": False},  # a key that no version can have
        ),
    ]
    header: Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9-]{0,60}$")] = ""
    sticky: bool = False


class SplitAnswer(Answer):
    """The split of one service."""

    service: str
    weights: dict[str, int]
    header: str
    sticky: bool


class SplitList(Answer):
    """Every split that is set."""

    items: list[SplitAnswer]


def router(splits: Splits, finder: Finder) -> APIRouter:
    """Return the administrator's routes."""
    routes = APIRouter(prefix="/api/v1/admin/traffic", tags=["traffic"])

    @routes.get("", operation_id="list_splits")
    async def list_splits(_caller: Admin) -> SplitList:
        """Return how traffic is divided now."""
        return SplitList(items=[_answer(name, split) for name, split in splits.all().items()])

    @routes.put("/{service}", operation_id="set_split")
    async def set_split(_caller: Admin, service: ServiceName, body: SplitBody) -> SplitAnswer:
        """Divide the calls to a service between its versions, from the next call on."""
        _check(service)
        if not sum(body.weights.values()):
            raise ProblemError(422, "invalid", "At least one version must have a weight above 0")
        _check_versions(finder.instances(service), body.weights)
        split = Split(dict(body.weights), body.header, body.sticky)
        splits.put(service, split)
        return _answer(service, split)

    @routes.delete("/{service}", status_code=204, operation_id="remove_split")
    async def remove_split(_caller: Admin, service: ServiceName) -> None:
        """Send the calls to all versions alike again."""
        _check(service)
        splits.put(service, None)

    return routes


def add_pages(app: FastAPI, links: Sequence[Link], services: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the page of links, and make the application's document the one of the whole shop."""

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        # It asks the other products, wherever they are, whether they are there.
        return page(_page(links), may_ask="http: https:")

    own_document = app.openapi
    app.openapi = cache(lambda: merged(own_document(), services))  # type: ignore[method-assign]


def _check(service: str) -> None:
    if service not in SERVICES:
        raise ProblemError(404, "not_found", f"There is no service {service}; there are {', '.join(SERVICES)}")


def _check_versions(instances: Sequence[Instance], weights: Mapping[str, int]) -> None:
    """Refuse weights for a version that nobody runs; without Consul nobody knows which do."""
    running = {instance.version for instance in instances if instance.version}
    missing = sorted(version for version, weight in weights.items() if weight and version not in running)
    if running and missing:
        detail = f"Nobody runs version {', '.join(missing)}; running: {', '.join(sorted(running))}"
        raise ProblemError(409, "no_such_version", detail)


def _answer(name: str, split: Split) -> SplitAnswer:
    return SplitAnswer(service=name, weights=dict(split.weights), header=split.header, sticky=split.is_sticky)


def _page(links: Sequence[Link]) -> str:
    items = "\n".join(
        f'<li><a class="card" data-elsewhere href="{escape(link.url)}">'
        f"<b>{escape(link.name)}</b><span>{escape(link.text)}</span></a></li>"
        for link in links
    )
    template = Path(__file__).with_name("index.html").read_text()
    return template.replace("{{links}}", items)
