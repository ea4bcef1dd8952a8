"""The pages of the sandbox's providers: a step with an error, the last step, a page with a message."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.kit.payer_pages import payer_page
from sandbox.kit.payer_pages.branding import Branding
from sandbox.kit.payer_pages.language import Language
from sandbox.kit.payer_pages.payer_page import Consequence, PayerPage, PaymentDue, Step
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.kit.provider.numbers_to_try import numbers_to_try
from sandbox.kit.provider.page_fields import NUMBER_FIELDS, PIN, unknown_number
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.bkash.page_wording import LOOK
from sandbox.registry import PROVIDER_FAMILIES
from tests.browser.checkout_states import State

INSTITUTIONS = {one.id: one for family in PROVIDER_FAMILIES.values() for one in family.institutions}
# A wallet, a card and an account; a dark and a light colour. The others differ in colour alone, which
# tests/sandbox/kit/payer_pages checks for all of them.
SEEN = ("upay", "ebl", "pubali")
DUE = PaymentDue("ekShop", "EKP2611280000000042", 12_34_567_89, "Bill payment", Consequence.ALLOW)
LOOKS: Mapping[str, tuple[Branding, PayerKind]] = {
    "bkash": (LOOK, PayerKind.WALLET),
    **{one.id: (Branding(one.name, one.colour), one.kind) for one in (INSTITUTIONS[name] for name in SEEN)},
}


def pages_of(branding: Branding, kind: PayerKind, language: Language) -> Mapping[str, str]:
    """Each page by what it asks or says."""
    pages = PayerPage(branding, language, {})
    tries = numbers_to_try(Payers(kind, 1), ProviderSettings())
    wrong = Step(NUMBER_FIELDS[kind], 1, 3, unknown_number(kind), "০১৭১২")
    return {
        "wrong_number": pages.form(DUE, wrong, tries),
        "pin": pages.form(DUE, Step(PIN, 3, 3), tries),
        "lapsed": pages.message(payer_page.LAPSED),
    }


@dataclass
class PlainAnswer:
    """A page of a provider as its server answers it."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/html; charset=utf-8"})


@dataclass
class ShownProvider:
    """A page of a provider, at which a browser may look."""

    page: str
    path: str = "/"

    async def answer(self, _method: str, _url: str, _body: bytes, _headers: Mapping[str, str]) -> PlainAnswer:
        """The page, whatever is asked for: it loads nothing."""
        return PlainAnswer(self.page.encode())


def _state(name: str, said: str) -> State:
    async def shown(language: str) -> ShownProvider:
        return ShownProvider(pages_of(*LOOKS[name], Language(language))[said])

    return shown


PROVIDERS: Mapping[str, State] = {
    f"provider_{name}_{said}": _state(name, said)
    for name, said in (("bkash", "wrong_number"), ("ebl", "pin"), ("upay", "lapsed"), ("pubali", "pin"))
}
