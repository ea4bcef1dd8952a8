"""The stage of nights, for reports of what they left."""

from tests.reconciliation.nightly.conftest import again, stage

__all__ = ["again", "stage"]
