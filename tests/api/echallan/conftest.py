import pytest

from tests.api.echallan.shop_window import Window


@pytest.fixture
def window() -> Window:
    return Window()
