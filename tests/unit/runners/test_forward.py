"""The program of the forwarder is what its source says, on both processors."""

import hashlib
from pathlib import Path

from devctl.runners import forwarder

FOLDER = Path(forwarder.__file__).parent / "forward"


def test_the_programs_were_built_from_this_source() -> None:
    """Whoever changes forward.c runs scripts/forward."""
    lines = (FOLDER / "forward.sha256").read_text().splitlines()
    written = {name: digest for digest, name in map(str.split, lines)}
    names = ("forward.c", "forward-amd64", "forward-arm64")
    assert written == {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in names}


def test_the_programs_are_small_and_for_both_processors() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.glob("forward-*")}
    assert set(sizes) == {"forward-amd64", "forward-arm64"}
    assert max(sizes.values()) < 4096
