import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biller_adapters.manifest import Manifest, manifest_schema, read_manifest
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payments.inquiries import SafetyFacts
from ekpay_switch.wing_kit.manifest_file import ManifestError
from tests.biller_adapters.conftest import CONFIG, the_manifest

DESCO, BREB, NESCO = (
    (CONFIG / "billers" / f"{name}.toml").read_text(encoding="utf-8")
    for name in ("desco_postpaid", "breb_postpaid", "nesco_prepaid")
)

DOWNTIME = """
[[downtime]]
begins_at = 2026-12-10T22:00:00+06:00
ends_at = 2026-12-11T02:00:00+06:00
why = "billing"
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_as_desco(text: str) -> Path:
        path = tmp_path / "desco_postpaid.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_as_desco


def changed(pattern: str, by: str, of: str = DESCO) -> str:
    text, count = re.subn(pattern, lambda _: by, of, count=1, flags=re.MULTILINE | re.DOTALL)
    assert count == 1, pattern
    return text


FAULTS = {
    "an unknown key": (r'^bucket = "postpaid"', 'bucket = "postpaid"\ncolour = "red"', "colour"),
    "an unknown key in a section": (r"^base = 1", "base = 1\ncolour = 2", "colour"),
    "no fact on deduplication": (r"^deduplicates = true\n", "", "deduplicates"),
    "no fact on how long": (r'^deduplicates_for = "ever"\n', "", "deduplicates_for"),
    "no fact on asking": (r"^can_be_asked = true\n", "", "can_be_asked"),
    "no settle time": (r"^not_found_settle_seconds = 120\n", "", "not_found_settle_seconds"),
    "no fact on undoing": (r"^can_be_undone = false\n", "", "can_be_undone"),
    "no fact on what a fetch does": (r"^fetch_has_side_effects = false\n", "", "fetch_has_side_effects"),
    "no fact on the echo": (r"^echoes_amount = true", "", "echoes_amount"),
    "alike on repeats that it would post twice": (
        r"^deduplicates = true\n",
        "deduplicates = false\nanswers_repeats_alike = true\n",
        "goes with deduplicates",
    ),
    "stand-in for a bill that may be paid twice": (
        r"^takes_bill_once = true",
        "takes_bill_once = false",
        "stand_in_hours: for bills that are taken once",
    ),
    "stand-in with a fetch that locks": (
        r"^fetch_has_side_effects = false",
        "fetch_has_side_effects = true",
        "whose fetch changes nothing",
    ),
    "stand-in for a challan": (
        r"^stand_in_hours = 24",
        'stand_in_hours = 24\nreceipt = "challan"',
        "no challan",
    ),
    "a downtime announced after it began": (
        r"\Z",
        f"{DOWNTIME}announced_at = 2026-12-10T22:00:01+06:00\n",
        "announced_at: a planned downtime is announced before",
    ),
    "a downtime announced at no offset": (
        r"\Z",
        f"{DOWNTIME}announced_at = 2026-12-01T10:00:00\n",
        "announced_at is stated with its offset",
    ),
    "stand-in beyond three days": (r"^stand_in_hours = 24", "stand_in_hours = 73", "stand_in_hours"),
    "a fact as text": (r"^deduplicates = true", 'deduplicates = "yes"', "deduplicates"),
    "an approval with a reason": (
        r'"323" = { means = "approved" }',
        '"323" = { means = "approved", reason = "refused" }',
        "only a decline",
    ),
    "a decline without a reason": (
        r'"328" = { means = "declined", reason = "refused" }',
        '"328" = { means = "declined" }',
        "only a decline",
    ),
    "a reason misspelt": (r'reason = "scroll_refused"', 'reason = "scrol_refused"', "reason"),
    "an example outside its pattern": (
        r'example = "092512345678"',
        'example = "132512345678"',
        "own pattern",
    ),
    "an example in Bangla digits": (r'example = "12345678"', 'example = "\u09e72345678"', "own pattern"),
    "a broken pattern": (r"pattern = '\^\(0", "pattern = '^((0", "pattern of bill_no"),
    "one name twice": (r'name = "account_no"', 'name = "bill_no"', "appears twice"),
    "money as a float": (r'threshold_taka = "400.00"', "threshold_taka = 400.0", "threshold_taka"),
    "a secret instead of its name": (
        r"^password_setting = .*?\n",
        'password_setting = "desco-secret"\n',
        "password_setting",
    ),
    "questions out of order": (
        r"^ask_after_seconds = .*?\n",
        "ask_after_seconds = [300, 90]\n",
        "must grow",
    ),
    "ended before it began": (
        r"^effective_from = 2025-01-01",
        "effective_from = 2025-01-02\neffective_until = 2025-01-01",
        "before effective_from",
    ),
    "an example of nothing": (r'operation = "status"', 'operation = "stauts"', "not there"),
    "no empty reply shown": (
        r'title = "an empty reply"\noperation = "save"\n',
        'title = "an empty reply"\noperation = "save"\nbody = "x"\n',
        "empty reply",
    ),
    "no not-found shown": (r'expect = "not_found"', 'expect = "no_answer"', "not_found"),
    "no login shown": (r'expect = "logged_in"', 'expect = "no_login"', "logged_in"),
    "a step that is no operation": (
        r'^bucket = "postpaid"',
        'bucket = "postpaid"\nsteps = ["tell"]',
        "role pay",
    ),
    "no step at all": (r'^bucket = "postpaid"', 'bucket = "postpaid"\nsteps = []', "steps"),
    "tokens from a biller that gives none": (
        r'expect = "approved"',
        'expect = "approved"\ntokens = 1',
        "how many tokens",
    ),
    "no TOML": (r"^id = ", "id : ", "desco_postpaid.toml"),
    "no id": (r"^id = .*\n", "", r"desco_postpaid\.toml(.|\n)*id"),
}


@pytest.mark.parametrize(("pattern", "by", "names"), list(FAULTS.values()), ids=list(FAULTS))
def test_a_manifest_that_breaks_a_rule_is_refused_by_name(
    write: Write, pattern: str, by: str, names: str
) -> None:
    with pytest.raises(ManifestError, match=names):
        read_manifest(write(changed(pattern, by)))


MORE_FAULTS = {
    "a step that is no operation": (BREB, r'"save", "acknowledge"', '"save", "confirm"', "role pay"),
    "an operation that is no step": (BREB, r'"save", "acknowledge"', '"save"', "role pay"),
    "a step twice": (BREB, r'"save", "acknowledge"', '"save", "save"', "step save appears twice"),
    "a next step that comes first": (BREB, r'next_step = "acknowledge"', 'next_step = "save"', "later steps"),
    "half done, and no next step": (BREB, r', next_step = "acknowledge"', "", "has a next step"),
    "a next step of what is done": (
        BREB,
        r'"1268" = { means = "approved" }',
        '"1268" = { means = "approved", next_step = "acknowledge" }',
        "has a next step",
    ),
    "a pay call that finds nothing": (
        BREB,
        r'"1283" = { means = "declined", reason = "nothing_saved" }',
        '"1283" = { means = "not_found" }',
        "answer to an inquiry",
    ),
    "an acknowledge whose refusal is not shown": (
        BREB,
        r'expect = "declined"\nreason = "nothing_saved"',
        'expect = "in_doubt"',
        "examples of pay",
    ),
    "an acknowledge whose empty reply is not shown": (
        BREB,
        r'title = "an acknowledge that is an empty reply"\noperation = "acknowledge"\n',
        'title = "an acknowledge"\noperation = "acknowledge"\nbody = "x"\n',
        "empty reply",
    ),
    "no renewal shown": (BREB, r'expect = "renewed"', 'expect = "not_renewed"', "examples of renew"),
    "a rounding nobody knows": (BREB, r'"up_to_whole_taka"', '"to_the_nearest_taka"', "rounding"),
    "an approval without its tokens": (NESCO, r"^tokens = 1\n", "", "how many tokens"),
    "tokens of a refusal": (
        NESCO,
        r'reason = "limit_reached"\n\n',
        'reason = "limit_reached"\ntokens = 1\n\n',
        "how many tokens",
    ),
}


@pytest.mark.parametrize(("of", "pattern", "by", "names"), list(MORE_FAULTS.values()), ids=list(MORE_FAULTS))
def test_steps_and_tokens_have_rules_of_their_own(
    tmp_path: Path, of: str, pattern: str, by: str, names: str
) -> None:
    path = tmp_path / "other.toml"
    path.write_text(changed(pattern, by, of), encoding="utf-8")
    with pytest.raises(ManifestError, match=names):
        read_manifest(path)


def test_the_file_is_named_after_the_biller(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(DESCO, encoding="utf-8")
    with pytest.raises(ManifestError, match=r"other\.toml: is about desco_postpaid"):
        read_manifest(path)


def test_the_profile_says_what_the_core_must_know(desco: Manifest) -> None:
    profile = desco.profile()
    assert (profile.id, profile.ekpay_id, profile.bucket) == ("desco_postpaid", "b025", "postpaid")
    assert profile.takes_bill_once
    assert profile.has_scroll
    assert [(entry.name, entry.wire_name, entry.group) for entry in profile.parameters] == [
        ("bill_no", "bll_no", "A"),
        ("account_no", "bllr_accno", "B"),
    ]
    assert profile.safety.deduplicates
    assert profile.safety.not_found_settle_seconds == 120.0
    assert list(profile.timing.ask_after_seconds) == [90, 300, 3600]
    assert profile.timing.quote_life_seconds == 7200


def test_a_biller_of_one_step_pays_it(desco: Manifest) -> None:
    profile = desco.profile()
    assert profile.steps == ("pay",)
    assert not profile.fetch_has_side_effects
    assert not profile.gives_tokens
    assert not any(parameter.names_payer for parameter in profile.parameters)


def test_the_profile_says_that_breb_locks_bills_and_wants_an_acknowledge(breb: Manifest) -> None:
    profile = breb.profile()
    assert profile.steps == ("save", "acknowledge")
    assert profile.fetch_has_side_effects
    assert [entry.name for entry in profile.parameters if entry.names_payer] == ["mobile"]
    assert {(entry.wire_name, entry.group) for entry in profile.parameters} == {
        ("bllr_accno", "A"),
        ("bll_period", "A"),
        ("bill_mobno", "A"),
    }
    assert profile.safety == SafetyFacts(
        deduplicates=True,
        can_be_asked=True,
        not_found_settle_seconds=60.0,
        can_be_undone=True,
        echoes_amount=False,
    )


def test_the_profile_says_that_nesco_gives_tokens(nesco: Manifest) -> None:
    profile = nesco.profile()
    assert profile.steps == ("vend",)
    assert profile.gives_tokens
    assert (profile.bucket, profile.takes_bill_once) == ("prepaid", False)
    assert profile.timing.quote_life_seconds == 1800


@pytest.mark.parametrize(
    ("amount", "is_sold"),
    [("99", False), ("100", True), ("999", True), ("14999", True), ("15000", True), ("15001", False),
     ("0500", False), ("500.00", False), ("", False)],
)  # fmt: skip
def test_nesco_sells_for_a_hundred_to_fifteen_thousand_whole_taka(
    nesco: Manifest, amount: str, *, is_sold: bool
) -> None:
    entry = next(entry for entry in nesco.profile().parameters if entry.name == "amount")
    assert entry.bounds is not None
    fits = re.fullmatch(entry.pattern, amount, re.ASCII) is not None and entry.bounds.admit(amount)
    assert fits == is_sold


@given(st.integers(0, 10**15))
def test_rounding_up_reaches_the_next_whole_taka_and_never_more(minor: int) -> None:
    breb, desco = the_manifest("breb_postpaid"), the_manifest("desco_postpaid")
    added = breb.rounding_of(Money(minor)).minor
    assert (minor + added) % 100 == 0
    assert 0 <= added < 100
    assert desco.rounding_of(Money(minor)) == Money(0)


def test_a_divisor_shortens_every_time(desco: Manifest) -> None:
    life, demo = desco.profile(), desco.profile(30)
    assert demo.safety.not_found_settle_seconds == 4.0
    assert demo.timing.answer_seconds * 30 == pytest.approx(life.timing.answer_seconds)
    assert demo.timing.send_seconds * 30 == pytest.approx(life.timing.send_seconds)
    assert list(demo.timing.ask_after_seconds) == [3, 10, 120]
    assert demo.timing.ask_every_seconds == 120
    assert demo.timing.settle_margin_seconds == 2
    assert demo.timing.quote_life_seconds == 240


def test_less_than_for_ever_does_not_count_as_deduplicating(write: Write) -> None:
    manifest = read_manifest(write(changed('deduplicates_for = "ever"', 'deduplicates_for = "day"')))
    assert not manifest.profile().safety.deduplicates


def test_a_not_found_may_never_be_final(write: Write) -> None:
    manifest = read_manifest(
        write(changed("not_found_settle_seconds = 120", 'not_found_settle_seconds = "never"'))
    )
    assert manifest.profile().safety.not_found_settle_seconds is None


def test_these_billers_take_completed_payments_back_and_no_other() -> None:
    """Whoever adds a name here says that a client alone may refund at this biller's cost."""
    manifests = [read_manifest(path) for path in sorted((CONFIG / "billers").glob("*.toml"))]
    assert {manifest.id for manifest in manifests if manifest.profile().takes_back} == {
        "bpdb_postpaid",
        "breb_postpaid",
        "dhaka_wasa",
        "dpdc_postpaid_aggregator",
        "titas_metered",
        "titas_nonmetered",
    }


