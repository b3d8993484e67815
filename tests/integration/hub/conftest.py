"""The real programs that the hub is tried with."""

from pathlib import Path

import pytest

from tests.reference.go_programs import JAEGER, NotBuildable, find_or_build


@pytest.fixture(scope="session")
def real_jaeger() -> Path:
    """The path of a real Jaeger all-in-one; skips with the reason where there can be none."""
    try:
        return find_or_build(JAEGER)
    except NotBuildable as reason:
        pytest.skip(str(reason))
