"""Secrets are hidden by one rule: by names, in addresses, options, assignments and headers; the rest is readable."""

# ruff: noqa: E501

import pytest

from devctl import masking
from devctl.masking import MASK

SECRET_NAMES = (
    "DB_PASSWORD", "API_KEY", "token", "SERVICE_SECRET", "AWS_SECRET_ACCESS_KEY", "KEYS", "DB_PASS", "PGPASSWORD", "DBPASS",
    "PASS_FOR_DB", "accessToken", "apiKey", "APIKEY", "SECRET_KEY_BASE", "GITHUB_TOKENS", "GOOGLE_CREDENTIALS", "SENTRY_DSN",
    "passphrase", "spring.datasource.password", "x-api-key", "MYSQL_PWD",
)  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert masking.masked(name, "hunter22") == MASK


@pytest.mark.parametrize(
    "name", ["KEYBOARD", "MONKEY", "TOKENIZER", "PATH", "BYPASS", "COMPASS", "PASSENGERS", "PASSIVE"]
)
def test_names_that_only_look_alike_are_no_secrets(name: str) -> None:
    assert masking.masked(name, "value") == "value"


@pytest.mark.parametrize(
    "value",
    [
        "/run/secrets/db", "./keys", "~/.ssh/id_rsa", "/home/me/shop/.devctl/volumes/secrets", "127.0.0.1:8105", "kafka:9092,b:1",
        "http://127.0.0.1:8105/.well-known/jwks.json", "", "${volumes.secrets}/x", "${services.user.http}",
    ],
)  # fmt: skip
def test_a_folder_or_an_address_stays_readable_whatever_its_name(value: str) -> None:
    assert masking.masked("SIGNING_KEY", value) == value


@pytest.mark.parametrize(
    "value", ["/bPxRfiCYzEXAMPLEKEY9", "a/b", "hunter22", "12345", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY"]
)
def test_what_only_looks_like_a_path_is_hidden(value: str) -> None:
    assert masking.masked("AWS_SECRET_ACCESS_KEY", value) == MASK


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://shop:hunter2@db:5432/x", f"postgres://shop:{MASK}@db:5432/x"),
        ("at redis://:hunter2@x", f"at redis://:{MASK}@x"),
        ("amqp://u:p@ss@h, http://v:q@i", f"amqp://u:{MASK}@h, http://v:{MASK}@i"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("https://ghp16C7e42F292c6912E7710@github.com", f"https://{MASK}@github.com"),
        ("http://h/x?token=abc&page=2", f"http://h/x?token={MASK}&page=2"),
        ("GET /x?a=1&api_key=abc", f"GET /x?a=1&api_key={MASK}"),
        ("http://h/x#access_token=abc&x=1", f"http://h/x#access_token={MASK}&x=1"),
        ("http://h/x?X-Amz-Signature=1&sig=2&q=3", f"http://h/x?X-Amz-Signature={MASK}&sig={MASK}&q=3"),
        ("serve --password=hunter2 --port=80", f"serve --password={MASK} --port=80"),
        ("java -Ddb.password=x -jar a", f"java -Ddb.password={MASK} -jar a"),
        ("DB_PASS=hunter2 serve", f"DB_PASS={MASK} serve"),
        ("host=db password=hunter2", f"host=db password={MASK}"),
        ("Authorization: Bearer abc.def", f"Authorization: Bearer {MASK}"),
        ("key=order-1 topic=x", "key=order-1 topic=x"),
        ("--keys=/etc/keys", "--keys=/etc/keys"),
        ("name me@example.org at http://h/me@example.org", "name me@example.org at http://h/me@example.org"),
    ],
)
def test_secrets_in_a_text_are_hidden(text: str, shown: str) -> None:
    assert masking.mask_text(text) == shown
    assert masking.masked("COMMAND_LINE", text) == shown


def test_a_user_name_alone_is_the_secret_of_a_dsn() -> None:
    assert masking.masked("SENTRY_DSN", "https://abc@sentry.io/1") == f"https://{MASK}@sentry.io/1"


def test_what_follows_an_option_is_hidden_in_an_argument_list() -> None:
    arguments = ["serve", "--password", "hunter2", "--token-file", "/run/token", "--verbose", "--api-key", "-x"]
    shown = ["serve", "--password", MASK, "--token-file", "/run/token", "--verbose", "--api-key", "-x"]
    assert masking.mask_arguments(arguments) == shown


def test_secret_values_are_hidden_wherever_they_stand() -> None:
    environment = {"DB_PASSWORD": "hunter22", "TOKEN_TTL": "3600", "KEY_FOLDER": "/etc/keys", "USE_TOKEN": "true"}
    text = "login with hunter22 failed after 3600 s, see /etc/keys: true"
    assert masking.mask_text(text, environment) == text.replace("hunter22", MASK)


def test_a_secret_that_is_also_the_name_of_something_hides_nothing() -> None:
    data = {"db": {"uses": "postgres", "environment": {"POSTGRES_PASSWORD": "postgres", "KEY": "hunter22"}}}
    assert masking.secrets_in(data) == {"hunter22"}


def test_plain_data_is_masked_at_any_depth() -> None:
    data = {
        "env": {"DB_PASS": "hunter22", "A": "x"},
        "argv": ["a", "--token", "t0ken"],
        "list": [{"url": "x://u:p@h"}],
        "n": 1,
    }
    secrets = masking.secrets_in(data)
    assert secrets == {"hunter22", "t0ken"}
    assert masking.mask_value({**data, "text": "hunter22 t0ken"}, secrets) == {
        "env": {"DB_PASS": MASK, "A": "x"}, "argv": ["a", "--token", MASK], "list": [{"url": f"x://u:{MASK}@h"}], "n": 1,
        "text": f"{MASK} {MASK}",
    }  # fmt: skip
