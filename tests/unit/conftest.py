"""What holds for every unit test."""

from hypothesis import settings

# How long an example takes says something of the machine and nothing of the code: benchmarks measure, tests do not.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
