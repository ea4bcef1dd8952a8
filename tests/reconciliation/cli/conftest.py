"""What commands are tried over: nights, decisions of finance, and settlement."""

from tests.persistence.conftest import books
from tests.reconciliation.nightly.conftest import again, stage
from tests.reconciliation.resolutions.conftest import scene
from tests.reconciliation.settlement.conftest import stage as settlement_stage

__all__ = ["again", "books", "scene", "settlement_stage", "stage"]
