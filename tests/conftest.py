"""What holds for every test."""

import os

from hypothesis import settings

# A busy machine is slow, not wrong: an example has no deadline of its own. Where CI is set, the same examples
# are tried on every run, so that a change is judged by what it changed; people's own runs look for new ones.
settings.register_profile("ekpay", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("ekpay")

# The server that all tests over PostgreSQL share.
pytest_plugins = ("tests.database",)
