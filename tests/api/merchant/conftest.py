import pytest

from tests.api.merchant.stall import Stall


@pytest.fixture
def stall() -> Stall:
    return Stall()
