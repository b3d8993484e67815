"""The gateway's rules: paths, limits, addresses, splits."""

import ipaddress
from collections import Counter
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain import RateLimit, Split, Templates, client_address, route


@pytest.mark.parametrize(
    ("path", "service", "inside"),
    [
        ("/orders", "order", "/api/v1/orders"),
        ("/orders/42/cancel", "order", "/api/v1/orders/42/cancel"),
        ("/api/v1/products", "catalog", "/api/v1/products"),
        ("/api/v1/cart/items/7", "cart", "/api/v1/cart/items/7"),
        ("/.well-known/jwks.json", "user", "/.well-known/jwks.json"),
    ],
)
def test_a_public_path_belongs_to_its_service(path: str, service: str, inside: str) -> None:
    target = route(path)
    assert target is not None
    assert (target.service, target.path) == (service, inside)


@pytest.mark.parametrize(
    "path",
    [
        "/inventory/check",
        "/api/v1/inventory/check",
        "/messages",
        "/faults",
        "/ordersx",
        "/api/v1/usersx",
        "/orders/../inventory/check",
        "/api/v1/products/../../../inventory/check",
        "/api/v1/products//inventory",
        "/api/v1/orders/./x",
        "",
    ],
)
def test_everything_else_belongs_to_nobody(path: str) -> None:
    assert route(path) is None


@pytest.mark.parametrize("name", ["a?b", "a#b", "a\r\nb", "a b", "a%2Fb", "grüße", "a\x00"])
def test_what_was_quoted_stays_a_part_of_the_path(name: str) -> None:
    target = route(f"/orders/{name}")
    assert target is not None
    assert target.quoted() == f"/api/v1/orders/{quote(name)}"


def test_a_metric_names_the_template_and_a_fixed_word_wins_over_a_parameter() -> None:
    templates = Templates(["/api/v1/orders/{id}", "/api/v1/orders/{id}/cancel", "/api/v1/orders/mine"])
    for path, template in {
        "/orders/42": "/api/v1/orders/{id}",
        "/orders/mine": "/api/v1/orders/mine",
        "/orders/42/cancel": "/api/v1/orders/{id}/cancel",
        "/orders/42/unknown": "/api/v1/orders/*",
    }.items():
        target = route(path)
        assert target is not None
        assert templates.match(target) == template


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=400))
def test_no_key_gets_more_than_its_rate_and_a_burst(pauses: list[float]) -> None:
    limit = RateLimit(per_second=5)
    now = 0.0
    allowed = 0
    for pause in pauses:
        now += pause
        wait = limit.wait_seconds("a", now)
        allowed += wait == 0
        assert wait >= 0
    assert allowed <= 5 + 5 * now + 1e-6


def test_one_key_does_not_use_up_the_calls_of_another() -> None:
    limit = RateLimit(per_second=2)
    assert [limit.wait_seconds("a", 0) for _ in range(3)] == [0, 0, 1]
    assert limit.wait_seconds("b", 0) == 0
    assert limit.wait_seconds("a", 1) == 0


def test_the_memory_of_keys_is_bounded() -> None:
    limit = RateLimit(per_second=1, most_keys=100)
    for number in range(10_000):
        limit.wait_seconds(str(number), 0)
    assert len(limit._buckets) == 100


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "evil", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("unix", "1.2.3.4", "unix"),
    ],
)
def test_a_forwarded_address_counts_only_from_our_proxies(peer: str, header: str, address: str) -> None:
    assert client_address(peer, header, [ipaddress.ip_network("10.0.0.0/8")]) == address


def test_weights_divide_the_calls() -> None:
    split = Split({"1": 90, "2": 10})
    counts = Counter(split.version({}, "", draw / 1000) for draw in range(1000))
    assert counts == {"1": 900, "2": 100}


def test_a_sticky_split_keeps_each_caller_and_is_about_as_large_as_it_says() -> None:
    split = Split({"1": 80, "2": 20}, is_sticky=True)
    first = {str(who): split.version({}, str(who), 0.0) for who in range(2000)}
    assert first == {str(who): split.version({}, str(who), 0.99) for who in range(2000)}
    assert 300 < Counter(first.values())["2"] < 500


def test_who_names_a_version_gets_it_and_an_unknown_name_changes_nothing() -> None:
    split = Split({"1": 100, "2": 0}, header="X-Version")
    assert split.version({"x-version": "2"}, "a", 0.5) == "2"
    assert split.version({"x-version": "9"}, "a", 0.5) == "1"
