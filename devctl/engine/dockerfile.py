"""What a Dockerfile says: its instructions with their lines, and the images that it builds on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SCRATCH = "scratch"
_ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S)", re.I)
_HEREDOC = re.compile(r"<<-?\s*([\"']?)([A-Za-z_]\w*)\1")
_HEREDOC_KEYWORDS = ("RUN", "COPY", "ADD")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: the line that it begins in, its keyword in capitals, and the rest."""

    line: int
    keyword: str
    rest: str


def instructions(text: str) -> list[Instruction]:
    """Return the instructions of a Dockerfile, in order."""
    escape = next(iter(_ESCAPE.findall(text.partition("\n")[0])), "\\")
    lines, result = iter(enumerate(text.splitlines(), 1)), []
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        keyword, _, rest = _joined(line, lines, escape).partition(" ")
        result.append(Instruction(number, keyword.upper(), rest.strip()))
        if keyword.upper() in _HEREDOC_KEYWORDS:
            _skip_heredocs(rest, lines)
    return result


def _joined(line: str, lines: Iterator[tuple[int, str]], escape: str) -> str:
    """Return an instruction whose first line is `line`, with the lines that it goes on in."""
    parts, line = [], line.strip()
    while line.endswith(escape):
        parts.append(line[:-1].rstrip())
        line = next((each.strip() for _, each in lines if each.strip() and not each.lstrip().startswith("#")), "")
    return " ".join((*parts, line))


def _skip_heredocs(rest: str, lines: Iterator[tuple[int, str]]) -> None:
    for _, word in _HEREDOC.findall(rest):
        any(line.strip() == word for _, line in lines)


def bases(steps: list[Instruction], args: Mapping[str, str]) -> list[str]:
    """Return the images that a build starts from or copies from, each once; stages of its own are none."""
    variables, stages, images = dict(args), {SCRATCH}, []
    is_global = True
    for step in steps:
        if step.keyword == "ARG" and is_global:
            name, equals, value = step.rest.partition("=")
            if equals:
                variables.setdefault(name, value.strip("\"'"))
        elif step.keyword == "FROM":
            is_global = False
            parts = [word for word in step.rest.split() if not word.startswith("--")]
            images.append(_substituted(parts[0], variables) if parts else "")
            if len(parts) > 2 and parts[1].lower() == "as":
                stages.add(parts[2].lower())
        elif step.keyword == "COPY" and (source := re.match(r".*--from=(\S+)", step.rest)):
            images.append(source[1])
    return [image for image in dict.fromkeys(images) if image and image.lower() not in stages and not image.isdigit()]


def _substituted(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[2]) or match[3] or ""

    return _VARIABLE.sub(value, text)
