"""The journal: a map that survives a kill."""

from __future__ import annotations

from pathlib import Path

from devctl.embedded.journal import Journal


def test_the_last_value_of_each_key_comes_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.put(("a", 1), "old")
    journal.put(("a", 1), "new")
    journal.put(("b", 2), ["x"])
    journal.put(("c", 3), 1)
    journal.put(("c", 3), None)
    assert Journal(tmp_path / "j").entries == {("a", 1): "new", ("b", 2): ["x"]}


def test_a_line_cut_short_costs_that_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    journal.put(("a",), 1)
    journal.put(("b",), 2)
    path.write_bytes(path.read_bytes()[:-4])
    again = Journal(path)
    assert again.entries == {("a",): 1}
    again.put(("c",), 3)
    assert Journal(path).entries == {("a",): 1, ("c",): 3}


def test_the_file_is_rewritten_when_most_of_it_is_old(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    for number in range(5000):
        journal.put(("k", number % 3), number)
    assert path.stat().st_size < 40_000
    assert Journal(path).entries == {("k", 0): 4998, ("k", 1): 4999, ("k", 2): 4997}
    assert path.stat().st_mode & 0o777 == 0o600
