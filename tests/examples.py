"""Follows a worked example of CONTRIBUTING to the letter: a numbered list of places, each with what goes there.

A place is a new file (`PATH`: ...), lines beside the first one that begins with a text (`PATH`, after the line `TEXT`:
...; or before), or a text in such a line (`PATH`, in the line `TEXT`, after `WORD`: ...). The rest is generated.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^(?P<margin> +)```\w+\n(?P<code>.*?)^ +```$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"`, (?P<how>before|after|in) the line `(?P<line>[^`]+)`(?:, after `(?P<word>[^`]+)`)?")
_SCRATCH = {"__pycache__", ".pytest_cache", ".hypothesis"}


class Step(NamedTuple):
    """One item of the list: which files it is about, where in the first, and what goes there."""

    paths: list[str]
    how: str
    line: str
    word: str
    block: str


def steps(title: str) -> list[Step]:
    """Return the steps of the section with this title."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split(f"### {title}\n")[1].split("\n### ")[0]
    return [_step(item) for item in re.split(r"^\d+\. (?=`)", section, flags=re.MULTILINE)[1:]]


def _step(item: str) -> Step:
    heading = item.split("\n\n")[0]
    spot, block = _LINE.search(heading), _BLOCK.search(item)
    how, line, word = (spot["how"], spot["line"], spot["word"] or "") if spot else ("", "", "")
    paths = re.findall(r"`([\w./]+/[\w./]+|\w+\.\w+)`", heading)
    code = re.sub(rf"^{block['margin']}", "", block["code"], flags=re.MULTILINE) if block else ""
    return Step(paths[:1] if code else paths, how, line, word, code)


def follow(title: str, folder: Path) -> set[str]:
    """Make the changes of an example in a copy of the project; return the files that it names."""
    listed = steps(title)
    for step in listed:
        if step.block:
            _make(step, folder / step.paths[0])
    return {path for step in listed for path in step.paths}


def _make(step: Step, path: Path) -> None:
    if not step.how:
        assert not path.exists(), f"the example is there already: {path}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(step.block)
        return
    lines = path.read_text().splitlines(keepends=True)
    number = next(index for index, text in enumerate(lines) if _begins(text, step.line))
    if step.how == "in":
        lines[number] = lines[number].replace(step.word, step.word + step.block.rstrip("\n"))
    else:
        lines.insert(number + (step.how == "after"), step.block)
    path.write_text("".join(lines))


def _begins(text: str, begin: str) -> bool:
    return text.startswith(begin) or text.strip().startswith(begin)


def copy(folder: Path, *parts: str) -> Path:
    """Copy files and folders of the project into `folder`, without what tests and interpreters leave behind."""
    for part in parts:
        target = folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target, ignore=shutil.ignore_patterns(*_SCRATCH))
        else:
            shutil.copy(ROOT / part, target)
    return folder


def changed(folder: Path) -> set[str]:
    """Return the files of a copy that are not as in the project."""
    return {str(p) for p in _files(folder) if not (ROOT / p).exists() or not filecmp.cmp(ROOT / p, folder / p)}


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not _SCRATCH & set(path.parts):
            yield path.relative_to(folder)


def python(folder: Path, *arguments: str) -> str:
    """Run Python in a copy, on the copy; return what it prints, fail where it fails."""
    environ = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-P", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
