"""What every test has in common."""

from hypothesis import settings

# A deadline measures the machine: a busy one would fail what is right.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
