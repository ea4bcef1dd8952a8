"""Installations whose nights are killed."""

from tests.reconciliation.nightly.conftest import again

__all__ = ["again"]
