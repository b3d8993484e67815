"""How a diagnosis looks: roots first, each with evidence, the path to what suffers, and the next step; or one chain."""

from __future__ import annotations

from devctl.render.status import STYLES
from devctl.render.terminal import Terminal
from devctl.text import clean, clean_lines, listing, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from devctl.diagnosis.views import CauseView, DiagnosisView, EvidenceView, HopView, RootView, WhyView

_NARROWEST = 40
_CONFIDENCE_STYLES = {"certain": "red", "likely": "yellow", "no evidence": "dim"}


def answer(view: DiagnosisView, terminal: Terminal) -> list[str]:
    """Return the whole answer of `devctl why`."""
    width = max(terminal.width, _NARROWEST)
    if not view["roots"]:
        shown = _wrapped(typed(clean_lines(view["summary"])), width)
    else:
        blocks = [_root(root, number, len(view["roots"]), terminal) for number, root in enumerate(view["roots"], 1)]
        shown = [line for block in blocks for line in (*block, "")][:-1]
    for entry in view["ruled_out"]:
        shown += _wrapped(f"ruled out: {clean(entry['sentence'])}", width, "  ", paint="dim", terminal=terminal)
    for note in view["notes"]:
        shown += _wrapped(f"note: {clean(typed(note))}", width, "  ")
    return shown


def _root(root: RootView, number: int, count: int, terminal: Terminal) -> list[str]:
    width = max(terminal.width, _NARROWEST)
    label = f"{number}. " if count > 1 else ""
    shown = _wrapped(f"{label}{clean_lines(typed(root['sentence']))}", width, "   " if label else "")
    shown[0] = terminal.paint(shown[0], "bold")
    style = _CONFIDENCE_STYLES.get(root["confidence"], "dim")
    shown.append(f"  {terminal.paint(root['confidence'], style)} ({root['kind']})")
    for piece in root["evidence"]:
        shown += _evidence(piece, width, terminal)
    if len(root["path"]) > 1:
        shown.append("  so")
        shown += [line for depth, hop in enumerate(root["path"][1:]) for line in _hop(hop, depth, width)]
    on_path = {hop["service"] for hop in root["path"]}
    if beside := [clean(name) for name in root["explains"] if name not in on_path]:
        shown += _wrapped(f"  also: {listing(beside)}", width, "    ")
    if root["next"]:
        head = f"  {terminal.paint('next', 'cyan')}: "
        lines = _wrapped("  next: " + clean_lines(typed(root["next"])), width, "    ")
        shown += [head + lines[0].removeprefix("  next: "), *lines[1:]]
    return shown


def _hop(hop: HopView, depth: int, width: int) -> Iterator[str]:
    indent = "  " * (depth + 1)
    yield from _wrapped(f"{indent}└ {clean_lines(typed(hop['sentence']))}", width, f"{indent}  ")


def _evidence(piece: EvidenceView, width: int, terminal: Terminal) -> Iterator[str]:
    colon = ":" if piece["lines"] else ""
    yield from _wrapped(f"  - {clean_lines(piece['text'])}{colon}", width, "    ")
    for line in piece["lines"]:
        for part in _wrapped(f"    | {clean_lines(line)}", width, "    |   "):
            yield terminal.paint(part, "dim")


def _wrapped(
    text: str, width: int, indent: str = "", *, paint: str = "", terminal: Terminal | None = None
) -> list[str]:
    """Return text as lines that fit, all but the first indented; a word that is longer stays whole."""
    import textwrap

    lead = text[: len(text) - len(text.lstrip())]
    lines = textwrap.wrap(
        text, width, initial_indent="", subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
        drop_whitespace=True, replace_whitespace=True,
    )  # fmt: skip
    if lines and not lines[0].startswith(lead):
        lines[0] = lead + lines[0].lstrip()
    return [terminal.paint(line, paint) if terminal and paint else line for line in lines or [""]]


def lines(view: WhyView, terminal: Terminal) -> list[str]:
    """Return the explanation of one service."""
    name = terminal.paint(clean(view["service"]), "bold")
    word = terminal.paint(view["status"], STYLES.get(view["status"], "dim"))
    if not view["chain"]:
        return [f"{name} is {word}: nothing is wrong with it."]
    shown: list[str] = []
    for depth, cause in enumerate(view["chain"]):
        shown += _cause(cause, "  " * depth, terminal)
    return shown


def _cause(cause: CauseView, indent: str, terminal: Terminal) -> list[str]:
    arrow = "└ " if indent else ""
    shown = [f"{indent}{arrow}{clean_lines(typed(cause['says']))}"]
    inside = indent + "  "
    if cause["answer"]:
        shown.append(f"{inside}its check saw: {clean(cause['answer'])}")
    if cause["lines"]:
        shown.append(f"{inside}its last lines:")
        shown += [terminal.paint(f"{inside}  {clean(line)}", "dim") for line in cause["lines"]]
    if cause["next"]:
        shown += [f"{inside}{terminal.paint('next', 'cyan')}: {clean_lines(typed(cause['next']))}"]
    return shown
