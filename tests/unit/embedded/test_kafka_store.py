"""Topics and committed offsets on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from devctl.embedded.kafka.store import Committed, Offsets, Topics, legal

PLENTY = 1 << 30


def test_topics_come_back_with_their_partitions_and_only_grow(tmp_path: Path) -> None:
    topics = Topics(tmp_path, PLENTY)
    topics.grow("a", 3)
    topics.grow("b.c_d-e", 1)
    topics.grow("a", 2)
    topics.close()
    again = Topics(tmp_path, PLENTY)
    assert {name: len(again.partitions(name)) for name in again.names()} == {"a": 3, "b.c_d-e": 1}
    assert again.find("a", 3) is None
    assert again.find("none", 0) is None


def test_a_deletion_that_was_cut_short_is_ended_at_the_next_start(tmp_path: Path) -> None:
    topics = Topics(tmp_path, PLENTY)
    topics.grow("gone", 2)
    topics.grow("stays", 1)
    topics.delete("gone")
    assert [path.name for path in tmp_path.iterdir()] == ["stays"]
    (tmp_path / "half~" / "0").mkdir(parents=True)
    assert Topics(tmp_path, PLENTY).names() == ["stays"]
    assert [path.name for path in tmp_path.iterdir()] == ["stays"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ü", "x" * 250, None, "half~"])
def test_a_name_that_kafka_would_refuse_never_becomes_a_folder(name: str | None) -> None:
    assert not legal(name)


def test_committed_offsets_come_back_and_go_with_group_or_topic(tmp_path: Path) -> None:
    offsets = Offsets(tmp_path / "o")
    for group in ("g", "h"):
        for topic in ("t", "u"):
            offsets.commit(group, topic, 0, Committed(5, "note"))
    offsets.commit("g", "t", 0, Committed(6))
    offsets.forget_topic("u")
    offsets.forget_group("h")
    again = Offsets(tmp_path / "o")
    assert again.of("g") == {("t", 0): Committed(6)}
    assert again.of("h") == {}
