from devctl.runners import processes
from devctl.runners.processes import Leader, Row, Table


class Fixed(Table):
    """A table of processes that the test makes up."""

    def __init__(self, rows: list[Row], **known: dict[int, str]) -> None:
        super().__init__("/nowhere")
        self._rows = rows
        self._made_up, self._outputs = known.get("tags", {}), known.get("outputs", {})

    def _look(self) -> list[Row]:
        return self._rows

    def _tag(self, row: Row) -> str:
        return self._made_up.get(row.pid, "")

    def _by_output(self, pid: int, leaders: object) -> str:
        return self._outputs.get(pid, "")


LEADERS = {"a.1": Leader(100, 7, "run/a.1"), "b.1": Leader(200, 8, "run/b.1")}
KEEPER = 50


def members(table: Table) -> dict[str, set[int]]:
    return {name: {row.pid for row in rows} for name, rows in table.members(LEADERS, KEEPER).items()}


def test_a_session_belongs_to_its_leader_also_when_that_is_gone() -> None:
    rows = [Row(100, KEEPER, 100, 7), Row(101, 100, 100, 9), Row(202, KEEPER, 200, 9)]
    assert members(Fixed(rows)) == {"a.1": {100, 101}, "b.1": {202}}


def test_a_number_that_is_somebody_elses_by_now_brings_nobody() -> None:
    assert members(Fixed([Row(100, 1, 100, 999), Row(101, 100, 100, 1000)])) == {"a.1": set(), "b.1": set()}


def test_descendants_are_found_in_sessions_of_their_own() -> None:
    rows = [Row(100, KEEPER, 100, 7), Row(110, 100, 110, 9), Row(111, 110, 110, 9), Row(300, 1, 300, 9)]
    assert members(Fixed(rows)) == {"a.1": {100, 110, 111}, "b.1": set()}


def test_orphans_are_found_by_tag_and_with_them_their_children() -> None:
    rows = [Row(120, 1, 120, 9), Row(121, 120, 121, 9)]
    assert members(Fixed(rows, tags={120: "run/a.1"})) == {"a.1": {120, 121}, "b.1": set()}
    assert members(Fixed(rows, tags={120: "other/a.1"})) == {"a.1": set(), "b.1": set()}


def test_orphans_that_wiped_everything_are_found_by_their_output() -> None:
    rows = [Row(130, KEEPER, 130, 9), Row(131, 999, 131, 9)]
    assert members(Fixed(rows, outputs={130: "b.1", 131: "b.1"})) == {"a.1": set(), "b.1": {130}}


def test_a_ring_of_parents_ends() -> None:
    assert members(Fixed([Row(140, 141, 1, 9), Row(141, 140, 1, 9)])) == {"a.1": set(), "b.1": set()}


def test_the_start_of_a_process_is_known_and_of_none_is_not() -> None:
    import os

    assert processes.ticks_of(os.getpid()) > 0
    assert processes.ticks_of(2**22 + 1) == 0
