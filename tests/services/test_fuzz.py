"""Schemathesis over every service's document, all checks on: no crash, no answer that the document does not know."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.auths import AuthContext
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.schemas import BaseSchema

from services.common.runtime import secrets
from services.contracts.openapi import documents
from tests.soak import IS_SOAK, rounds

DOCUMENTS = documents()
PHASES = ("examples", "coverage", "fuzzing", "stateful")
ADMINISTRATOR, MEMBER = "admin", "member"
EXAMPLES = rounds(5, 200)
_A_NEW_USER_AFTER_SECONDS = 1  # a call may end the session, change the password or delete the account
_NEVER = 24 * 3600
# What would take the user out of a chain of calls, in which one works on what another one made.
ENDS_THE_USER = ["DELETE /api/v1/users/me", "DELETE /api/v1/sessions", "PUT /api/v1/users/me/password"]

# What a good request may meet beside the usual answers, because it hangs on what is in stock, in the cart or asked
# before, of which no schema can tell: "Insufficient stock" is 400; a key that came with another body, two lines of one
# product that are too much together, an empty cart and weights that are all 0 are 422.
ALSO_EXPECTED = {
    "POST /orders": [400, 422],
    "POST /api/v1/orders": [400, 422],
    "POST /api/v1/cart/checkout": [400, 422],
    "PUT /api/v1/admin/traffic/{service}": [422],
}
USUAL = ["2xx", "3xx", 401, 403, 404, 409, 412, 429, 503]

# Each document by whoever can do most; the common one, through the gateway, as an ordinary member: the soak tries all.
ORDINARY = [("gateway", MEMBER), *((name, ADMINISTRATOR) for name in DOCUMENTS if name != "gateway")]
EVERYTHING = [(name, who) for name in DOCUMENTS for who in (ADMINISTRATOR, MEMBER)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("fuzz")
    command = [sys.executable, "-m", "tests.services.served", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
        process.terminate()
        process.wait(15)


@pytest.mark.parametrize(("name", "who"), rounds(ORDINARY, EVERYTHING))
def test_every_operation_keeps_to_its_document(served: str, name: str, who: str) -> None:
    phases = ["examples", "coverage", "fuzzing"] if IS_SOAK or name != "gateway" else ["examples", "fuzzing"]
    schema = _schema(served, name, who, phases, _A_NEW_USER_AFTER_SECONDS)
    calls, failures = _outcome(schema)
    assert not failures, "\n\n".join(sorted(failures))
    assert calls > len(DOCUMENTS[name]["paths"])


@pytest.mark.parametrize(("name", "who"), rounds([("order", MEMBER)], EVERYTHING))
def test_every_chain_of_operations_keeps_to_its_document(served: str, name: str, who: str) -> None:
    schema = _schema(served, name, who, ["stateful"], _NEVER).exclude(name=ENDS_THE_USER)
    _, failures = _outcome(schema)
    assert not failures, "\n\n".join(sorted(failures))


def _schema(served: str, name: str, who: str, phases: list[str], new_user_after_seconds: int) -> BaseSchema:
    config = _config(f"{served}/{name}", phases)
    schema = schemathesis.openapi.from_dict(DOCUMENTS[name], config=config)
    schema.auth(refresh_interval=new_user_after_seconds)(_credentials(f"{served}/{who}"))
    return schema


def _config(url: str, phases: list[str]) -> SchemathesisConfig:
    """Every check is on; a server error is never expected, save the one of the contract."""
    accepted = {label: {"expected-statuses": USUAL + more} for label, more in ALSO_EXPECTED.items()}
    return SchemathesisConfig.from_dict(
        {
            "base-url": url,
            "request-timeout": 10,
            "generation": {"max-examples": EXAMPLES, "database": "none"},
            "phases": {name: {"enabled": name in phases} for name in PHASES},
            "checks": {"positive_data_acceptance": {"expected-statuses": USUAL}},
            "operations": [
                {"include-name": label, "checks": {"positive_data_acceptance": check}}
                for label, check in accepted.items()
            ],
        }
    )


def _credentials(url: str) -> type:
    """Return how a call is authenticated: by the token of a new user, or by that of a service."""

    class Credentials:
        def get(self, _case: schemathesis.Case[Any], _context: AuthContext) -> dict[str, str]:
            shown: dict[str, str] = httpx.get(url, timeout=20).raise_for_status().json()
            return shown

        def set(self, case: schemathesis.Case[Any], shown: dict[str, str], context: AuthContext) -> None:
            header = "Authorization" if "security" in context.operation.definition.raw else secrets.HEADER
            case.headers[header] = shown[header]

    return Credentials


def _outcome(schema: Any) -> tuple[int, set[str]]:
    """Return how many calls were made, and what was wrong with them."""
    calls, failures = 0, set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            calls += len(event.recorder.interactions)
            failures |= set(_failures(event.recorder))
        elif isinstance(event, events.NonFatalError | events.FatalError):
            failures.add(f"Schemathesis itself: {event}")
    return calls, failures


def _failures(recorder: Any) -> Iterator[str]:
    for case, checks in recorder.checks.items():
        for check in checks:
            if (info := check.failure_info) is not None:
                answer = recorder.interactions[case].response
                shown = f"{answer.status_code} {answer.content[:500]!r}" if answer else "no answer"
                what = f"{info.failure.operation}: {info.failure.title}"
                yield f"{what}\n{info.failure.message}\n{info.code_sample}\n{shown}"
