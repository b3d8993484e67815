"""Hostile archives are refused whole; sound ones come out as they went in."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from devctl.tools.base import Refused
from devctl.tools.unpack import check_tree, keep_inside, unpack


def tar(path: Path, *members: tuple[str, bytes | None, dict[str, object]]) -> Path:
    """Write a tar archive of (name, content or None, attributes of the member)."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content, facts in (("ok/first", b"fine", {}), *members):
            member = tarfile.TarInfo(name)
            member.size = len(content or b"")
            for key, value in facts.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content or b""))
    return path


def zipped(path: Path, *members: tuple[str, bytes, int]) -> Path:
    """Write a zip archive of (name, content, unix mode)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in (("ok/first", b"fine", 0o100644), *members):
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return path


LINK = {"type": tarfile.SYMTYPE}
HARD = {"type": tarfile.LNKTYPE}
HOSTILE: dict[str, Callable[[Path], Path]] = {
    "climbs out": lambda p: tar(p, ("ok/../../evil", b"x", {})),
    "absolute": lambda p: tar(p, ("/tmp/evil", b"x", {})),
    "link to an absolute place": lambda p: tar(p, ("ok/link", None, {**LINK, "linkname": "/etc/passwd"})),
    "link that climbs out": lambda p: tar(p, ("ok/link", None, {**LINK, "linkname": "../../evil"})),
    "hard link that climbs out": lambda p: tar(p, ("ok/link", None, {**HARD, "linkname": "../evil"})),
    "write through a link": lambda p: tar(
        p, ("ok/link", None, {**LINK, "linkname": ".."}), ("ok/link/../../evil", b"x", {})
    ),
    "character device": lambda p: tar(p, ("ok/device", None, {"type": tarfile.CHRTYPE})),
    "pipe": lambda p: tar(p, ("ok/pipe", None, {"type": tarfile.FIFOTYPE})),
    "too many members": lambda p: tar(p, *((f"ok/{n}", b"", {}) for n in range(60))),
    "too many bytes": lambda p: tar(p, ("ok/large", b"\0" * 2_000_000, {})),
    "no archive": lambda p: p.write_bytes(b"<html>404</html>") and p,
    "cut": lambda p: p.write_bytes(tar(p, ("ok/x", bytes(range(256)) * 300, {})).read_bytes()[:-200]) and p,
    "a name twice": lambda p: tar(p, ("ok/x", b"1", {}), ("./ok/x", b"2", {})),
    "a link and a file of one name": lambda p: tar(
        p, ("ok/x", None, {**LINK, "linkname": "first"}), ("ok/x", b"2", {})
    ),
    "a file that is also a folder": lambda p: tar(p, ("ok/x", b"1", {}), ("ok/x/y", b"2", {})),
    "a name that is too long": lambda p: tar(p, ("ok/" + "x" * 300, b"1", {})),
    "zip with a name twice": lambda p: zipped(p, ("ok/x", b"1", 0o100644), ("ok/./x", b"2", 0o100644)),
    "zip with a file that is also a folder": lambda p: zipped(p, ("ok/x", b"1", 0o100644), ("ok/x/y", b"2", 0o100644)),
    "zip climbs out": lambda p: zipped(p, ("ok/../../evil", b"x", 0o100644)),
    "zip absolute": lambda p: zipped(p, ("/evil", b"x", 0o100644)),
    "zip with backslashes": lambda p: zipped(p, ("..\\evil", b"x", 0o100644)),
    "zip link": lambda p: zipped(p, ("ok/link", b"/etc/passwd", 0o120777)),
    "zip bomb": lambda p: zipped(p, ("ok/bomb", b"\0" * 900_000, 0o100644)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_whole(name: str, tmp_path: Path) -> None:
    archive = HOSTILE[name](tmp_path / "archive")
    folder = tmp_path / "inner" / "out"
    folder.parent.mkdir()
    with pytest.raises(Refused):
        unpack(archive, folder, max_bytes=1_000_000, max_members=50)
    assert not folder.exists()
    assert {path.name for path in tmp_path.rglob("*")} == {"archive", "inner"}


def test_a_sound_tar_keeps_files_modes_and_inner_links(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a", ("ok/run", b"#!", {"mode": 0o755}), ("ok/link", None, {**LINK, "linkname": "run"}))
    unpack(archive, tmp_path / "out")
    assert (tmp_path / "out/ok/link").read_bytes() == b"#!"
    assert (tmp_path / "out/ok/run").stat().st_mode & 0o111
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


def test_a_sound_zip_keeps_the_execute_bit(tmp_path: Path) -> None:
    unpack(zipped(tmp_path / "a", ("consul", b"ELF", 0o100755)), tmp_path / "out")
    assert (tmp_path / "out/consul").stat().st_mode & 0o777 == 0o755


def test_a_tree_with_a_link_to_the_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree/usr").mkdir(parents=True)
    (tmp_path / "tree/usr/inner").symlink_to("../usr")
    check_tree(tmp_path / "tree")
    (tmp_path / "tree/usr/outer").symlink_to("../../elsewhere")
    with pytest.raises(Refused, match="leads out"):
        check_tree(tmp_path / "tree")


def test_a_link_that_leads_out_only_through_another_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(".")
    sneaky = tarfile.TarInfo("out")
    sneaky.type, sneaky.linkname = tarfile.SYMTYPE, "here/here/../.."
    with pytest.raises(Refused):
        keep_inside(sneaky, tmp_path)


def test_a_sound_tar_is_unpacked_by_pythons_without_the_data_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)  # as before Python 3.11.4
    (tmp_path / "tool").write_text("run")
    (tmp_path / "tool").chmod(0o777)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "tool", "top/tool")
    unpack(tmp_path / "a.tar.gz", tmp_path / "new")
    assert (tmp_path / "new/top/tool").stat().st_mode & 0o777 == 0o755
