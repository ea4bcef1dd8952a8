import re
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.manifest import Manifest, manifest_schema, read_manifest
from connectors.manifest_parts import Means
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payments.inquiries import SafetyFacts
from ekpay_switch.ports.connectors import RefundRules
from ekpay_switch.wing_kit.manifest_file import ManifestError
from tests.connectors.conftest import CONFIG

BKASH = (CONFIG / "connectors" / "bkash.toml").read_text(encoding="utf-8")
# connectors.md 1.7: every code that it names, by our class of it.
ASKED_AFTER = {"2003", "2020", "2024", "2029", "2056", "2062", "2068", "2116", "2117", "2119", "503", "2001"}
NAMED = (
    {"0000", "503", "2127", "2116", "2117", "2118", "2119"}
    | {str(number) for number in range(2001, 2070)}
    | {str(number) for number in range(2071, 2083)}
)

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_as_bkash(text: str) -> Path:
        path = tmp_path / "bkash.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_as_bkash


def changed(pattern: str, by: str) -> str:
    text, count = re.subn(pattern, lambda _: by, BKASH, count=1, flags=re.MULTILINE | re.DOTALL)
    assert count == 1, pattern
    return text


FAULTS = {
    "an unknown key": (r'^status = "active"', 'status = "active"\ncolour = "red"', "colour"),
    "an unknown key in a section": (r"^days_max = 60", "days_max = 60\ncolour = 2", "colour"),
    "no fact on deduplication": (r"^deduplicates = true\n", "", "deduplicates"),
    "no fact on how long": (r'^deduplicates_for = "ever"\n', "", "deduplicates_for"),
    "no fact on asking": (r"^can_be_asked = true\n", "", "can_be_asked"),
    "no settle time": (r'^not_found_settle_seconds = "never"\n', "", "not_found_settle_seconds"),
    "no fact on undoing": (r"^can_be_undone = true\n", "", "can_be_undone"),
    "no fact on the echo": (r"^echoes_amount = true\n", "", "echoes_amount"),
    "no name in Bangla": (r"^name_bn = .*?\n", "", "name_bn"),
    "an instrument of no kind": (r'"wallet"', '"purse"', "instrument"),
    "limits as a float": (r'"30000.00"', "30000.0", "amount_max"),
    "limits the wrong way round": (
        r'amount_max = "30000.00"',
        'amount_max = "0.50"',
        "no more than amount_max",
    ),
    "a limit of nothing": (r'amount_min = "1.00"', 'amount_min = "0.00"', "more than nothing"),
    "questions out of order": (r"\[180, 360, 720, 1500\]", "[360, 180]", "must grow"),
    "questions after the page": (r"\[180, 360, 720, 1500\]", "[86400]", "end before the page"),
    "a charge of more than all": (r"basis_points = 150 ", "basis_points = 10001 ", "charge_basis_points"),
    "no page life": (r"^page_life_seconds = 86400 *", "", "page_life_seconds"),
    "a secret instead of its name": (r'"EKPAY_BKASH_PASSWORD"', '"bkash-secret"', "password"),
    "a setting of somebody else": (r'"EKPAY_BKASH_PASSWORD"', '"EKPAY_NAGAD_PASSWORD"', "EKPAY_BKASH_"),
    "one setting for two secrets": (r'"EKPAY_BKASH_PASSWORD"', '"EKPAY_BKASH_USER"', "appears twice"),
    "another setting for the address": (r'"EKPAY_BKASH_URL"', '"EKPAY_BKASH_HOST"', "EKPAY_BKASH_URL"),
    "a real provider by default": (
        r'"http://127.0.0.1:8193"',
        '"https://tokenized.pay.bka.sh"',
        "no real provider",
    ),
    "a disguise by default": (r'"http://127.0.0.1:8193"', '"http://127.0.0.1@bka.sh"', "no real provider"),
    "done with a reason": (
        r'"0000" = { means = "done" }',
        '"0000" = { means = "done", reason = "ended" }',
        "only a decline",
    ),
    "a decline without a reason": (r', reason = "insufficient_balance" }', " }", "only a decline"),
    "refunds without a call": (r"^\[refunds\]\ndays_max = 60\nparts_max = 10\n", "", "come together"),
    "an example of nothing": (r'operation = "execute"', 'operation = "perform"', "not there"),
    "an example after nothing": (
        r'after = "no route to the second version"',
        'after = "nothing"',
        "comes after one",
    ),
    "no example of a lapsed page": (r'expect = "never_paid"', 'expect = "no_answer"', "never_paid"),
    "no empty reply shown": (
        r'operation = "refund_v1"\nexpect = "in_doubt"',
        'operation = "refund_v1"\nbody = "x"\nexpect = "in_doubt"',
        "empty reply",
    ),
    "no TOML": (r"^id = ", "id : ", "bkash.toml"),
}


