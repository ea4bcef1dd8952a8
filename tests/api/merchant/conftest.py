import pytest

from tests.api.merchant.merchant_api_setup import Stall


@pytest.fixture
def stall() -> Stall:
    return Stall()
