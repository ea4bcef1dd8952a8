import pytest

from tests.api.v1.v1_setup import Shop, Till


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def shop(till: Till) -> Shop:
    return till.shop()
