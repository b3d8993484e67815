"""What the shop promises, proved on a running stack by `devctl smoke`."""

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

SERVICES = ("gateway", "order", "catalog", "payment", "notification")


def test_a_user_buys_and_is_charged_once_and_told_once(shopper: Any, traces: Any) -> None:
    product = shopper.products()[0]
    before = shopper.available(product["id"])
    answer = shopper.order({product["id"]: 2})
    assert answer.status_code == 201
    order = answer.json()
    assert order["total"]["amount"] == 2 * product["price"]["amount"]
    assert shopper.settled(order["id"])["status"] == "confirmed"
    assert shopper.messages(order["id"]) == ["order_confirmed"]
    (charge,) = shopper.payments(order["id"])
    assert (charge["type"], charge["status"], charge["amount"]) == ("charge", "captured", order["total"]["amount"])
    assert shopper.available(product["id"]) == before - 2
    for service in SERVICES:
        traces.expect(service, within=30)


@pytest.mark.blames("order")
def test_an_order_of_many_products_makes_no_more_calls_than_one_of_few(
    shopper: Any, traces: Any, eventually: Callable[..., Any]
) -> None:
    products = [product["id"] for product in shopper.products()]
    for _ in range(MOST_TRIES):
        few, many = (_work_of_an_order(shopper, traces, eventually, products[:size]) for size in SIZES)
        more_calls = len(_calls(many)) - len(_calls(few))
        if more_calls == 0:
            break  # else a call was sent again, which a busy machine is late with
    assert more_calls < PRODUCTS_MORE // 2, (
        f"catalog is called {more_calls} times more for {PRODUCTS_MORE} products more"
    )
    each = (len(many) - len(few)) / PRODUCTS_MORE
    assert each < SPANS_EACH + 0.5, f"catalog and order need {each:g} spans more for each product: one by one"


SIZES = (2, 12)
PRODUCTS_MORE = SIZES[1] - SIZES[0]
MOST_TRIES = 3
SPANS_EACH = 3  # a reserved product is a changed row and a row of its history, read once; one by one it would be four
WAITS = "wait for "  # a connection, or the turn to write: how many there are depends on how busy the machine is


def _work_of_an_order(shopper: Any, traces: Any, eventually: Callable[..., Any], products: list[str]) -> list[Any]:
    """Return what catalog and order did for an order of these products. Spans of earlier ones may still arrive: those
    that began before it are not its own."""
    began_ns = time.time_ns()
    order = shopper.order(dict.fromkeys(products, 1)).json()
    assert shopper.settled(order["id"])["status"] == "confirmed"
    _wait_until_still(traces, eventually)
    return [span for span in _of_both(traces) if span.start_ns >= began_ns]


def _calls(spans: list[Any]) -> list[Any]:
    """Return the requests that catalog answered about stock."""
    return [span for span in spans if span.service == "catalog" and fnmatchcase(span.name, "* /inventory/*")]


def _of_both(traces: Any) -> list[Any]:
    """Return what catalog and order did, without waits, and without the looks at an order until it is settled."""
    by_id = {span.span_id: span for span in traces.spans()}
    spans = (*traces.spans("catalog"), *traces.spans("order"))
    return [span for span in spans if not span.name.startswith(WAITS) and not _is_of_a_look(span, by_id)]


def _is_of_a_look(span: Any, by_id: dict[str, Any]) -> bool:
    """Tell whether a GET caused it."""
    while span is not None and not span.name.startswith("GET "):
        span = by_id.get(span.parent_id)
    return span is not None


def _wait_until_still(traces: Any, eventually: Callable[..., Any]) -> None:
    """Wait until no more spans of order and catalog arrive."""
    seen: list[int] = []

    def still() -> bool:
        seen.append(len(_of_both(traces)))
        return len(seen) > LOOKS and len(set(seen[-LOOKS:])) == 1

    eventually(still, within=30, every=0.2, what="no more spans arrive")


LOOKS = 6  # looks without a change: 1.2 s, twice the interval of the exporters


@pytest.mark.blames("cart")
def test_a_guest_fills_a_cart_and_buys_it_after_logging_in(guest: Any) -> None:
    product = guest.products()[1]["id"]
    guest.client.put(f"/api/v1/cart/items/{product}", json={"quantity": 1}).raise_for_status()
    assert [item["productId"] for item in guest.client.get("/api/v1/cart").json()["items"]] == [product]
    guest.register()
    if not guest.client.get("/api/v1/cart").json()["items"]:
        guest.client.put(f"/api/v1/cart/items/{product}", json={"quantity": 1}).raise_for_status()
    answer = guest.client.post("/api/v1/cart/checkout", json={})
    assert answer.status_code == 201, answer.text
    assert guest.settled(answer.json()["id"])["status"] == "confirmed"
    assert guest.client.get("/api/v1/cart").json()["items"] == []


@pytest.mark.blames("order")
def test_too_little_stock_is_the_contracts_400(shopper: Any) -> None:
    scarce = shopper.products(least=1)
    product = min(scarce, key=lambda item: item["available"])
    answer = shopper.order({product["id"]: min(product["available"] + 1, 1000)})
    assert (answer.status_code, answer.json()) == (400, {"error": "Insufficient stock"})
    unknown = shopper.order({"no-such-product": 1})
    assert (unknown.status_code, unknown.json()) == (400, {"error": "Insufficient stock"})


