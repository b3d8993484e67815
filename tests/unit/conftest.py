"""What holds for every unit test."""

from tests import untimed

untimed.load_profile()
