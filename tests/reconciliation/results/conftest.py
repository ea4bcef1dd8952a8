"""The stage of nights, for the results that they keep."""

from tests.reconciliation.nightly.conftest import again, stage

__all__ = ["again", "stage"]
