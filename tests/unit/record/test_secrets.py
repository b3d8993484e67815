"""What looks like a secret, and what only resembles one."""

import pytest

from devctl.record.secrets import blot, find, hide, unbounded

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    "text",
    [
        f"got {TOKEN}",
        '{"message": "login", "password": "correct horse"}',
        "password=hunter22",
        "Authorization: Bearer abcdefghijklmnop0123",
        "postgres://shop:s3cr3t-pw@db/shop",
        "-----BEGIN EC PRIVATE KEY-----",
        "AKIAIOSFODNN7EXAMPLE",
        "card 4111 1111 1111 1111 declined",
        '{"number": "4111111111111111"}',
        "paid with 5555-5555-5555-4444",
        "card=2223003122003222",
        "amex 3782 822463 10005 and 378282246310005",
        "paid: 4111111111111111, valid=5555555555554444",
        '"refreshToken": "a1b2c3d4e5f6"',
    ],
)
def test_what_looks_like_a_secret_is_found_and_shown_without_it(text: str) -> None:
    findings = list(find(text))
    assert findings
    assert all(len(shown.partition("…")[0]) <= 4 for _, shown in findings)


@pytest.mark.parametrize(
    "text",
    [
        '{"message": "login", "password": "********"}',
        "password: <hidden>",
        '{"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "message": "order paid"}',
        "the password was changed",
        "password: required, api_key=invalid, client_secret is too_short",
        '{"errors": {"password": "missing"}}',
        "tokens issued: 12",
        "order 6f1c0a52-93f4-4bd4-9d0e-1f2d3c4b5a69 took 1234567890123456 ns",
        '{"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "4111111111111111", "status": 200}',
        "span_id=5555555555554444 request_id: 4111111111111111",
        '{"spanId": "5555555555554444", "traceid": "4111111111111111", "id": 5555555555554444}',
        "trace 0809000000000003 of the gateway",
        "4111 11 1111 1111 11 rows",
    ],
)
def test_masked_values_ids_and_plain_sentences_are_no_secrets(text: str) -> None:
    assert list(find(text)) == []


def test_a_value_that_a_check_used_is_found_wherever_it_stands() -> None:
    assert list(find("hello opensesame!", {"opensesame"}))


@pytest.mark.parametrize(
    "name", ["GET /orders/6f1c0a52-93f4-4bd4-9d0e-1f2d3c4b5a69", "GET /orders/12345", "to ada@example.org"]
)
def test_a_name_with_an_id_has_no_bound(name: str) -> None:
    assert unbounded(name)


@pytest.mark.parametrize("name", ["GET /api/v1/orders/{id}", "process shop.order.v1", "SELECT orders"])
def test_a_template_of_a_route_is_bounded(name: str) -> None:
    assert not unbounded(name)


@pytest.mark.parametrize("word", ["changed", "string", "invalid"])
def test_a_word_that_may_be_a_password_is_no_finding_and_hidden_all_the_same(word: str) -> None:
    text = f"password={word}"
    assert list(find(text)) == []
    assert word not in hide(text)
    assert word.encode() not in blot(text.encode())
