"""Which values of what a check sends and gets count as secrets, wherever they turn up later."""

from typing import Any

import pytest

from devctl.smoke.check import secret_values


@pytest.mark.parametrize(
    "document",
    [
        {"password": "smoke-1f0c"},
        {"session": {"accessToken": "abcdef12345"}},
        [{"clientSecret": "horse battery staple"}],
        {"X-Api-Key": "k-123456789"},
        {"tokens": ["aa11bb22cc"]},
    ],
)
def test_a_password_a_token_and_a_key_to_something_are_secrets(document: Any) -> None:
    assert len(secret_values(document)) == 1


@pytest.mark.parametrize(
    "document",
    [
        {"key": "customer-0000000000017", "keys": ["shop.order.v1"], "partitionKey": "order-4711-0815"},
        {
            "nextPageToken": "b2Zmc2V0OjEwMA",
            "token_type": "urn:example:bearer-1",
            "passwordChangedAt": "2026-11-30T10:00",
        },
        {"password": "password", "secret": "changeme", "token": "abc1"},
        {"passwordHint": "the name of my first dog", "token_expires_in": "3600 seconds"},
    ],
)
def test_what_stands_elsewhere_by_chance_is_none(document: Any) -> None:
    assert secret_values(document) == set()
