"""How actions fail when services are not as they should be: an error that carries why."""

from __future__ import annotations

from collections.abc import Sequence

from devctl.errors import DevctlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.diagnosis.views import WhyView


class ServicesNotGood(DevctlError):
    """Services did not become healthy; `explanations` say why, for a front end to show before the error."""

    def __init__(self, what: str, *, explanations: Sequence[WhyView] = (), next: str = "") -> None:
        super().__init__(what, next=next)
        self.explanations = explanations


class StartFailed(ServicesNotGood):
    """A start was given up; what runs goes on."""


class WaitFailed(ServicesNotGood):
    """A wait was given up."""
