"""The border of the command line: what is no text is refused before anything is done with it."""

import pytest

from tests.unit.cli.conftest import Run


@pytest.mark.parametrize("argument", ["\ud800", "a\0b"])
def test_an_argument_that_no_file_could_be_named_is_a_usage_error(run: Run, argument: str) -> None:
    code, screen = run(f"bundle check {argument}")
    assert code == 2
    assert "is no text" in screen.messages
