"""Tables: columns stand under each other, whatever is in them and however narrow the terminal is."""

import pytest

from devctl.render import table
from tests.unit.cli.fake_session import Screen

HEADS = ("name", "size", "note")


class Narrow(Screen):
    """A terminal of a given width."""

    @property
    def is_terminal(self) -> bool:
        return True


def test_columns_stand_under_each_other_also_with_wide_characters() -> None:
    shown = table.lines(HEADS, [["a", "1", "x"], ["日本", "22", "y"]], Screen(), right="size")
    assert shown == ["NAME  SIZE  NOTE", "a        1  x", "日本    22  y"]


def test_empty_columns_are_left_out() -> None:
    assert table.lines(HEADS, [["a", "", "x"]], Screen()) == ["NAME  NOTE", "a     x"]


def test_the_last_column_is_cut_to_the_terminal() -> None:
    shown = table.lines(HEADS, [["a", "1", "x" * 100]], Narrow(COLUMNS="30"))
    assert [table.width(line) for line in shown] == [16, 30]
    assert shown[1].endswith("x…")


def test_spare_columns_go_first_where_it_is_narrow() -> None:
    rows = [["a" * 20, "1" * 10, "x" * 30]]
    assert "SIZE" in table.lines(HEADS, rows, Narrow(COLUMNS="60"), spare="size")[0]
    assert "SIZE" not in table.lines(HEADS, rows, Narrow(COLUMNS="45"), spare="size")[0]


@pytest.mark.parametrize("columns", ["1", "0", "-3", "x", "7"])
def test_no_terminal_is_too_narrow(columns: str) -> None:
    assert table.lines(HEADS, [["日本", "1", "x" * 50]], Narrow(COLUMNS=columns), spare="size name note")


def test_styles_colour_a_cell_without_moving_it() -> None:
    plain = table.lines(HEADS, [[("a", "red"), "1", "x"]], Screen())
    painted = table.lines(HEADS, [[("a", "red"), "1", "x"]], Screen(FORCE_COLOR="1"))
    assert painted[1] == plain[1].replace("a", "\x1b[31ma\x1b[0m", 1)


@pytest.mark.parametrize("columns", range(8, 60))
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    rows = [["a-long-name", "12345", "x" * 30], ["b", "1", "a short note"]]
    shown = table.lines(HEADS, rows, Narrow(COLUMNS=str(columns)), right="size", spare="size")
    assert all(0 < table.width(line) <= columns for line in shown)
