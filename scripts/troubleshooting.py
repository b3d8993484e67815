"""Writes docs/troubleshooting.md: what each rule of `devctl why` sees and says, and the seeded failure that proves it.

python -m scripts.troubleshooting --check | --write
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from devctl.diagnosis.rules.registry import GROUPS, all_rules
from tests.failures.cases import all_cases

PAGE = Path(__file__).parents[1] / "docs" / "troubleshooting.md"
_HEAD = """# Troubleshooting

`devctl why` names the root cause of what is wrong with the stack, with its evidence, the path to what suffers, and the
next step; `devctl why SERVICE` that of one service. This page lists what it knows, one line a rule. It is generated
from the rules in `devctl/diagnosis/rules/` and the seeded failures in `tests/failures/`; `make bench ONLY=why` runs
all of these.

Each cause is one of **certain** (the evidence shows it), **likely** (the best of several), **no evidence** (something
is not as it shall be, and nothing says why). `devctl why` ends with 0 only when nothing is wrong.
"""


def page() -> str:
    """Return the whole page."""
    return _HEAD + "".join(line + "\n" for group in GROUPS for line in _section(group))


def _section(group: str) -> Iterator[str]:
    if not all_rules()[group]:
        return
    yield f"\n## {group.capitalize()}: {GROUPS[group]}\n"
    yield "| kind | what it rests on | what it says | what to do | seeded as |"
    yield "|---|---|---|---|---|"
    for rule in sorted(all_rules()[group], key=lambda rule: rule.kind):
        cells = (f"`{rule.kind}`", rule.sees, _example(rule.sentence), _example(rule.next), _cases(rule.kind))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _example(template: str) -> str:
    """Return a sentence with its blanks filled so that it can be read."""
    filled = template.replace("{name}", "api").replace("{{", "{").replace("}}", "}")
    for blank in ("what", "path", "answer", "check", "timeout", "where", "topic"):
        filled = filled.replace("{" + blank + "}", "…")
    return filled


def _cases(kind: str) -> str:
    return "; ".join(case.name for case in all_cases() if case.kinds[:1] == (kind,))


def main(arguments: list[str]) -> int:
    """Write the page, or compare it with what is there."""
    if arguments == ["--write"]:
        PAGE.write_text(page())
        return 0
    if arguments != ["--check"]:
        print(__doc__, file=sys.stderr)
        return 2
    return int(not PAGE.exists() or PAGE.read_text() != page())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
