"""Property tests that no clock may fail: how long an example takes says something of the machine, not of the code."""

from hypothesis import HealthCheck, settings


def load_profile() -> None:
    """Make this the profile of the tests that are imported from now on; each conftest.py of property tests calls it."""
    settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("untimed")
