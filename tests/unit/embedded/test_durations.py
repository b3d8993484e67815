"""Durations in Go's words."""

from __future__ import annotations

import pytest

from devctl.embedded import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), ("-2s", -2), ("0", 0), ("", 0), (5_000_000_000, 5)],
)
def test_a_duration_is_read(text: object, seconds: float) -> None:
    assert durations.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["soon", "10", "10 s", "s", "1x", "1s2", "--1s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        durations.seconds(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (999, "999ns"),
        (1_500, "1.5µs"),
        (-2_000_000, "-2ms"),
        (1_000_000_001, "1.000000001s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
    ],
)
def test_a_duration_is_written_as_go_does(nanoseconds: int, text: str) -> None:
    assert durations.nanoseconds_text(nanoseconds) == text
