"""The quick third of the benchmark of failures: the right cause first, with its path, and nobody accused falsely."""

from __future__ import annotations

import pytest

from tests.failures.cases import all_cases
from tests.failures.harness import Case, run


@pytest.mark.timeout(400)
@pytest.mark.parametrize("case", [case for case in all_cases() if case.fast], ids=lambda case: case.name)
def test_the_right_cause_is_named_first(case: Case) -> None:
    score = run(case)

    told = [(root["service"], root["kind"], root["sentence"]) for root in score.answer["roots"]]
    assert score.accused == [], told
    assert score.service, told
    assert score.kind, told
    assert score.path, score.answer["roots"][0]["path"]
