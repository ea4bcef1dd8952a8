"""What every page of a provider says, in the language of its reader and in the colour of the provider."""

import re
from html.parser import HTMLParser

import pytest

from sandbox.kit.payer_pages import payer_page
from sandbox.kit.payer_pages.branding import Branding
from sandbox.kit.payer_pages.language import Language, Text
from sandbox.kit.payer_pages.payer_page import Consequence, PayerPage, PaymentDue, Step
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.kit.provider.numbers_to_try import numbers_to_try
from sandbox.kit.provider.page_fields import NUMBER_FIELDS, OTP, PIN
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.bkash.page_wording import LOOK
from sandbox.registry import PROVIDER_FAMILIES

BANGLA_LETTER = re.compile("[\u0980-\u09ff]")
LATIN_WORD = re.compile(r"\b[A-Za-z]{2,}\b")
DUE = PaymentDue('<b>"Shop"</b>', "INV-7", 2_959_95)
INSTITUTIONS = [one for family in PROVIDER_FAMILIES.values() for one in family.institutions]


class ShownTexts(HTMLParser):
    """What a reader of one language sees; parts marked as of another language are left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self._hidden = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        is_other = tag in {"style", "title", "code"} or (tag == "a" and "hreflang" in names)
        self._hidden += is_other or names.get("class") == "tile"

    def handle_endtag(self, tag: str) -> None:
        if tag in {"style", "title", "code", "a", "span"} and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data


def pages(language: Language) -> PayerPage:
    return PayerPage(Branding(Text("নগদ", "Nagad"), "#c8511b"), language, {"paymentId": "a&b", "lang": "bn"})


def a_form(language: Language, step: Step, due: PaymentDue = DUE) -> str:
    tries = numbers_to_try(Payers(PayerKind.WALLET, 100), ProviderSettings())
    return pages(language).form(due, step, tries)


NUMBER = Step(NUMBER_FIELDS[PayerKind.WALLET], 1, 3, Text("ভুল নম্বর", "Wrong number"), "0171")


def test_an_english_page_has_no_bangla_and_a_bangla_page_no_english() -> None:
    english = ShownTexts(a_form(Language.ENGLISH, NUMBER)).text
    assert BANGLA_LETTER.findall(english) == []
    due = PaymentDue("একশপ", "চালান", 2_959_95)
    bangla = ShownTexts(a_form(Language.BANGLA, NUMBER, due)).text
    assert LATIN_WORD.findall(bangla) == []


@pytest.mark.parametrize("language", list(Language))
def test_a_form_says_who_is_paid_how_much_what_was_wrong_and_that_it_is_a_rehearsal(
    language: Language,
) -> None:
    page = a_form(language, NUMBER)
    said = {
        "bn": ("২,৯৫৯.৯৫ টাকা", "ভুল নম্বর", "এখানে আসল টাকা লেনদেন হয় না", "ধাপ ১/৩"),
        "en": ("BDT 2,959.95", "Wrong number", "no real money moves here", "Step 1 of 3"),
    }[language]
    assert [text for text in (*said, 'value="0171"', "INV-7", "123456", "12121") if text not in page] == []
    assert "<b>" not in page
    assert "&lt;b&gt;&#34;Shop&#34;&lt;/b&gt;" in page
    assert 'href="?paymentId=a%26b&amp;lang=' in page


@pytest.mark.parametrize(
    ("consequence", "bangla", "english"),
    [
        (Consequence.PAY, "২,৯৫৯.৯৫ টাকা দিন", "Pay BDT 2,959.95"),
        (Consequence.ALLOW, "২,৯৫৯.৯৫ টাকা কাটার অনুমতি দিন", "Allow BDT 2,959.95 to be taken"),
    ],
)
def test_the_last_button_says_what_it_does_and_with_which_sum(
    consequence: Consequence, bangla: str, english: str
) -> None:
    due = DUE._replace(consequence=consequence)
    for language, text in ((Language.BANGLA, bangla), (Language.ENGLISH, english)):
        assert f">{text}</button>" in a_form(language, Step(PIN, 3, 3), due)
        assert f">{text}</button>" not in a_form(language, Step(OTP, 2, 3), due)


def test_a_secret_is_never_shown_again() -> None:
    assert "87654" not in a_form(Language.ENGLISH, Step(PIN, 3, 3, Text("ভুল", "Wrong"), "87654"))


def test_a_page_for_a_message_has_no_form_and_one_that_sends_on_carries_its_fields() -> None:
    message = pages(Language.ENGLISH).message(payer_page.LAPSED)
    assert ("No money was taken" in message, "<form" in message) == (True, False)
    sent = pages(Language.ENGLISH).auto_post("https://shop.example/?a=1&b=2", {"x": '"'})
    assert 'action="https://shop.example/?a=1&amp;b=2"' in sent
    assert '<input type="hidden" name="x" value="&#34;">' in sent


@pytest.mark.parametrize(
    "branding",
    [LOOK, *(Branding(one.name, one.colour) for one in INSTITUTIONS), Branding(Text("ক", "K"), "#444")],
    ids=lambda branding: branding.name.english,
)
def test_the_name_can_be_read_on_the_colour_of_every_provider(branding: Branding) -> None:
    def channel(pair: str) -> float:
        part = int(pair, 16) / 255
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    def luminance(colour: str) -> float:
        full = colour if len(colour) == 7 else "#" + "".join(letter * 2 for letter in colour[1:])
        red, green, blue = (channel(full[start : start + 2]) for start in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(branding.colour), luminance(branding.text_colour)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert 1 <= len(branding.initials) <= 2


def test_every_kind_of_payer_has_numbers_to_try_that_are_its_own() -> None:
    for kind in PayerKind:
        payers = Payers(kind, 100)
        tries = numbers_to_try(payers, ProviderSettings())
        assert [one.number for one in tries.numbers if payers.magic(one.number) is None] == []
        assert len({one.number for one in tries.numbers}) == len(tries.numbers) == 8


@pytest.mark.parametrize("purpose", ["", "Rahima Store", "ekPay INV-7"])
def test_the_invoice_number_is_said_once(purpose: str) -> None:
    page = a_form(Language.ENGLISH, NUMBER, PaymentDue("Shop", "INV-7", 2_959_95, purpose))
    assert page.count("INV-7") == 1
    assert purpose in page
