import pytest

from tests.web.checkout.language_setup import LANGUAGES, Stand


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stand(language: str) -> Stand:
    return Stand(language)
