"""Text for people: safe on a terminal, exact in figures, silent about secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devctl import text

HOSTILE = {
    "colour": ("\x1b[31mred\x1b[0m", "red"),
    "cursor and clear": ("a\x1b[2J\x1b[Hb", "ab"),
    "title": ("\x1b]0;owned\x07x", "x"),
    "link": ("\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"),
    "clipboard": ("\x1b]52;c;ZXZpbA==\x07x", "x"),
    "device control": ("\x1bPq#0;2;0;0;0\x1b\\x", "x"),
    "eight-bit CSI": ("\x9b31mred", "red"),
    "eight-bit OSC": ("\x9d0;owned\x9cx", "x"),
    "unfinished string": ("x\x1b]0;never ends", "x"),
    "unfinished CSI": ("x\x1b[12", "x"),
    "charset": ("\x1b(0x", "x"),
    "overwrite": ("good\rbad", "good\\x0dbad"),
    "line end": ("text\r\n", "text"),
    "bell and backspace": ("a\x07b\x08c", "a\\x07b\\x08c"),
    "new lines": ("a\nb", "a\\x0ab"),
    "bidi": ("user\u202enimda", "user\\u202enimda"),
    "zero width": ("pay\u200bment", "pay\\u200bment"),
    "line separator": ("a\u2028b", "a\\u2028b"),
    "tag characters": ("a\U000e0041b", "a\\U000e0041b"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_control_sequence_reaches_the_terminal(name: str) -> None:
    raw, shown = HOSTILE[name]
    assert text.clean(raw) == shown


def test_colours_survive_only_where_they_are_asked_for() -> None:
    assert text.clean("\x1b[1;31mred\x1b[0m\x1b[2J\x1b]0;t\x07", colour=True) == "\x1b[1;31mred\x1b[0m"


@pytest.mark.parametrize(
    ("codes", "kept"),
    [
        ("8", ""), ("1;8;31", "\x1b[1;31m"), ("5", ""), ("38;5;8", "\x1b[38;5;8m"),
        ("48;2;8;8;8;8", "\x1b[48;2;8;8;8m"),
        ("38:5:8", "\x1b[38:5:8m"), ("", "\x1b[m"), ("0", "\x1b[0m"), ("99999999999999999999", ""),
        ("107", "\x1b[107m"),
    ],
)  # fmt: skip
def test_no_code_that_hides_text_reaches_a_terminal_with_colours(codes: str, kept: str) -> None:
    assert text.clean(f"\x1b[{codes}mx", colour=True) == f"{kept}x"


def test_output_is_visible_without_its_control_sequences() -> None:
    assert text.visible(b"\x1b[32mready\x1b[0m \x1b]0;title\x07in \x1b[1m3 s\x1b[22m\r\n") == b"ready in 3 s\n"
    assert text.visible("größer ✓ ".encode()) == "größer ✓ ".encode()


@given(st.text())
def test_cleaned_text_is_one_line_without_control_characters_and_cleaning_again_changes_nothing(raw: str) -> None:
    shown = text.clean(raw)
    assert not any((ord(c) < 32 and c != "\t") or 127 <= ord(c) < 160 or c in "\u202e\u2028" for c in shown)
    assert text.clean(shown) == shown


def test_markup_is_kept_as_the_text_that_it_is() -> None:
    for raw in ("[/]", "[TODO] x", "[link=http://x]y[/link]", "[bold"):
        assert text.clean(raw) == raw


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("250ms", 0.25), ("1m30s", 90), ("1h30m", 5400), ("2d", 172800), ("1.5s", 1.5), (".5s", 0.5), ("0s", 0)],
)
def test_durations_are_read_as_compose_writes_them(written: str, seconds: float) -> None:
    assert text.parse_duration(written) == pytest.approx(seconds)
    assert text.parse_seconds(f" {written} ") == pytest.approx(seconds)


def test_a_bare_number_counts_seconds_where_people_type_it() -> None:
    assert text.parse_seconds("90") == 90
    with pytest.raises(ValueError, match="not a duration"):
        text.parse_duration("90")


@pytest.mark.parametrize("written", ["", "s", "5x", "-1s", "1m 30", "1s1", "m5", "٣s", "9" * 400 + "s", "9" * 400])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        text.parse_seconds(written)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 ms"), (0.00006, "60 µs"), (0.0004, "0.4 ms"), (0.0083, "8.3 ms"), (0.08, "80 ms"), (1.25, "1.25 s"),
        (12.34, "12.3 s"), (42, "42 s"), (60, "1 min"), (185, "3 min 5 s"), (7800, "2 h 10 min"), (273600, "3 d 4 h"),
    ],
)  # fmt: skip
def test_durations_are_short_for_people(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("total", "shown"), [(0, "0 B"), (812, "812 B"), (1234, "1.2 kB"), (43_000_000, "43 MB"), (1.25e9, "1.2 GB")]
)
def test_sizes_are_short_for_people(total: int, shown: str) -> None:
    assert text.size(total) == shown


def test_the_nearest_word_is_found_whatever_its_case() -> None:
    assert text.nearest("ordr", ["order", "cart"]) == "order"
    assert text.nearest("Order", ["order", "cart"]) == "order"
    assert text.nearest("zebra", ["order", "cart"]) == ""


def test_commands_are_written_as_they_must_be_typed_here(tmp_path) -> None:  # type: ignore[no-untyped-def]
    program = tmp_path / ".venv" / "bin" / "devctl"
    program.parent.mkdir(parents=True)
    program.write_text("")
    program.chmod(0o755)
    prefix = str(tmp_path / ".venv")
    assert text.devctl_command({"PATH": "/nowhere"}, prefix, str(tmp_path)) == ".venv/bin/devctl"
    assert text.devctl_command({"PATH": str(program.parent)}, prefix, str(tmp_path)) == "devctl"
    assert text.typed("Try `devctl up` now.", ".venv/bin/devctl") == "Try `.venv/bin/devctl up` now."
