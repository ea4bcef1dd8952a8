"""Which language a browser's page is in, and how numbers are written and read in both."""

import pytest

from sandbox.kit.institution.pages import PageVisit, read_visit
from sandbox.kit.payer_pages.language import (
    Language,
    digits,
    language_of,
    money,
    typed_digits,
    typed_mobile,
)


def visit(lang: str = "", cookies: dict[str, str] | None = None, accepts: str = "") -> PageVisit:
    return PageVisit("GET", {"lang": lang} if lang else {}, {}, cookies or {}, accepts)


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (visit(), "bn"),
        (visit(accepts="en-GB,en;q=0.9"), "en"),
        (visit(accepts="fr,en;q=0.2,bn-BD;q=0.7"), "bn"),
        (visit(accepts="bn;q=0,en;q=0.1"), "en"),
        (visit(accepts="fr, de"), "bn"),
        (visit(accepts=",;q=x,*"), "bn"),
        (visit(cookies={"ekpay-language": "bn"}, accepts="en"), "bn"),
        (visit(cookies={"ekpay-language": "en", "lang": "bn"}), "en"),
        (visit(cookies={"ekpay-language": "en.CCCCCCCC"}, accepts="bn"), "en"),
        (visit(cookies={"lang": "xx"}, accepts="en"), "en"),
        (visit("en", cookies={"ekpay-language": "bn"}, accepts="bn"), "en"),
        (visit("<script>", accepts="en"), "en"),
    ],
)
def test_the_address_goes_before_a_cookie_and_a_cookie_before_the_browser(
    asked: PageVisit, language: str
) -> None:
    assert language_of(asked) == language


@pytest.mark.parametrize(
    ("asked", "sent", "language"),
    [
        (visit(cookies={"ekpay-language": "bn"}, accepts="bn"), "EN", "en"),
        (visit(accepts="en"), "bn_BD", "bn"),
        (visit("bn", accepts="bn"), "en-GB", "bn"),
        (visit(accepts="en"), "fr", "en"),
        (visit(accepts="en"), "", "en"),
    ],
)
def test_what_the_merchant_sent_goes_before_the_browser_and_after_the_address(
    asked: PageVisit, sent: str, language: str
) -> None:
    assert language_of(asked, sent) == language


def test_the_languages_of_a_browser_are_read_from_its_header() -> None:
    headers = [(b"accept-language", b"en"), (b"cookie", b"a=1")]
    scope = {"method": "GET", "query_string": b"", "headers": headers}
    assert read_visit(scope, b"").accept_language == "en"


@pytest.mark.parametrize(
    ("paisa", "bangla", "english"),
    [
        (5, "০.০৫ টাকা", "BDT 0.05"),  # noqa: RUF001 - Bangla digits
        (99_999, "৯৯৯.৯৯ টাকা", "BDT 999.99"),
        (1_234_50, "১,২৩৪.৫০ টাকা", "BDT 1,234.50"),
        (12_345_678_90, "১,২৩,৪৫,৬৭৮.৯০ টাকা", "BDT 1,23,45,678.90"),
    ],
)
def test_money_is_grouped_by_lakh_with_two_decimals(paisa: int, bangla: str, english: str) -> None:
    assert (money(paisa, Language.BANGLA), money(paisa, Language.ENGLISH)) == (bangla, english)


def test_digits_follow_the_language() -> None:
    assert (digits(1290, Language.BANGLA), digits(1290, Language.ENGLISH)) == ("১২৯০", "1290")


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("০১৭০০০০০০০৩", "01700000003"),
        ("+880 1700-000003", "01700000003"),
        ("8801700000003", "01700000003"),
        ("00880 1700 000003", "01700000003"),
        ("(017) 0000 0003", "01700000003"),
        ("88017", "88017"),
        ("\u0660\u0661\u0667", "\u0660\u0661\u0667"),
        ("", ""),
    ],
)
def test_a_mobile_number_is_read_however_people_write_it(typed: str, number: str) -> None:
    assert typed_mobile(typed) == number


def test_a_card_keeps_every_digit_and_loses_its_blanks() -> None:
    assert typed_digits("৪১০০ 0000-0000 0007") == "4100000000000007"
    assert typed_digits("8801700000003") == "8801700000003"
