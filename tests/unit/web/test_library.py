"""The folder of boards: found, refreshed, and hostile files refused with their reason."""

import json
from pathlib import Path

import pytest

from devctl.web.boards.library import MOST_BYTES, Library
from devctl.web.logql import logs_query
from devctl.web.stack import stack_paths


def write(path: Path, **document: object) -> None:
    path.write_text(json.dumps({"panels": [], **document}))


def test_boards_are_found_in_folders_below_and_read_again_when_they_changed(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner" / "a.json", uid="a", title="first")
    library = Library(tmp_path)
    before = library.find("a")
    assert before
    assert before.board
    assert before.board.title == "first"
    write(tmp_path / "inner" / "a.json", uid="a", title="second one")
    after = library.find("a")
    assert after
    assert after.board
    assert after.board.title == "second one"


def test_a_board_without_a_uid_has_the_name_of_its_file(tmp_path: Path) -> None:
    write(tmp_path / "board.json", title="t")
    assert Library(tmp_path).find("board")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no JSON: line 1, column 2: Expecting property name enclosed in double quotes"),
        ("[" * 100_000, "is no JSON: RecursionError"),
        ("[1]", "is no board, or nests deeper than one"),
        (
            json.dumps({"panels": [json.loads('{"a":' * 200 + "1" + "}" * 200)]}),
            "is no board, or nests deeper than one",
        ),
        ('{"a": 1}', "is no board: it has no panels"),
        ("x" * (MOST_BYTES + 1), "is larger than 16 MiB"),
    ],
)
def test_a_file_that_is_no_board_says_why_and_leaves_the_others_alone(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    write(tmp_path / "good.json", uid="good")
    library = Library(tmp_path)
    assert [each.problem for each in library.all() if not each.board] == [reason]
    assert library.find("good")


def test_ten_megabytes_of_board_are_read(tmp_path: Path) -> None:
    panels = [{"type": "text", "title": "x" * 1_000, "options": {"content": "y" * 9_000}} for _ in range(1_000)]
    write(tmp_path / "large.json", uid="large", panels=panels)
    loaded = Library(tmp_path).find("large")
    assert loaded
    assert loaded.board
    assert len(loaded.board.panels) == 1_000


def test_without_a_folder_there_are_no_boards(tmp_path: Path) -> None:
    assert Library(None).all() == Library(tmp_path / "missing").all() == []


@pytest.mark.parametrize(
    ("expression", "services", "wish"),
    [
        ('{service="order"} |= "time out" | json', ["order"], {"grep": "time\\ out"}),
        (
            '{service_name=~"order|cart", level="error"} |~ "a.*b"',
            ["order", "cart"],
            {"level": "error", "grep": "a.*b"},
        ),
        ('{job=~".+"}', [], {}),
        ("", [], {}),
    ],
)
def test_a_selector_of_logs_means_services_level_and_text(
    expression: str, services: list[str], wish: dict[str, str]
) -> None:
    assert logs_query(expression) == (services, wish)


@pytest.mark.parametrize(
    ("run", "folder", "project"),
    [("/shop/.devctl/runs/r", "/shop", ""), ("/shop/.devctl/projects/copy/runs/r", "/shop", "copy")],
)
def test_a_run_knows_its_stack(run: str, folder: str, project: str) -> None:
    paths = stack_paths(Path(run))
    assert (str(paths.folder), paths.project) == (folder, project)


def test_a_board_that_is_broken_by_hand_stands_as_it_was_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"uid": "mine", "panels": []}')
    boards = Library(tmp_path)
    assert boards.find("mine")
    file.write_text('{"uid": "mine",\n "panels": [}    ')
    loaded = boards.find("mine")
    assert loaded
    assert loaded.problem == "is no JSON: line 2, column 13: Expecting value"
    file.write_text('{"uid": "mine", "title": "Mended", "panels": []}')
    loaded = boards.find("mine")
    assert loaded
    assert loaded.board
    assert (loaded.board.title, loaded.problem) == ("Mended", "")


def test_of_two_boards_with_one_uid_the_second_says_which_is_the_first(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"uid": "same", "title": name, "panels": []}))
    listed = {each.path.name: (each.board is not None, each.problem) for each in Library(tmp_path).all()}
    assert listed == {"a.json": (True, ""), "b.json": (False, "has the uid of a.json, too")}
