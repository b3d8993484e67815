"""How a diagnosis looks: the chain from the service that is not good to the root cause, evidence, and the next step."""

from __future__ import annotations

from devctl.render.status import STYLES
from devctl.render.terminal import Terminal
from devctl.text import clean, clean_lines, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.diagnosis.views import CauseView, WhyView


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
