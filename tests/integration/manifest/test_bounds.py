"""Hostile files are refused within bounded memory and without a long wait; loading imports nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

MEMORY = 256 << 20
PROGRAM = """
import sys
from pathlib import Path
from devctl.manifest.load import LoadRequest, load
from devctl.manifest.problems import ManifestError
from devctl.paths import StackPaths
try:
    load(LoadRequest(StackPaths(Path(sys.argv[1])), environ={}))
except ManifestError as error:
    sys.exit(str(error).splitlines()[0])
heavy = {"pydantic", "typer", "rich", "httpx", "asyncio", "subprocess", "textual", "docker", "socket"}
print(sorted(heavy & set(sys.modules)))
"""

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
HOSTILE = {
    "fifty megabytes": b"services: {}\n#" + b"x" * 50_000_000,
    "ten thousand levels": b"a: " + b"[" * 10_000,
    "ten thousand mappings": b"a: " + b"{a: " * 10_000,
    "an alias bomb": BOMB.encode(),
    "a million commas": b"a: [" + b"a," * 400_000 + b"]",
    "a megabyte of keys": b"services:\n" + b"".join(b" s%d: {foo: 1}\n" % i for i in range(40_000)),
    "a megabyte of one command": b"services: {a: {command: '" + b"a " * 500_000 + b"'}}",
    "a quote that never ends": b"a: '" + b"x" * 1_000_000,
    "a megabyte of variables": b"services: {a: {command: '" + b"${A:-" * 200_000 + b"'}}",
}


def doubling(count: int) -> bytes:
    """Return an environment file whose last variable would be 2 to the power of `count` long."""
    return b"A0=xx\n" + b"".join(b"A%d=$A%d$A%d\n" % (i, i - 1, i - 1) for i in range(1, count))


def load(folder: Path) -> subprocess.CompletedProcess[str]:
    """Load the folder's manifest in a process that may have so much memory and no more."""
    limited = f'ulimit -v {MEMORY // 1024}; exec "$@"'  # a fork of this process may break threads of other tests
    command = ["bash", "-c", limited, "bash", sys.executable, "-c", PROGRAM, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not keep RLIMIT_AS")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line_within_256_mib(tmp_path: Path, name: str) -> None:
    (tmp_path / "stack.yaml").write_bytes(HOSTILE[name])
    done = load(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("stack.yaml:")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not keep RLIMIT_AS")
def test_variables_that_double_are_refused_within_256_mib(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(doubling(60))
    (tmp_path / "stack.yaml").write_text("services: {a: {command: x}}")
    done = load(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(".env: ")


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("services: {a: {command: x}}")
    assert load(tmp_path).stdout == "[]\n"
