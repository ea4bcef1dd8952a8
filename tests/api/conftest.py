import pytest

from tests.api.api_setup import Caller, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def bank(desk: Desk) -> Caller:
    return desk.partner()
