"""Which files of a project a Python module is made of: itself and what it imports, directly or not. It runs nothing.

An import that only a running program could tell (by a name made from text) is not seen; `watch:` names such files.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def closure(folder: Path, module: str) -> set[Path]:
    """Return the files below `folder` that `python -m module` reads, relative to it; empty when it is not there."""
    return _follow(folder, {*_files_of(folder, module), *_files_of(folder, f"{module}.__main__")})


def closure_of_file(folder: Path, file: Path) -> set[Path]:
    """Return a program of the project and the files that it imports from beside it and from the folder."""
    return _follow(folder, {file}, beside=file.parent)


def _follow(folder: Path, first: set[Path], beside: Path = Path()) -> set[Path]:
    files: set[Path] = set()
    waiting = list(first)
    while waiting:
        file = waiting.pop()
        if file in files:
            continue
        files.add(file)
        for name in _imported(folder, file):
            waiting += _files_of(folder, name)
            if beside != Path():
                waiting += (beside / path for path in _files_of(folder / beside, name))
    return files


def _imported(folder: Path, file: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, also inside its functions; `from a import b` may mean `a.b`."""
    try:
        tree = ast.parse((folder / file).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(file, node)
            yield module
            yield from (f"{module}.{alias.name}" if module else alias.name for alias in node.names)


def _absolute(file: Path, node: ast.ImportFrom) -> str:
    """Return the module of a `from` import, with its leading dots resolved."""
    if not node.level:
        return node.module or ""
    package = file.parent.parts[: len(file.parent.parts) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def _files_of(folder: Path, module: str) -> list[Path]:
    """Return the file of a module and the `__init__.py` of each package above it, as far as they are there."""
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return []
    path = Path(*parts)
    candidates = [path.with_suffix(".py"), path / "__init__.py"]
    if not any((folder / candidate).is_file() for candidate in candidates):
        return []
    candidates += [Path(*parts[:end]) / "__init__.py" for end in range(1, len(parts))]
    return [candidate for candidate in candidates if (folder / candidate).is_file()]
