"""The table of services: what a person should know of each right now."""

from devctl.render.status import note
from tests.unit.cli.fake_session import service


def test_faults_on_the_wire_of_a_service_are_noted() -> None:
    faults = [{"name": "a_down_1", "kind": "down", "text": "down", "seconds_left": None}]
    assert note(service("a", faults=faults)) == "on its wire: down"  # type: ignore[arg-type]
    assert note(service("a")) == ""  # type: ignore[arg-type]
