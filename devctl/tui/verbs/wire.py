"""The action on the wire of relayed services: put a fault there for a while, or take faults off again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from devctl.text import count, listing
from devctl.tui.dialogs import Chooser, Option

if TYPE_CHECKING:
    from devctl.session.protocol import FaultView
    from devctl.tui.app import DevctlApp
    from devctl.tui.verbs.changing import Changing


@dataclass(frozen=True, slots=True)
class Preset:
    """A fault that is worth a key: what people say, and what the session takes."""

    label: str
    kind: str
    strength: Mapping[str, float] = field(default_factory=dict)


PRESETS = (
    Preset("latency 200 ms ± 50 ms", "latency", {"milliseconds": 200, "jitter": 50}),
    Preset("latency 1 s", "latency", {"milliseconds": 1000}),
    Preset("bandwidth 100 kB/s", "bandwidth", {"rate": 100}),
    Preset("reset 10 % of the connections", "reset_peer", {"toxicity": 0.1}),
    Preset("no answer, closed after 5 s", "timeout", {"milliseconds": 5000}),
    Preset("down: every connection is reset", "down"),
)
"""`devctl fault add` takes any strength."""
PERIODS = {"10 s": 10.0, "30 s": 30.0, "1 min": 60.0, "5 min": 300.0, "until it is removed": None}


class Wire:
    """Adds and removes wire faults."""

    def __init__(self, app: DevctlApp, changing: Changing) -> None:
        self._app, self._changing = app, changing
        self.actions: dict[str, Callable[[list[str]], Any]] = {"fault": self.choose}

    def choose(self, services: Sequence[str]) -> None:
        """Offer what can be put on the wire of services, and what can be taken off."""
        active = [fault for name in services for fault in self._app.model.services[name]["faults"]]
        options = [Option(f"Remove {fault['text']}", fault, fault["name"]) for fault in active]
        if len(active) > 1:
            options.append(Option(f"Remove all {len(active)}", active))
        options += [Option(preset.label, preset, "for a while") for preset in PRESETS]

        def take(value: Preset | FaultView | list[FaultView] | None) -> None:
            if isinstance(value, Preset):
                self._choose_period(services, value)
            elif value is not None:
                self._remove(value if isinstance(value, list) else [value])

        title = f"Fault on the wire of {listing(list(services))}"
        self._app.push_screen(Chooser(title, options, self._app.palette, types=False), take)

    def _choose_period(self, services: Sequence[str], preset: Preset) -> None:
        options = [Option(label, label) for label in PERIODS]

        def take(label: str | None) -> None:
            if label:
                self._add(services, preset, PERIODS[label])

        self._app.push_screen(Chooser("For how long?", options, self._app.palette, types=False), take)

    def _add(self, services: Sequence[str], preset: Preset, seconds: float | None) -> None:
        control = self._app.stack.control

        def add() -> str:
            faults = [{"service": name, "kind": preset.kind, **preset.strength} for name in services]
            names = [control.add_fault(fault, seconds=seconds)["name"] for fault in faults]
            return f"On the wire: {listing(names)}. `i` removes it."

        self._changing.run(f"Putting {preset.label} on the wire of {listing(list(services))}", add)

    def _remove(self, faults: Sequence[FaultView]) -> None:
        control = self._app.stack.control

        def remove() -> str:
            removed = control.remove_faults([fault["name"] for fault in faults])
            return f"Removed {listing(removed)}." if removed else "It had ended by itself."

        self._changing.run(f"Removing {count(len(faults), 'fault')}", remove)
