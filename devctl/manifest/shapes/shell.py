"""What a command says that only a shell would understand. No shell runs it, so it is a word like any other."""

from __future__ import annotations

import re
from collections.abc import Sequence

_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)
_OPERATOR = re.compile(r"\|\|?|&&|&(?=\s|$)|;(?=\s|$)|[0-9&]?>>?(?:&[0-9])?|<<?|\$\(|`|\$(?:[A-Za-z_]\w*|[{?@*])")
_FIRST = re.compile(
    r"\s*([A-Za-z_][A-Za-z0-9_]*=\S*|(?:cd|export|source|set|ulimit|eval|exec|if|for|while|\.)(?=\s|$))"
)
"""How a text begins whose first word is no program: variables for one command, and what shells do themselves."""
SHELLS = re.compile(r"(?:.*/)?(?:ba|da|z|k|fi)?sh")


def shell_word(text: str) -> str:
    """Return the first part of a text that only a shell would understand, empty when there is none."""
    bare = _QUOTED.sub(lambda match: "_" * len(match[0]), text)
    first = _FIRST.match(bare)
    operator = first or _OPERATOR.search(bare)
    if not operator:
        return ""
    word = operator[1] if operator is first else operator[0]
    return f"{word.partition('=')[0]}=" if operator is first and "=" in word else word


def shell_argument(arguments: Sequence[str]) -> str:
    """Return the first of some arguments that only a shell would understand, empty when there is none or a shell
    gets them."""
    if not arguments or SHELLS.fullmatch(arguments[0]):
        return ""
    first = _FIRST.fullmatch(arguments[0])
    if first:
        return shell_word(arguments[0])
    return next((word for word in arguments[1:] if _OPERATOR.fullmatch(word) and word not in ("<", "`")), "")
