import pytest

from tests.wire.conftest import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()
