"""Settings of all tests."""

import os

from hypothesis import settings

# A change is judged by the same examples on every machine; at a desk each run tries new ones.
judged = os.environ.get("CI") == "true"
settings.register_profile("reflex", deadline=None, max_examples=50, derandomize=judged)
settings.load_profile("reflex")
