"""Bundles read without trusting them, and written without secrets."""

import stat
import zipfile
from pathlib import Path

import pytest

from devctl.actions.bundle import blotted, pack
from devctl.errors import UsageError
from devctl.record.bundle import FORMAT, findings, open_bundle, unpack
from devctl.record.store import Run

RUN = "20260131-120000-00ff"


def bundle(folder: Path, files: dict[str, str], *, run: str = RUN) -> Path:
    path = folder / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("FORMAT", f"{FORMAT}\n{run}\n")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "run/../../evil", "run/logs/a.1/../../x", "run/logs/a/b/c", "a\\b", ".."]
)
def test_a_file_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="must not"):
        open_bundle(bundle(tmp_path, {name: "x"}))


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    path = bundle(tmp_path, {})
    link = zipfile.ZipInfo("run/spec.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UsageError, match="must not"):
        open_bundle(path)


def test_what_is_no_bundle_or_names_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("nothing")
    with pytest.raises(UsageError, match="not a bundle"):
        open_bundle(tmp_path / "x.zip")
    with pytest.raises(UsageError, match="names no run"):
        open_bundle(bundle(tmp_path, {}, run="../../x"))


def test_a_bundle_is_unpacked_as_the_users_alone(tmp_path: Path) -> None:
    with open_bundle(bundle(tmp_path, {"run/logs/api.1/0000.log": "hello\n", "report.json": "{}"})) as archive:
        run = unpack(archive, tmp_path / "out")
    log = run / "logs" / "api.1" / "0000.log"
    assert log.read_text() == "hello\n"
    assert (tmp_path / "out" / "report.json").exists()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(run.stat().st_mode) == 0o700


def test_a_secret_becomes_as_many_stars_so_that_nothing_moves() -> None:
    line = b'{"password": "correct horse", "n": 1}\ntoken opensesame!\n'
    hidden = blotted(line, {"opensesame!"})
    assert len(hidden) == len(line)
    assert b"opensesame" not in hidden
    assert b"correct" not in hidden


def test_a_packed_run_holds_no_secret_of_its_specification(tmp_path: Path) -> None:
    run = Run(tmp_path / RUN)
    (run.logs / "api.1").mkdir(parents=True)
    (run.logs / "api.1" / "0000.log").write_text("connect with hunter22-hunter22\n")
    run.spec_file.write_text('{"services": {"api": {"environment": {"DB_PASSWORD": "hunter22-hunter22"}}}}')
    pack(run, tmp_path / "run.zip", documents={"report.json": {"text": "hunter22-hunter22"}})
    with open_bundle(tmp_path / "run.zip") as archive:
        assert list(findings(archive)) == []
        contents = [archive.read(name) for name in archive.namelist()]
    assert not any(b"hunter22" in content for content in contents)
