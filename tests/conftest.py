"""What holds for every test."""

import gc
import os

import pytest
from hypothesis import settings
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests import passphrase_cost

# A busy machine is slow, not wrong: an example has no deadline of its own. Where CI is set, the same examples
# are tried on every run, so that a change is judged by what it changed; people's own runs look for new ones.
settings.register_profile("ekpay", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("ekpay")
passphrase_cost.lower()

# Files whose tests take minutes: started first, so that no worker is left alone with them at the end.
LONG_FILES = (
    "acceptance/",
    "rehearsals/day/",
    "reconciliation/nightly/",
    "persistence/collections/",
    "test_process.py",
)


# Folders whose tests share one running installation: all of a folder go to the same worker.
SHARED_INSTALLATIONS = ("tests/acceptance/",)


class FilesOrFolders(LoadFileScheduling):  # type: ignore[misc]
    """Gives a worker one file after another, or a folder whose tests share an installation."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        folder = next((folder for folder in SHARED_INSTALLATIONS if nodeid.startswith(folder)), None)
        return folder or super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Divide the tests among the workers of `pytest -n`."""
    return FilesOrFolders(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files in front; the order within a file stays."""
    items.sort(
        key=lambda item: next(
            (n for n, part in enumerate(LONG_FILES) if part in str(item.path)), len(LONG_FILES)
        )
    )


def pytest_collection(session: pytest.Session) -> None:  # noqa: ARG001 - the hook's signature
    """Make nothing for the garbage collector while twenty thousand tests are found."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:  # noqa: ARG001 - the hook's signature
    """Let the garbage collector leave the tests themselves alone: a full walk takes a second."""
    gc.freeze()
    gc.enable()


# The server that all tests over PostgreSQL share.
pytest_plugins = ("tests.database",)
