"""Kafka's storage folder and command line, without Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from devctl.products.kafka import archive, process


def facts(data: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (data / process.META).read_text().splitlines())


def test_a_new_folder_gets_an_identity_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        process.format_storage(tmp_path / name)
    first, second = facts(tmp_path / "a"), facts(tmp_path / "b")
    assert first["cluster.id"] != second["cluster.id"]
    assert len(first["cluster.id"]) == len(first["directory.id"]) == 22
    process.format_storage(tmp_path / "a")
    assert facts(tmp_path / "a") == first


def test_a_folder_whose_formatting_was_cut_short_is_formatted_again(tmp_path: Path) -> None:
    (tmp_path / process.BOOTSTRAP).write_bytes(b"cut")
    process.format_storage(tmp_path)
    assert b"metadata.version" in (tmp_path / process.BOOTSTRAP).read_bytes()
    assert (tmp_path / process.META).exists()


@pytest.mark.parametrize(("version", "is_allowed"), [("17.0.15", False), ("25.0.2", True), ("", False)])
def test_only_a_java_that_warns_is_told_not_to(tmp_path: Path, version: str, *, is_allowed: bool) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch()
    if version:
        (tmp_path / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    command = process.command(str(java), str(tmp_path), "log4j2.yaml", "256m")
    assert ("--sun-misc-unsafe-memory-access=allow" in command) is is_allowed


def test_an_archive_holds_for_one_java_and_one_class_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVCTL_CACHE", str(tmp_path / "cache"))
    java = tmp_path / "java"
    java.write_text("one")
    folder = archive.folder(str(java), "a.jar:b.jar")
    assert archive.options(str(java), "a.jar:b.jar") == []
    folder.mkdir(parents=True)
    (folder / archive.ARCHIVE).touch()
    assert archive.options(str(java), "a.jar:b.jar") != []
    assert archive.options(str(java), "a.jar") == []
    java.write_text("another")
    assert archive.options(str(java), "a.jar:b.jar") == []


def test_a_list_of_classes_that_was_cut_makes_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVCTL_CACHE", str(tmp_path / "cache"))
    java = tmp_path / "java"
    java.touch()
    classes = tmp_path / "classes"
    classes.write_text("java/lang/Object\n" * 10)
    assert archive.make([str(java)], classes, str(java), "a.jar") is False
