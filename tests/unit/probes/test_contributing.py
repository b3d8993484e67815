"""CONTRIBUTING's example of a probe is the whole truth: its places, and no other, make a probe whose tests pass."""

from pathlib import Path

from tests import examples

TITLE = "A probe"
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly")


def test_the_listed_places_and_no_other_make_a_probe_whose_own_tests_pass(tmp_path: Path) -> None:
    helpers = ("tests/__init__.py", "tests/unit/__init__.py", "tests/unit/probes/__init__.py", "pyproject.toml")
    copy = examples.copy(tmp_path, "devctl", *helpers, "tests/unit/probes/test_kinds.py")
    listed = examples.follow(TITLE, copy)
    assert examples.changed(copy) == listed
    printed = examples.python(copy, "-m", "pytest", *QUIET, "tests/unit/probes")
    assert "passed" in printed
