"""The stage of nights, for the results that they keep."""

from tests.reconciliation.nightly.conftest import again, endpoint, place, stage

__all__ = ["again", "endpoint", "place", "stage"]
