import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.shell import MANIFEST, Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        (tmp_path / "stack.yaml").write_text(MANIFEST)
        shell = Shell(tmp_path.resolve(), runtime)
        yield shell
        shell.run("down --now")
        assert shell.is_empty()
