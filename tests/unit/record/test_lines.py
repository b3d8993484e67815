import pytest

from devctl.record.lines import Parsed, guess_level, may_show_level, parse

TRACE = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("raw", "level"),
    [
        (b"2026-11-24 06:00:00 ERROR could not", "error"),
        (b"[2026-11-24] WARN  kafka.Log", "warning"),
        (b"[info] listening", "info"),
        (b'ts=1 level=debug msg="x"', "debug"),
        (b"error: no such file", "error"),
        (b"nginx[12]: started", None),
        (b"E1124 06:00:00.1 main.go", "error"),
        (b"Traceback (most recent call last):", "error"),
        (b"INFO:     127.0.0.1 - GET /errors", "info"),
        (b"nothing to see", None),
        (b"the information desk", None),
        (b"", None),
    ],
)
def test_the_level_of_plain_text_is_guessed(raw: bytes, level: str | None) -> None:
    assert guess_level(raw) == level
    assert level is None or may_show_level(raw)


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        (
            b'{"level": "WARN", "message": "m", "time": "2020-01-01", "service": "other", "n": 1}',
            Parsed("warning", "m", None, {"time": "2020-01-01", "service": "other", "n": 1}),
        ),
        (b'{"severity": "ERROR", "msg": "m", "fields": {"a": 1}}', Parsed("error", "m", None, {"a": 1})),
        (b'{"level": 30, "event": "m"}', Parsed("info", "m", None, {})),
        (b'{"message": "m", "traceId": "' + TRACE.upper().encode() + b'"}', Parsed(None, "m", TRACE, {})),
        (b'{"a": 1}', Parsed(None, '{"a": 1}', None, {"a": 1})),
        (b'{"broken": ', Parsed(None, '{"broken": ', None, {})),
        (b"[1, 2]", Parsed(None, "[1, 2]", None, {})),
        (b"got traceparent 00-" + TRACE.encode() + b"-00f067aa0ba902b7-01", Parsed(
            None, f"got traceparent 00-{TRACE}-00f067aa0ba902b7-01", TRACE, {})),
        (b"zeros " + b"0" * 32, Parsed(None, "zeros " + "0" * 32, None, {})),
        (b"windows line\r", Parsed(None, "windows line", None, {})),
        (b'{"message": "m", "level": {"not": "a level"}}', Parsed(None, "m", None, {"level": {"not": "a level"}})),
    ],
)  # fmt: skip
def test_what_a_line_says_is_understood(raw: bytes, parsed: Parsed) -> None:
    assert parse(raw) == parsed


def test_deeply_nested_json_is_only_text() -> None:
    raw = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    assert parse(raw).message == raw.decode()
