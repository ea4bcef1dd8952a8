"""Both languages say the same things, with the same places, and everything that a page says is there."""

import re
import tomllib
from collections.abc import Mapping
from string import Formatter

import pytest
from jinja2 import Environment, meta

from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.merchants.checkout import ChoiceRefusal
from ekpay_switch.web.checkout.evidence import NEEDS
from ekpay_switch.web.checkout.models import REASONS
from ekpay_switch.web.checkout.situations import WAITING, Situation
from ekpay_switch.web.pages import TEMPLATES
from ekpay_switch.web.wording import LOCALE, Language, read_texts, wording_of
from tests.fakes.world import NOON

BANGLA, ENGLISH = read_texts(Language.BANGLA), read_texts(Language.ENGLISH)
# Chosen by what is proven or by where the payer came from, and named where it is judged.
BACK = {f"{key}.{back}" for key in ("choose.leave", "leave.text") for back in ("shop", "bills")}
MODEL_SAYS = {"paid.may_go", "paid.go_back", *BACK}
CHECKOUT_TEMPLATES = [*sorted(TEMPLATES.glob("checkout/*.html")), TEMPLATES / "layout.html"]
# How a try may have ended that its payer is told of and chooses again after.
ENDS_WITHOUT_MONEY = set(TryEnd) - {TryEnd.APPROVED, TryEnd.DISAGREED, TryEnd.SECOND_SUCCESS}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def leaves(table: Mapping[str, object]) -> list[object]:
    """What stands in a table and in those within it."""
    parts = [leaves(part) if isinstance(part, dict) else [part] for part in table.values()]
    return [leaf for part in parts for leaf in part]


def test_both_languages_have_the_same_texts() -> None:
    assert BANGLA.keys() == ENGLISH.keys()


@pytest.mark.parametrize("key", ENGLISH)
def test_a_text_has_the_same_places_in_both_languages(key: str) -> None:
    assert places(BANGLA[key]) == places(ENGLISH[key])


@pytest.mark.parametrize("texts", [BANGLA, ENGLISH], ids=["bn", "en"])
def test_no_text_is_empty_or_ends_in_blanks(texts: dict[str, str]) -> None:
    assert [key for key, text in texts.items() if not text.strip() or text != text.strip()] == []


@pytest.mark.parametrize("language", list(Language))
def test_no_text_holds_markup_or_invisible_letters(language: Language) -> None:
    odd = re.compile("[<>&\u200e\u200f\u202a-\u202e\u2066-\u2069]")
    assert [key for key, text in read_texts(language).items() if odd.search(text)] == []


def test_the_files_are_plain_tables_of_texts() -> None:
    for language in Language:
        tables = tomllib.loads((LOCALE / f"{language}.toml").read_text(encoding="utf-8"))
        assert {type(text) for text in leaves(tables)} == {str}


def test_every_text_that_is_chosen_by_a_value_stands() -> None:
    wanted = {
        f"problem.{one}"
        for one in ChoiceRefusal
        if one not in {ChoiceRefusal.MOVED_ON, ChoiceRefusal.NO_PAGE}
    }
    wanted |= {f"refused.{one}" for one in REASONS | ENDS_WITHOUT_MONEY}
    wanted |= {f"waiting.{one}.{part}" for one in WAITING for part in ("title", "warning", "theirs")}
    wanted -= {"waiting.opening.warning"}
    wanted |= set(NEEDS) | {"ended.unsure", "refused.watched", "paid.may_go", "paid.go_back"}
    ends = set(Situation) - WAITING - {Situation.CHOOSE, Situation.PAID}
    wanted |= {f"ended.{one}.{part}" for one in ends for part in ("title", "text")}
    assert wanted - ENGLISH.keys() == set()


def test_every_text_that_a_template_names_stands_and_none_is_left_over() -> None:
    source = "".join(one.read_text(encoding="utf-8") for one in TEMPLATES.rglob("*.html"))
    named = set(re.findall(r"""["']([a-z_]+(?:\.[a-z_]+)+)["']""", source))
    tables = {key.partition(".")[0] for key in ENGLISH}
    assert {key for key in named if key.partition(".")[0] in tables} - ENGLISH.keys() == set()
    plain = {"site", "order", "choose", "offer", "closed", "earlier", "paid", "go", "leave"}
    assert {key for key in ENGLISH if key.partition(".")[0] in plain} - named - NEEDS.keys() == MODEL_SAYS


@pytest.mark.parametrize("path", CHECKOUT_TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_a_word_of_its_own(path: object) -> None:
    """Outside tags and expressions a template of the checkout holds nothing but signs."""
    source = (TEMPLATES / str(path)).read_text(encoding="utf-8")
    assert meta.find_undeclared_variables(Environment(autoescape=True).parse(source)) is not None
    bare = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", source, flags=re.DOTALL)
    assert re.findall(r"[^\W\d_]+", bare) == []


# ---- amounts and times


@pytest.mark.parametrize(
    ("minor", "bangla", "english"),
    [
        (0, "০.০০ টাকা", "0.00 taka"),  # noqa: RUF001 - Bangla digits
        (100_050, "১,০০০.৫০ টাকা", "1,000.50 taka"),  # noqa: RUF001 - the same
        (12_345_678_900, "১২,৩৪,৫৬,৭৮৯.০০ টাকা", "12,34,56,789.00 taka"),  # noqa: RUF001 - the same
    ],
)
def test_amounts_have_the_digits_of_their_language_and_lakhs_apart(
    minor: int, bangla: str, english: str
) -> None:
    assert wording_of(Language.BANGLA).amount(Money(minor)) == bangla
    assert wording_of(Language.ENGLISH).amount(Money(minor)) == english
    assert wording_of(Language.BANGLA).figure(Money(minor)) == bangla.removesuffix(" টাকা")


def test_a_time_of_today_is_a_clock_time_in_dhaka_and_another_has_its_day() -> None:
    bangla, english = wording_of(Language.BANGLA), wording_of(Language.ENGLISH)
    soon, tomorrow = NOON.replace(minute=42), NOON.replace(day=2)
    assert (bangla.moment(soon, NOON), english.moment(soon, NOON)) == ("দুপুর ১২:৪২", "12:42")
    assert english.moment(tomorrow, NOON) == "2 March 2026, 12:00"
    assert bangla.moment(tomorrow, NOON) == "২ মার্চ ২০২৬, দুপুর ১২:০০"  # noqa: RUF001 - Bangla digits


def test_what_is_put_into_a_text_is_escaped_and_markup_of_ours_is_not() -> None:
    words = wording_of(Language.ENGLISH)
    assert words("earlier.open", name="<b>", until="1").count("&lt;b&gt;") == 1
    assert "<bdi>Shop &amp; Sons</bdi>" in words("paid.to", merchant=words.isolate("Shop & Sons"))


def test_a_text_or_a_place_that_is_missing_is_a_bug() -> None:
    words = wording_of(Language.ENGLISH)
    with pytest.raises(KeyError):
        words("no.such.text")
    with pytest.raises(KeyError):
        words("paid.to")


def test_a_name_that_one_language_lacks_is_shown_in_the_other_and_marked_so() -> None:
    assert wording_of(Language.BANGLA).name("", "Shop") == '<bdi lang="en">Shop</bdi>'
    assert wording_of(Language.ENGLISH).name("দোকান", "") == '<bdi lang="bn">দোকান</bdi>'
    assert wording_of(Language.BANGLA).name("দোকান", "Shop") == "<bdi>দোকান</bdi>"
