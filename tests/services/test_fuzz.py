"""Schemathesis over every service's document: no crash, no answer that the document does not know, no ignored login."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup

from services.common import secrets
from services.contracts.openapi import documents
from tests.soak import rounds

EXAMPLES = rounds(20, 500)
DOCUMENTS = documents()

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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("fuzz")
    command = [sys.executable, "-m", "tests.services.served", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
        process.terminate()
        process.wait(15)


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_every_operation_keeps_to_its_document(served: str, name: str) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENTS[name], config=_config())
    failures = []
    for result in schema.get_all_operations():
        operation = result.ok()
        admin = httpx.get(f"{served}/member", timeout=20).json()
        wanted = "Authorization" if _wants_token(operation) else secrets.HEADER
        failures += _failures(operation, f"{served}/{name}", {wanted: admin[wanted]})
    assert not failures, "\n\n".join(failures)


def _config() -> SchemathesisConfig:
    """Every check is on; a server error is never expected, save the one of the contract."""
    accepted = {label: {"expected-statuses": USUAL + more} for label, more in ALSO_EXPECTED.items()}
    return SchemathesisConfig.from_dict(
        {
            "checks": {"positive_data_acceptance": {"expected-statuses": USUAL}},
            "operations": [
                {"include-name": label, "checks": {"positive_data_acceptance": check}}
                for label, check in accepted.items()
            ],
        }
    )


def _wants_token(operation: Any) -> bool:
    return "security" in operation.definition.raw


def _failures(operation: Any, base_url: str, headers: dict[str, str]) -> list[str]:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        case.call_and_validate(base_url=base_url, headers=headers, timeout=10)

    try:
        check()
    except (Exception, FailureGroup) as error:
        return [f"{operation.label}: {_short(error)}"]
    return []


def _short(error: BaseException) -> str:
    return f"{error} {getattr(error, '__notes__', '')}"[:1500]
