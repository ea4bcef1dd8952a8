"""A browser in one language before the checkout of one payment."""

from typing import Any

from ekpay_switch.web.wording import Language, wording_of
from tests.scenarios.checkout import Shopper
from tests.web.checkout.checkout_setup import Browser, Counter, Seen

LANGUAGES = ["bn", "en"]
TOLD = {"is_told": True}


class Stand:
    """Who looks, what is seen and what should be said."""

    def __init__(self, language: str = "en", **settings: Any) -> None:  # noqa: ANN401 - handed on
        self.counter = Counter(**settings)
        self.browser = Browser(self.counter, language)
        self.t = wording_of(Language(language))

    @property
    def shopper(self) -> Shopper:
        return self.counter.shopper

    def says(self, seen: Seen, key: str, **values: object) -> bool:
        plain = self.t(key, **values).striptags()
        return " ".join(plain.split()) in seen.text

    def name(self, connector_id: str) -> str:
        profile = self.shopper.far[connector_id].profile
        return profile.name_bn if self.t.language is Language.BANGLA else profile.name_en

    @property
    def shop(self) -> str:
        return "একশপ" if self.t.language is Language.BANGLA else "ekShop"

    def put(self, **values: object) -> None:
        self.shopper.payments.put = values