@pytest.mark.parametrize(("pattern", "by", "names"), list(FAULTS.values()), ids=list(FAULTS))
def test_a_manifest_that_breaks_a_rule_is_refused_by_name(
    write: Write, pattern: str, by: str, names: str
) -> None:
    text = changed(pattern, by)
    if names == "never_paid":
        text = text.replace('expect = "never_paid"', 'expect = "no_answer"')
    with pytest.raises(ManifestError, match=names):
        read_manifest(write(text))


def test_the_file_is_named_after_the_connector(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(BKASH, encoding="utf-8")
    with pytest.raises(ManifestError, match=r"other\.toml: is about bkash"):
        read_manifest(path)


def test_every_code_that_bkash_is_known_to_have_is_mapped(bkash: Manifest) -> None:
    assert NAMED - bkash.replies.keys() == set()
    assert bkash.replies.keys() - NAMED == {"HTTP 400", "HTTP 401", "HTTP 403"}


def test_codes_that_settle_nothing_are_asked_after(bkash: Manifest) -> None:
    in_doubt = {code for code, reply in bkash.replies.items() if reply.means is Means.IN_DOUBT}
    assert in_doubt == ASKED_AFTER | {"HTTP 400", "HTTP 401", "HTTP 403"}
    means = {code: reply.means for code, reply in bkash.replies.items()}
    assert [means[code] for code in ("0000", "2033", "2060", "2127", "2069")] == [
        Means.DONE,
        Means.NOT_FOUND,
        Means.AWAITING_PAYER,
        Means.AWAITING_PAYER,
        Means.ENDED,
    ]


def test_a_profile_holds_what_the_core_must_know(bkash: Manifest) -> None:
    profile = bkash.profile({"EKPAY_BKASH_URL": "https://bka.sh/"})
    assert (profile.id, profile.name_en, profile.instrument) == ("bkash", "bKash", "wallet")
    assert (profile.amount_min, profile.amount_max) == (Money(100), Money(3_000_000))
    assert profile.executes
    assert profile.refunds == RefundRules(days_max=60, parts_max=10)
    assert profile.safety == SafetyFacts(
        deduplicates=True,
        can_be_asked=True,
        not_found_settle_seconds=None,
        can_be_undone=True,
        echoes_amount=True,
    )
    assert profile.url == "https://bka.sh"


def test_times_are_divided_and_days_are_not(bkash: Manifest) -> None:
    profile = bkash.profile({}, 60)
    assert profile.page_life_seconds == profile.timing.quote_life_seconds == 1440
    assert list(profile.page_ask_after_seconds) == [3, 6, 12, 25]
    assert list(profile.timing.ask_after_seconds) == [1.5, 5, 60]
    assert profile.refunds is not None
    assert profile.refunds.days_max == 60


def test_a_connector_that_gives_nothing_back_says_so_by_having_no_refunds(write: Write) -> None:
    text = changed(r"^\[refunds\]\ndays_max = 60\nparts_max = 10\n", "")
    text = re.sub(r"^refund.*?\n", "", text, flags=re.MULTILINE)
    head, *examples = text.split("[[examples]]")
    kept = [example for example in examples if 'operation = "refund' not in example]
    text = "[[examples]]".join([head, *kept])
    assert read_manifest(write(text)).profile({}).refunds is None


def test_the_schema_is_for_editors() -> None:
    assert manifest_schema()["title"] == "Manifest"
