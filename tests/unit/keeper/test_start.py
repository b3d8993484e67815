from pathlib import Path

import pytest

from devctl.keeper import start


def test_a_private_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    start.make_private_folder(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("planted", ["link", "file", "open"])
def test_a_planted_folder_is_refused(tmp_path: Path, planted: str) -> None:
    path = tmp_path / "runtime"
    if planted == "link":
        path.symlink_to(tmp_path)
    elif planted == "file":
        path.touch(0o600)
    else:
        path.mkdir()
        path.chmod(0o777)
    with pytest.raises(PermissionError):
        start.make_private_folder(str(path))


def test_a_folder_in_which_others_may_replace_things_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    try:
        with pytest.raises(PermissionError):
            start.make_private_folder(str(tmp_path / "runtime"))
        tmp_path.chmod(0o1777)
        start.make_private_folder(str(tmp_path / "runtime"))
    finally:
        tmp_path.chmod(0o700)
