"""Which stack is meant, and which of its runs."""

from pathlib import Path

import pytest

from devctl.actions.access import Selection, StackAccess
from devctl.actions.recorded import RecordedSession
from devctl.errors import DevctlError, UsageError
from tests.unit.cli.fake_session import Door, FakeSession


def access(folder: Path, session: FakeSession | None = None, **selection: str) -> StackAccess:
    return StackAccess(Selection(project_directory=str(folder), **selection), {}, Door(session))  # type: ignore[arg-type]


def test_without_folder_and_files_the_nearest_manifest_upwards_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stack.yaml").write_text("name: shop\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert StackAccess(Selection(), {}).paths.folder == tmp_path.resolve()


def test_where_no_manifest_is_the_way_to_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        StackAccess(Selection(), {}).paths  # noqa: B018
    assert "devctl init" in raised.value.next


def test_a_second_copy_keeps_the_name_that_it_was_given(tmp_path: Path) -> None:
    assert access(tmp_path).isolated().paths.project == "isolated"
    assert access(tmp_path, project_name="mine").isolated().paths.project == "mine"


def test_the_reader_is_the_running_session_else_the_record(tmp_path: Path) -> None:
    session = FakeSession()
    assert access(tmp_path, session).session() is session
    assert isinstance(access(tmp_path).session(), RecordedSession)


def test_a_run_is_named_by_the_beginning_of_its_id_if_no_other_begins_so(tmp_path: Path) -> None:
    stack = access(tmp_path)
    for run_id in ("20260130-120000-aaaa", "20260131-120000-abcd"):
        (stack.paths.runs / run_id).mkdir(parents=True)
    assert stack.run().id == "20260131-120000-abcd"
    assert stack.run("20260130").id == "20260130-120000-aaaa"
    with pytest.raises(UsageError, match="2 runs begin with '2026'"):
        stack.run("2026")
    with pytest.raises(UsageError, match="no run 'x'"):
        stack.run("x")


def test_a_stack_without_a_run_says_how_one_begins(tmp_path: Path) -> None:
    with pytest.raises(DevctlError, match="no run is recorded here"):
        access(tmp_path).run()
