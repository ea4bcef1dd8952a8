import pytest

from tests.api.echallan.echallan_setup import Window


@pytest.fixture
def window() -> Window:
    return Window()
