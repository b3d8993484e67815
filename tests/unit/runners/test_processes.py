from devctl.runners.processes import ProcessEntry, SessionLeader, Table


class Fixed(Table):
    """A table of processes that the test makes up."""

    def __init__(self, entries: list[ProcessEntry], **made_up: dict[int, str]) -> None:
        super().__init__("/nowhere")
        self._entries = entries
        self._made_up, self._outputs = made_up.get("tags", {}), made_up.get("outputs", {})

    def _scan(self) -> list[ProcessEntry]:
        return self._entries

    def _tag(self, entry: ProcessEntry) -> str:
        return self._made_up.get(entry.pid, "")

    def _by_output(self, pid: int, leaders: object) -> str:
        return self._outputs.get(pid, "")


LEADERS = {"a.1": SessionLeader(100, 7, "run/a.1"), "b.1": SessionLeader(200, 8, "run/b.1")}
KEEPER = 50


def members(table: Table) -> dict[str, set[int]]:
    return {name: {entry.pid for entry in entries} for name, entries in table.members(LEADERS, KEEPER).items()}


def test_a_session_belongs_to_its_leader_also_when_that_is_gone() -> None:
    entries = [ProcessEntry(100, KEEPER, 100, 7), ProcessEntry(101, 100, 100, 9), ProcessEntry(202, KEEPER, 200, 9)]
    assert members(Fixed(entries)) == {"a.1": {100, 101}, "b.1": {202}}


def test_a_number_that_is_somebody_elses_by_now_brings_nobody() -> None:
    assert members(Fixed([ProcessEntry(100, 1, 100, 999), ProcessEntry(101, 100, 100, 1000)])) == {
        "a.1": set(),
        "b.1": set(),
    }


def test_descendants_are_found_in_sessions_of_their_own() -> None:
    entries = [
        ProcessEntry(100, KEEPER, 100, 7),
        ProcessEntry(110, 100, 110, 9),
        ProcessEntry(111, 110, 110, 9),
        ProcessEntry(300, 1, 300, 9),
    ]
    assert members(Fixed(entries)) == {"a.1": {100, 110, 111}, "b.1": set()}


def test_orphans_are_found_by_tag_and_with_them_their_children() -> None:
    entries = [ProcessEntry(120, 1, 120, 9), ProcessEntry(121, 120, 121, 9)]
    assert members(Fixed(entries, tags={120: "run/a.1"})) == {"a.1": {120, 121}, "b.1": set()}
    assert members(Fixed(entries, tags={120: "other/a.1"})) == {"a.1": set(), "b.1": set()}


def test_orphans_that_wiped_everything_are_found_by_their_output() -> None:
    entries = [ProcessEntry(130, KEEPER, 130, 9), ProcessEntry(131, 999, 131, 9)]
    assert members(Fixed(entries, outputs={130: "b.1", 131: "b.1"})) == {"a.1": set(), "b.1": {130}}


def test_a_ring_of_parents_ends() -> None:
    assert members(Fixed([ProcessEntry(140, 141, 1, 9), ProcessEntry(141, 140, 1, 9)])) == {"a.1": set(), "b.1": set()}
