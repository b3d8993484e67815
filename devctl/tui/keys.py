"""Every key of the terminal UI, in one place: what it does, where, and how it is called. Pure.

Help, palette and footer are made from this list, and a key press is looked up in it. One letter means one verb
everywhere. `where` names the views in which an action makes sense ("" is everywhere).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

VIEWS = ("overview", "logs", "traces", "journey", "map", "metrics", "events", "runs")


@dataclass(frozen=True, slots=True)
class Action:
    """One verb. `keys`: as Textual names them; `short`: in the footer (empty: not there); `label`: the sentence."""

    name: str
    keys: tuple[str, ...]
    label: str
    short: str = ""
    group: str = "anywhere"
    where: frozenset[str] = field(default_factory=frozenset)

    @property
    def shown_key(self) -> str:
        return shown(self.keys[0]) if self.keys else ""


_SHOWN = {
    "slash": "/", "question_mark": "?", "colon": ":", "left_square_bracket": "[", "right_square_bracket": "]",
    "space": "Space", "enter": "Enter", "escape": "Esc", "tab": "Tab", "up": "↑", "down": "↓", "left": "←",
    "right": "→", "pageup": "PgUp", "pagedown": "PgDn", "home": "Home", "end": "End", "plus": "+", "minus": "-",
    "shift+tab": "Shift+Tab", "less_than_sign": "<", "greater_than_sign": ">", "equals_sign": "=",
}  # fmt: skip


def shown(key: str) -> str:
    """Return a key as people know it."""
    return _SHOWN.get(key, key.replace("ctrl+", "Ctrl+"))


def _action(name: str, keys: str, label: str, short: str = "", group: str = "anywhere", where: str = "") -> Action:
    return Action(name, tuple(keys.split()), label, short, group, frozenset(where.split()))


_SERVICES = "overview logs traces map events"
_LINES = "logs"

ACTIONS: tuple[Action, ...] = (
    *(
        _action(f"view.{view}", str(number), f"Go to {view}", group="views")
        for number, view in enumerate(VIEWS, start=1)
    ),
    _action("open", "enter", "Open what the cursor is on", "open", "rows"),
    _action("logs", "l", "Logs of this service, trace or span", "logs", "verbs"),
    _action("traces", "t", "Traces of this service or line", "traces", "verbs"),
    _action("details", "d", "Details beside the list", "details", "verbs"),
    _action("why", "w", "Why something is not healthy", "why", "verbs"),
    _action("restart", "r", "Restart the services", "restart", "verbs", _SERVICES),
    _action("restart.dependents", "R", "Restart the services with what depends on them", "", "verbs", _SERVICES),
    _action("toggle", "s", "Stop the services, or start what is stopped", "start/stop", "verbs", _SERVICES),
    _action("kill", "x", "Kill the services; their restart policies act", "kill", "verbs", _SERVICES),
    _action("scale", "S", "Run more or fewer instances of the services", "", "verbs", _SERVICES),
    _action("fault", "i", "Inject latency, resets or an outage on the wire, or take it off", "", "verbs", _SERVICES),
    _action("exec", "e", "Open a shell in the service's environment", "exec", "verbs", _SERVICES),
    _action("browse", "o", "Open the page in the browser", "browser", "verbs", _SERVICES),
    _action("journey", "J", "The journey that this line, span or message belongs to", "journey", "verbs",
            "logs traces journey events"),
    _action("replay", "p", "Send the dead letters to where they came from again", "replay", "verbs", "events"),
    _action("copy", "y", "Copy the line, or the marked ones", "copy", "copy"),
    _action("copy.json", "Y", "Copy the line as JSON", "", "copy"),
    _action("copy.all", "ctrl+y", "Copy everything that is shown after filters", "", "copy"),
    _action("copy.menu", "c", "Copy an id, an address, or the command that does the same", "", "copy"),
    _action("mouse", "M", "Give the mouse to the terminal, or take it back", "", "copy"),
    _action("filter", "slash", "Filter by text; re:… level:… field=value trace:… too", "filter", "search"),
    _action("next", "n", "Next match", "", "search"),
    _action("previous", "N", "Previous match", "", "search"),
    _action("back", "escape", "Take back one level: selection, marks, filter, pane", "", "search"),
    _action("follow", "f", "Follow what is new, or pause", "follow", "lines", _LINES),
    _action("wrap", "W", "Wrap long lines, or cut them", "wrap", "lines", _LINES),
    _action("fold", "F", "Fold similar lines, or show each", "fold", "lines", _LINES),
    _action("time", "@", "Jump to a time", "time", "lines", "logs"),
    _action("range", "T", "Choose the time range", "range", "lines", "metrics map"),
    _action("choose", "b", "Choose the board or its variables", "board", "lines", "metrics"),
    _action("json", "v", "View the line whole, as JSON", "view", "lines", "logs traces journey events"),
    _action("zoom", "z", "Give the pane the whole screen, or take it back", "zoom", "panes"),
    _action("pane.next", "tab", "Next pane", "", "panes"),
    _action("pane.previous", "shift+tab", "Previous pane", "", "panes"),
    _action("history.back", "left_square_bracket", "Back to the view before", "", "panes"),
    _action("history.forward", "right_square_bracket", "Forward again", "", "panes"),
    _action("palette", "colon ctrl+p", "All commands, by name", "", "anywhere"),
    _action("theme", "ctrl+t", "Next theme", "", "anywhere"),
    _action("refresh", "ctrl+r", "Read everything again", "", "anywhere"),
    _action("help", "question_mark f1", "Help", "help", "anywhere"),
    _action("quit", "q ctrl+c", "Leave; the stack stays as it is", "leave", "anywhere"),
)  # fmt: skip

MOVES: dict[str, str] = {
    "j": "down", "down": "down", "k": "up", "up": "up", "g": "first", "home": "first", "G": "last", "end": "last",
    "ctrl+d": "half_down", "ctrl+u": "half_up", "pagedown": "page_down", "pageup": "page_up", "ctrl+f": "page_down",
    "ctrl+b": "page_up", "left": "link_left", "right": "link_right", "h": "link_left", "space": "mark",
}  # fmt: skip
"""What moves in a list, the same in every list and dialog."""
MOVE_HELP = (
    ("j k ↑ ↓", "line by line"), ("Ctrl+d Ctrl+u", "half a page"), ("PgDn PgUp", "a page"),
    ("g G Home End", "to the first, to the last (End follows what is new)"), ("← →", "from number to number in a row"),
    ("Space", "mark a row; verbs act on all marks"),
)  # fmt: skip

BY_NAME = {action.name: action for action in ACTIONS}
BY_KEY = {key: action for action in ACTIONS for key in action.keys}


def find(key: str, character: str | None = None) -> Action | None:
    """Return the action of a key press."""
    return BY_KEY.get(key) or (BY_KEY.get(character) if character else None)


def move(key: str, character: str | None = None) -> str:
    """Return what a key press moves, empty when it moves nothing."""
    return MOVES.get(key) or MOVES.get(character or "", "")


def footer(valid: Iterable[str], room: int) -> list[Action]:
    """Return the actions for the footer that are valid now, as many as fit into `room` columns."""
    names = set(valid)
    last = [BY_NAME[name] for name in ("help", "quit")]
    used = sum(_columns(action) for action in last)
    chosen: list[Action] = []
    for action in ACTIONS:
        if action.short and action.name in names and action not in last:
            if used + _columns(action) > room:
                break
            used += _columns(action)
            chosen.append(action)
    return [*chosen, *last]


def _columns(action: Action) -> int:
    return len(action.shown_key) + len(action.short) + 3


def is_here(action: Action, view: str) -> bool:
    """Tell whether an action makes sense in a view."""
    return not action.where or view in action.where
