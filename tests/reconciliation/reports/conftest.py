"""The stage of nights, for reports of what they left."""

from tests.reconciliation.nightly.conftest import again, endpoint, place, stage

__all__ = ["again", "endpoint", "place", "stage"]
