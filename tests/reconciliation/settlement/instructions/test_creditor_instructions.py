"""Instructions: one a creditor and window, none without an account, and nothing owed is forgotten."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.errors import ConfigurationError
from reconciliation.settlement.instructions.account_registry import is_routing_number, read_registry
from reconciliation.settlement.instructions.creditor_instructions import (
    OutgoingInstructions,
    RemainderReason,
    end_to_end_id,
    instructions_of,
)
from reconciliation.settlement.instructions.latin_names import latin_field, transliterate
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.lines import SettlementLine
from reconciliation.settlement.positions.net_positions import SettlementSheet, sheet_of, value_dates
from tests.reconciliation.settlement.sample_lines import (
    BANK,
    BKASH,
    BREB,
    CONFIG,
    COURIER,
    CYCLES,
    DESCO,
    EKSHOP,
    MON,
    NPSB,
    PARTIES,
    REGISTRY,
    TUE,
    line,
    many_lines,
)


def sheet(**owed: int) -> SettlementSheet:
    named = {"desco": DESCO, "breb": BREB, "ekshop": EKSHOP, "courier": COURIER, "npsb": NPSB}
    return sheet_of(MON, [line(named[name], -amount) for name, amount in owed.items()], CYCLES)


def reasons(out: OutgoingInstructions) -> dict[Party, RemainderReason]:
    return {one.party: one.reason for one in out.remainders}


def test_who_is_owed_enough_and_has_an_account_is_paid() -> None:
    out = instructions_of(sheet(desco=10_000_000, ekshop=1_000), REGISTRY)
    assert {(one.creditor.party, one.amount) for one in out.instructions} == {
        ("desco_postpaid", 10_000_000),
        ("ekshop", 1_000),
    }
    assert out.remainders == ()
    assert out.total == 10_001_000


def test_nobody_is_paid_below_a_minimum_above_a_maximum_or_without_an_account() -> None:
    out = instructions_of(sheet(desco=999, breb=10**12, ekshop=999, courier=50_000), REGISTRY)
    assert out.instructions == ()
    assert reasons(out) == {
        DESCO: RemainderReason.BELOW_MINIMUM,
        BREB: RemainderReason.ABOVE_MAXIMUM,
        EKSHOP: RemainderReason.BELOW_MINIMUM,
        COURIER: RemainderReason.NO_ACCOUNT,
    }
    assert out.carried_amounts == {DESCO: 999, BREB: 10**12, EKSHOP: 999, COURIER: 50_000}


@pytest.mark.parametrize(
    ("amount", "rail"), [(1_000, "beftn"), (9_999_999, "beftn"), (10_000_000, "rtgs"), (10**12 - 1, "rtgs")]
)
def test_what_is_too_little_for_rtgs_takes_the_rail_for_small_amounts(amount: int, rail: str) -> None:
    (paid,) = instructions_of(sheet(desco=amount), REGISTRY).instructions
    assert (paid.amount, paid.creditor.rail) == (amount, rail)
    assert REGISTRY.account_of(DESCO) == paid.creditor.model_copy(update={"rail": "rtgs"})


def test_without_a_rail_for_small_amounts_they_are_carried() -> None:
    rtgs = REGISTRY.rails["rtgs"].model_copy(update={"below_minimum": None})
    alone = REGISTRY.model_copy(update={"rails": {**REGISTRY.rails, "rtgs": rtgs}})
    out = instructions_of(sheet(desco=9_999_999), alone)
    assert (out.instructions, out.carried_amounts) == ((), {DESCO: 9_999_999})


@pytest.mark.parametrize("amount", [1_000, 999_999_999_999])
def test_an_amount_on_a_bound_is_paid(amount: int) -> None:
    assert instructions_of(sheet(ekshop=amount), REGISTRY).total == amount


def test_whoever_owes_us_is_not_paid_and_only_a_connector_pays_by_itself() -> None:
    out = instructions_of(sheet(ekshop=-700, npsb=-90_000), REGISTRY)
    assert reasons(out) == {EKSHOP: RemainderReason.OWES_US, NPSB: RemainderReason.OWES_US}
    assert out.carried_amounts == {EKSHOP: -700}


def test_what_was_carried_is_paid_with_what_comes_next() -> None:
    first = instructions_of(sheet(ekshop=999), REGISTRY)
    second = instructions_of(sheet_of(TUE, [], CYCLES), REGISTRY, {EKSHOP: first.carried_amounts[EKSHOP] + 1})
    assert [one.amount for one in second.instructions] == [1_000]
    settled = instructions_of(sheet(ekshop=700), REGISTRY, {EKSHOP: -700})
    assert reasons(settled) == {EKSHOP: RemainderReason.NOTHING_OWED}
    assert settled.carried_amounts == {}


@given(many_lines())
def test_everything_owed_is_instructed_or_carried(lines: list[SettlementLine]) -> None:
    carried: dict[Party, int] = {}
    paid: Counter[Party] = Counter()
    owed: Counter[Party] = Counter()
    for day in value_dates(lines, CYCLES):
        one = sheet_of(day, lines, CYCLES)
        out = instructions_of(one, REGISTRY, carried)
        carried = dict(out.carried_amounts)
        owed.update({position.party: -position.net for position in one.positions})
        paid.update({each.creditor.creditor: each.amount for each in out.instructions})
        creditors = [each.creditor.creditor for each in out.instructions]
        assert len(creditors) == len(set(creditors))
        assert all(each.amount >= 1_000 for each in out.instructions)
    for party in set(PARTIES) - {BKASH, NPSB}:
        assert owed[party] == paid[party] + carried.get(party, 0)
    assert not {COURIER, BANK} & set(paid), "nobody without an account is paid"


@given(many_lines(), st.data())
def test_instructions_do_not_depend_on_order(lines: list[SettlementLine], data: st.DataObject) -> None:
    turned = data.draw(st.permutations(lines))
    for day in value_dates(lines, CYCLES):
        assert instructions_of(sheet_of(day, turned, CYCLES), REGISTRY) == instructions_of(
            sheet_of(day, lines, CYCLES), REGISTRY
        )


def test_an_id_is_made_of_creditor_and_date_alone() -> None:
    first = instructions_of(sheet(ekshop=1_000), REGISTRY).instructions[0].end_to_end_id
    assert first == instructions_of(sheet(ekshop=2_000), REGISTRY).instructions[0].end_to_end_id
    assert first == end_to_end_id(EKSHOP, MON) == "EUT2GSZTKQ4NZEJ"
    others = {end_to_end_id(party, day) for party in PARTIES for day in (MON, TUE)}
    assert len(others) == 2 * len(PARTIES)
    assert {len(name) for name in others} == {15}


@pytest.mark.parametrize("number", ["145261188", "140581184", "095261733"])
def test_a_routing_number_ends_in_its_check_digit(number: str) -> None:
    assert is_routing_number(number)
    assert not is_routing_number(number[:-1] + str((int(number[-1]) + 1) % 10))
    assert not is_routing_number(number[:-1])


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ('routing_number = "991260012"', 'routing_number = "991260013"'),
        ('party = "breb_postpaid"', 'party = "desco_postpaid"'),
        ('minimum = "10.00"', "minimum = 10.0"),
        ('minimum = "10.00"', 'minimum = "10"'),
        ('minimum = "10.00"', 'minimum = "0.00"'),
        ('maximum = "9999999999.99"', 'maximum = "10000000000.00"'),
        ('name = "ekShop"', 'name = "店"'),
        ('bic = "AAAABDDHXXX"', 'bic = "AAAABDDH1"'),
        ('account = "9910000000001"', 'account = "9910000000001<"'),
        ('role = "merchant"', 'role = "ours"'),
        ("[rails.beftn] # ours", "[rails.cheque]"),
        ('rail = "beftn"', 'rail = "cash"'),
        ('below_minimum = "beftn"', 'below_minimum = "rtgs"'),
        ('below_minimum = "beftn"', 'below_minimum = "cash"'),
        ("lag = 0", "lag = 0\nwaits = 1"),
        ("[debtor]", "[debtor"),
    ],
)
def test_a_registry_says_nothing_that_cannot_be_meant(tmp_path: Path, found: str, instead: str) -> None:
    text = (CONFIG / "settlement.toml").read_text(encoding="utf-8")
    assert found in text
    path = tmp_path / "settlement.toml"
    path.write_text(text.replace(found, instead, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError):
        read_registry(path)


def test_an_account_on_a_rail_without_bounds_is_refused_by_its_name(tmp_path: Path) -> None:
    text = (CONFIG / "settlement.toml").read_text(encoding="utf-8")
    start, end = text.index("[rails.beftn]"), text.index("[[accounts]]")
    path = tmp_path / "settlement.toml"
    path.write_text(text[:start].replace('below_minimum = "beftn"\n', "") + text[end:], encoding="utf-8")
    with pytest.raises(ConfigurationError, match="biller:dhaka_wasa: rail beftn has no bounds in \\[rails"):
        read_registry(path)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("বাংলাদেশ পল্লী বিদ্যুতায়ন", "bangladesh palli bidyutayan"),
        ("ঢাকা ওয়াসা", "dhaka oyasa"),
        ("বড় বাজার ১২", "bar bajar 12"),
        ("Café & Søn <Ltd>", "Cafe S n Ltd"),
        ("店", ""),
    ],
)
def test_names_are_written_in_latin_letters(text: str, written: str) -> None:
    assert transliterate(text) == written


def test_both_ways_to_write_a_letter_come_to_the_same() -> None:
    assert transliterate("বাড\u09bcি") == transliterate("বা\u09dcি") == "bari"
    assert transliterate("বো") == transliterate("ব\u09c7\u09be") == "bo"


@given(st.text(), st.integers(1, 140))
def test_a_cut_name_fits_and_carries_no_foreign_sign(text: str, length: int) -> None:
    written = latin_field(text, length)
    assert len(written) <= length
    assert written == written.strip()
    assert written.isascii()
    assert not set(written) & set("<>&\"'@#\n\t") - {"'"}
    assert latin_field(written, length) == written