def test_a_biller_answers_repeats_alike_only_where_its_manifest_says_so(write: Write) -> None:
    said = changed(r"^deduplicates = true\n", "deduplicates = true\nanswers_repeats_alike = true\n")
    assert read_manifest(write(said)).profile().terms.answers_repeats_alike
    assert not read_manifest(write(DESCO)).profile().terms.answers_repeats_alike


def test_the_schema_for_editors_names_the_safety_facts_as_required() -> None:
    schema = manifest_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["$defs"]["Safety"]["required"]) == {
        "deduplicates",
        "deduplicates_for",
        "can_be_asked",
        "not_found_settle_seconds",
        "can_be_undone",
        "echoes_amount",
    }


def test_the_core_knows_when_a_biller_stops_and_since_when_that_is_said(write: Write) -> None:
    downtime = f"{DOWNTIME}announced_at = 2026-12-01T10:00:00+06:00\n"
    (stop,) = read_manifest(write(f"{DESCO}\n{downtime}")).profile(1_000.0).stops
    assert (stop.begins_at, stop.ends_at) == (
        datetime(2026, 12, 10, 22, tzinfo=DHAKA),
        datetime(2026, 12, 11, 2, tzinfo=DHAKA),
    )
    assert stop.announced_at == datetime(2026, 12, 1, 10, tzinfo=DHAKA)
