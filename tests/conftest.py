"""What every test has in common."""

from hypothesis import settings

# A deadline measures the machine: a busy one would fail what is right. Examples of a property are
# the same on each run, so that red means a change: `--hypothesis-profile search` looks further.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1_000, print_blob=True)
settings.load_profile("same")
