"""Log lines on their way to people and programs: exact, safe, whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devctl.record.batch import Batch, Label
from devctl.render.logs import LogStyle, as_json, for_people

NOON = 1_769_860_800_123_456_789  # 2026-01-31T12:00:00.123456789Z
TRACE = "0123456789abcdef0123456789abcdef"


def batch(*lines: bytes, instance: str = "order.1") -> Batch:
    joined = b"".join(line + b"\n" for line in lines)
    return Batch(Label("order", instance), joined, (len(joined),), (NOON,))


def plain(*lines: bytes, **style: bool) -> str:
    return for_people(LogStyle(**style))(batch(*lines)).decode()


def test_plain_lines_are_passed_on_as_they_are() -> None:
    assert plain(b"one", b"", b"three", prefix=False) == "one\n\nthree\n"


def test_every_line_names_its_service() -> None:
    assert plain(b"one", b"two") == "order │ one\norder │ two\n"


def test_a_replica_is_named_by_its_number() -> None:
    assert for_people(LogStyle())(batch(b"x", instance="order.2")).decode() == "order.2 │ x\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"\x1b[2J\x1b[Hx", b"\x1b]0;owned\x07x", b"\x1b]8;;http://evil\x1b\\x", b"\x1b]52;c;aa\x07x", b"\x1bPq\x1b\\x",
        "\x9b2Jx".encode(), "\x9d0;t\x9cx".encode(), b"x\xff\xfe", "\u202ex".encode(), b"a\rx", b"\x07x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("style", [{}, {"colour": True}, {"pretty": True}, {"times": True}])
def test_no_control_sequence_survives_on_any_path(raw: bytes, style: dict[str, bool]) -> None:
    for line in (raw, json.dumps({"message": raw.decode(errors="replace"), "k": raw.decode("latin-1")}).encode()):
        shown = plain(b"before", line, b"after", prefix=False, **style)
        ours = shown.replace("\x1b[0m", "") if style.get("colour") else shown
        assert not set(ours) & set("\x1b\x07\r\x9b\x9d\u202e")
        assert "before" in shown
        assert "after" in shown


def test_colours_of_a_service_survive_on_a_coloured_terminal_only() -> None:
    assert plain(b"\x1b[31mred\x1b[0m\x07", prefix=False, colour=True).startswith("\x1b[31mred\x1b[0m")
    assert plain(b"\x1b[31mred\x1b[0m", prefix=False) == "red\n"


def test_markup_is_text() -> None:
    assert plain(b"[/] [TODO] [link=x]y[/link]", prefix=False) == "[/] [TODO] [link=x]y[/link]\n"


def test_json_lines_are_rendered_for_people() -> None:
    shown = plain(
        b'{"level": "warning", "message": "slow answer", "ms": 812, "path": "/a b"}', prefix=False, pretty=True
    )
    assert shown.split(maxsplit=1)[1] == 'WARNING slow answer ms=812 path="/a b"\n'


def test_a_traceback_in_a_json_line_stands_below_it_line_by_line() -> None:
    raw = json.dumps({"level": "error", "message": "boom\nfrom here", "exception": "Traceback\n  File x\n"}).encode()
    assert next(line[13:] for line in plain(raw, prefix=False, pretty=True).splitlines()) == "ERROR   boom"
    assert plain(raw, prefix=False, pretty=True).splitlines()[1:] == ["    from here", "    Traceback", "      File x"]


@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" ")), min_size=1, max_size=8))
def test_json_gives_one_object_a_line_with_the_original_text(lines: list[bytes]) -> None:
    shown = as_json(batch(*lines))
    rows = [json.loads(row) for row in shown.decode("ascii").splitlines()]
    assert len(rows) == len(lines)
    for row, raw in zip(rows, lines, strict=True):
        assert list(row) == ["time", "service", "instance", "level", "message", "trace_id", "fields"]
        assert row["message"] == raw.decode(errors="replace").removesuffix("\r")


def test_json_takes_structured_lines_apart() -> None:
    raw = json.dumps({"level": "warn", "msg": "x\x1b[2J", "trace_id": TRACE, "n": 1, "time": "1999"}).encode()
    (row,) = map(json.loads, as_json(batch(raw)).splitlines())
    assert row == {
        "time": "2026-01-31T12:00:00.123456Z", "service": "order", "instance": "order.1", "level": "warning",
        "message": "x\x1b[2J", "trace_id": TRACE, "fields": {"n": 1, "time": "1999"},
    }  # fmt: skip


def test_json_finds_level_and_trace_in_plain_text() -> None:
    (first, second) = map(json.loads, as_json(batch(b"ERROR boom " + TRACE.encode(), b"calm")).splitlines())
    assert (first["level"], first["trace_id"]) == ("error", TRACE)
    assert (second["level"], second["trace_id"]) == (None, None)
