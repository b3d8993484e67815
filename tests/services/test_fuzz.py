"""Schemathesis over every service's document: no crash, no answer that the document does not know, no ignored login."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from services.common import secrets
from services.contracts.openapi import documents

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
DOCUMENTS = documents()

# All checks but one: stock, cursors given out before and whole numbers written as 1.0 make us refuse what a schema
# cannot tell from good. That good requests are accepted is for the other tests to show.
WITHOUT = [positive_data_acceptance]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("fuzz")
    command = [sys.executable, "-m", "tests.services.served", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
        process.terminate()
        process.wait(15)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "gateway"])
def test_every_operation_keeps_to_its_document(served: str, name: str) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENTS[name])
    failures = []
    for result in schema.get_all_operations():
        operation = result.ok()
        admin = httpx.get(f"{served}/member", timeout=20).json()
        wanted = "Authorization" if _wants_token(operation) else secrets.HEADER
        failures += _failures(operation, f"{served}/{name}", {wanted: admin[wanted]})
    assert not failures, "\n\n".join(failures)


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
        case.call_and_validate(base_url=base_url, headers=headers, timeout=10, excluded_checks=WITHOUT)

    try:
        check()
    except (Exception, FailureGroup) as error:
        return [f"{operation.label}: {_short(error)}"]
    return []


def _short(error: BaseException) -> str:
    return f"{error} {getattr(error, '__notes__', '')}"[:1500]