@pytest.mark.blames("order")
def test_a_declined_card_is_rejected_and_its_stock_given_back(shopper: Any, eventually: Callable[..., Any]) -> None:
    product = shopper.products()[2]["id"]
    before = shopper.available(product)
    order = shopper.order({product: 3}, paymentMethod="tok_declined").json()
    assert shopper.settled(order["id"])["status"] == "rejected"
    assert shopper.messages(order["id"]) == ["order_rejected"]
    eventually(lambda: shopper.available(product) == before, within=30, what="the stock of a declined order is back")


@pytest.mark.blames("order")
def test_a_cancelled_order_gives_its_stock_and_its_money_back(shopper: Any, eventually: Callable[..., Any]) -> None:
    product = shopper.products()[3]["id"]
    before = shopper.available(product)
    order = shopper.order({product: 2}).json()
    shopper.settled(order["id"])
    assert shopper.client.post(f"/api/v1/orders/{order['id']}/cancel").is_success

    def refunded() -> bool:
        kinds = sorted((p["type"], p["status"]) for p in shopper.payments(order["id"]))
        return kinds == [("charge", "captured"), ("refund", "succeeded")]

    eventually(refunded, within=30, what="the charge is refunded")
    eventually(lambda: shopper.available(product) == before, within=30, what="the stock of a cancelled order is back")


@pytest.mark.blames("order")
def test_an_order_that_is_sent_twice_is_one_order_and_one_charge(shopper: Any) -> None:
    product, key = shopper.products()[4]["id"], secrets.token_hex(8)
    before = shopper.available(product)
    first, second = (shopper.order({product: 1}, key=key) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert shopper.settled(first.json()["id"])["status"] == "confirmed"
    assert len(shopper.payments(first.json()["id"])) == 1
    assert shopper.available(product) == before - 1
    assert shopper.order({product: 2}, key=key).status_code == 422


@pytest.mark.blames("order")
def test_the_order_of_another_is_not_shown_nor_paid_nor_cancelled(shopper: Any, another: Any) -> None:
    order = shopper.order({shopper.products()[5]["id"]: 1}).json()
    shopper.settled(order["id"])
    assert another.client.get(f"/api/v1/orders/{order['id']}").status_code in (403, 404)
    assert another.client.post(f"/api/v1/orders/{order['id']}/cancel").status_code in (403, 404)
    assert another.payments(order["id"]) == []
    mine = another.client.get("/api/v1/users/me").json()["id"]
    assert shopper.order({shopper.products()[5]["id"]: 1}, userId=mine).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [({"items": []}, 422), ({"items": [{"productId": "p", "quantity": 0}]}, 422), ({"items": "x"}, 422), ("{", 400)],
)
def test_malformed_orders_are_refused(shopper: Any, body: Any, status: int) -> None:
    content = (
        {"content": body, "headers": {"Content-Type": "application/json"}} if isinstance(body, str) else {"json": body}
    )
    assert shopper.client.post("/orders", **content).status_code == status


def test_one_of_a_hundred_answers_would_show_if_it_failed_or_was_slow(crowd: Any) -> None:
    products = crowd.shoppers[0].products()
    order = {shopper: shopper.order({products[7]["id"]: 1}).json()["id"] for shopper in crowd.shoppers}

    def look_around(shopper: Any) -> None:
        for service, route in ROUTES:
            crowd.get(shopper, service, route, route.format(product=products[8]["id"], order=order[shopper]))

    crowd.all_do(look_around, LOOKS_AROUND)
    crowd.pace.check()


LOOKS_AROUND = 30
ROUTES = (
    ("catalog", "/api/v1/products?limit=5"),
    ("catalog", "/api/v1/products/{product}"),
    ("cart", "/api/v1/cart"),
    ("order", "/api/v1/orders"),
    ("order", "/api/v1/orders/{order}"),
    ("payment", "/api/v1/payments"),
    ("notification", "/api/v1/notifications"),
    ("user", "/api/v1/users/me"),
)


@pytest.mark.blames("payment")
def test_many_orders_at_once_are_all_taken_and_charged_once(crowd: Any) -> None:
    products = [product["id"] for product in crowd.shoppers[0].products(least=100)]
    numbers = itertools.count()

    def order(shopper: Any) -> tuple[Any, str]:
        crowd.get(shopper, "catalog", ROUTES[0][1], ROUTES[0][1])  # next to which an order is slow, or is not
        answer = shopper.order({products[next(numbers) % len(products)]: 1})
        return shopper, crowd.take(answer, 201, "order", "POST /orders").json()["id"]

    taken = crowd.all_do(order, ORDERS_EACH, at_once=2)
    for shopper, number in taken:
        assert shopper.settled(number)["status"] == "confirmed"
    for shopper in crowd.shoppers:
        charges = Counter((p["orderId"], p["type"], p["status"]) for p in shopper.all_payments())
        mine = [number for who, number in taken if who is shopper]
        assert charges == Counter((number, "charge", "captured") for number in mine)


ORDERS_EACH = 20


@pytest.mark.blames("payment")
def test_the_provider_charged_what_the_books_say_and_nothing_else(stack: Any) -> None:
    compared = stack.execute("payment", "python", "-m", "services.payment.reconcile")
    assert compared.returncode == 0, compared.stdout + compared.stderr


@pytest.mark.allows_errors
def test_orders_are_taken_while_payment_is_down_and_paid_when_it_is_back(shopper: Any, stack: Any) -> None:
    product = shopper.products()[6]["id"]
    stack.stop("payment")
    try:
        answer = shopper.order({product: 1})
        assert answer.status_code == 201
    finally:
        stack.start("payment")
    assert shopper.settled(answer.json()["id"])["status"] == "confirmed"
    assert len(shopper.payments(answer.json()["id"])) == 1
