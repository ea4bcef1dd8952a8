"""What of a payee's name and a payer's language goes to a provider, by what its manifest says it takes."""

import pytest

from connectors.payer_page import LanguageMember, PayeeMember, PayerPage, put_members, require_members
from ekpay_switch.domain.collections.payer_page import NOTHING_KNOWN, PageContent, PayerLanguage
from ekpay_switch.wing_kit.manifest_file import ManifestError

BANGLA, ENGLISH = PayerLanguage.BANGLA, PayerLanguage.ENGLISH


def page(alphabet: str = "any", length_max: int = 40, unknown: str = "") -> PayerPage:
    payee = PayeeMember.model_validate(
        {"member": "shop.name", "length_max": length_max, "alphabet": alphabet, "unknown": unknown}
    )
    return PayerPage(payee=payee, language=LanguageMember(member="locale", bn="BN", en="EN"))


@pytest.mark.parametrize(
    ("alphabet", "content", "sent"),
    [
        ("any", PageContent("Rahima Store", "রহিমা স্টোর", BANGLA), "রহিমা স্টোর"),
        ("any", PageContent("Rahima Store", "রহিমা স্টোর", ENGLISH), "Rahima Store"),
        ("any", PageContent("Rahima Store", "রহিমা স্টোর"), "Rahima Store"),
        ("any", PageContent("Rahima Store", "", BANGLA), "Rahima Store"),
        ("any", PageContent("A\nB\x00 & <b>"), "A B & <b>"),
        ("latin", PageContent("Rahima Store", "রহিমা স্টোর", BANGLA), "Rahima Store"),
        ("latin", PageContent("Café <Dhaka> & Sons\u2122"), "Cafe Dhaka and SonsTM"),
        ("latin", PageContent("Shop – 1"), "Shop 1"),  # noqa: RUF001 - a dash that no keyboard has
        ("latin", PageContent("রহিমা Store", "রহিমা স্টোর", BANGLA), "ours"),
        ("latin", PageContent("", "রহিমা স্টোর", BANGLA), "ours"),
        ("any", NOTHING_KNOWN, "ours"),
    ],
)
def test_a_name_is_sent_in_the_alphabet_that_the_wire_takes(
    alphabet: str, content: PageContent, sent: str
) -> None:
    assert page(alphabet, unknown="ours").payee_name(content) == sent


def test_a_name_is_cut_to_the_length_and_never_within_a_written_letter() -> None:
    assert page("latin", 10).payee_name(PageContent("Rahima Store of Dhaka")) == "Rahima Sto"
    assert page("latin", 11).payee_name(PageContent("Abdul Karim's and Sons")) == "Abdul Karim"
    # The tenth character would be the sign of a vowel's consonant, the ninth that of a conjunct.
    name = "কককককককস্টোর"
    assert page("any", 10).payee_name(PageContent(name)) == "ককককককক"
    assert page("any", 40).payee_name(PageContent(name)) == name


def test_nothing_is_sent_where_the_manifest_or_the_payment_says_nothing() -> None:
    assert page().payee_members(NOTHING_KNOWN) == {}
    assert page().language_members(PageContent("Shop")) == {}
    silent, known = PayerPage(), PageContent("Shop", "দোকান", BANGLA)
    assert (silent.payee_members(known), silent.language_members(known)) == ({}, {})


def test_the_language_is_sent_in_the_providers_own_word() -> None:
    words = [page().language_members(PageContent(language=language)) for language in PayerLanguage]
    assert words == [{"locale": "BN"}, {"locale": "EN"}]


def test_a_member_is_put_at_its_path_and_what_stands_beside_it_stays() -> None:
    document: dict[str, object] = {"shop": {"name": "ours", "city": "Dhaka"}, "amount": "1.00"}
    put = put_members(document, {"shop.name": "theirs", "page.locale": "bn"})
    assert put == {
        "shop": {"name": "theirs", "city": "Dhaka"}, "amount": "1.00", "page": {"locale": "bn"},
    }  # fmt: skip
    assert document["shop"] == {"name": "ours", "city": "Dhaka"}


def test_a_member_that_a_family_does_not_fill_is_refused_by_its_name() -> None:
    with pytest.raises(ManifestError, match=r"payer_page\.payee\.member is shop\.name; this family has desc"):
        require_members("x", page(), {"desc"}, {"locale"})
    with pytest.raises(ManifestError, match=r"payer_page\.language\.member is locale; this family has none"):
        require_members("x", page(), {"shop.name"})
    assert require_members("x", page(), {"shop.name"}, {"locale"}) == page()
