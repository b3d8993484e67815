"""Catalog and payment over HTTP, as order calls them."""

from collections.abc import Iterable
from typing import Any

from services.common.http.client import Peers, Response, UpstreamUnavailableError
from services.order.domain import Line, RequestedItem
from services.order.ports import ChargeState, Reserved, UpstreamUnavailable


class HttpCatalog:
    """Catalog over HTTP."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def check(self, items: Iterable[RequestedItem]) -> bool:
        """Ask whether all of it can be ordered now."""
        answer = await self._call("POST", "/inventory/check", _items(items))
        return bool(_expect(answer, 200)["available"])

    async def reserve(self, order_id: str, items: Iterable[RequestedItem]) -> Reserved | None:
        """Hold all of it for an order."""
        answer = await self._call("PUT", f"/inventory/reservations/{order_id}", _items(items))
        return None if answer.status_code == 409 else _reserved(_expect(answer, 200))

    async def confirm(self, order_id: str) -> bool:
        """Sell what is held."""
        answer = await self._call("POST", f"/inventory/reservations/{order_id}/confirm")
        return answer.status_code not in (404, 409) and bool(_expect(answer, 200))

    async def release(self, order_id: str) -> None:
        """Return the stock that the order holds or bought."""
        _expect(await self._call("POST", f"/inventory/reservations/{order_id}/release"), 200)

    async def _call(self, method: str, path: str, body: Any = None) -> Response:
        try:
            return await self._peers.call("catalog", method, path, json=body, is_repeatable=True)
        except UpstreamUnavailableError as error:
            raise UpstreamUnavailable(str(error)) from error


class HttpPayments:
    """Payments over HTTP."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def charge(self, order_id: str) -> ChargeState | None:
        """Return what payment knows of an order's charge."""
        try:
            answer = await self._peers.call("payment", "GET", f"/charges/{order_id}")
        except UpstreamUnavailableError as error:
            raise UpstreamUnavailable(str(error)) from error
        if answer.status_code == 404:
            return None
        body = _expect(answer, 200)
        return ChargeState(body["status"], body.get("refundStatus"), body.get("reason"))


def _items(items: Iterable[RequestedItem]) -> dict[str, Any]:
    return {"items": [{"productId": item.product_id, "quantity": item.quantity} for item in items]}


def _expect(answer: Response, status: int) -> dict[str, Any]:
    """Return the body of an answer, or raise UpstreamUnavailable when it is not what was agreed."""
    if answer.status_code != status:
        raise UpstreamUnavailable(f"{answer.request.url.path} answered {answer.status_code}")
    try:
        body = answer.json()
    except ValueError as error:
        raise UpstreamUnavailable(f"{answer.request.url.path} answered what is not JSON") from error
    if not isinstance(body, dict):
        raise UpstreamUnavailable(f"{answer.request.url.path} answered what is not an object")
    return body


def _reserved(body: dict[str, Any]) -> Reserved:
    try:
        lines = tuple(
            Line(item["productId"], item["name"], item["quantity"], item["price"]["amount"]) for item in body["items"]
        )
        (currency,) = {item["price"]["currency"] for item in body["items"]}
    except (KeyError, TypeError, ValueError) as error:
        raise UpstreamUnavailable("catalog's reservation is not as agreed") from error
    return Reserved(lines, str(currency))
