"""A file is written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest

from devctl.disk import replace_file, replacing


@pytest.mark.parametrize(("content", "mode"), [(b"\0new", 0o600), ("naïve", 0o644)])
def test_a_file_gets_its_content_and_mode_whatever_the_umask(tmp_path: Path, content: bytes | str, mode: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    before = os.umask(0o077)
    try:
        replace_file(path, content, mode)
    finally:
        os.umask(before)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert path.stat().st_mode & 0o777 == mode


def test_what_fails_half_way_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with contextlib.suppress(OSError), replacing(path) as file:
        file.write(b"new")
        raise OSError(errno.ENOSPC, "full")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
