"""The simulated bank reads our instructions by a reader of its own, and books what it says it has done."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from reconciliation.settlement.instructions import beftn, pacs009
from reconciliation.settlement.instructions.account_registry import read_registry
from reconciliation.settlement.instructions.bank_answers import AnswerKind, parse_report
from reconciliation.settlement.instructions.creditor_instructions import Instruction, end_to_end_id
from sandbox.rehearsals.day.bank_transfers import OWN_BANK
from sandbox.rehearsals.day.file_writer import Night, deposit_files_of
from sandbox.rehearsals.day.institutions import INSTITUTIONS
from sandbox.rehearsals.day.payment_files import MalformedPaymentFileError, read_payment_file
from sandbox.rehearsals.day.payout_bank import ODD_FATES, Fate, PayoutBank, choose_fates
from sandbox.rehearsals.month.model.days import day_number
from sandbox.rehearsals.month.model.institutions import MonthInstitution
from tests.sandbox.caller import ROOT
from tests.sandbox.rehearsals.day.sample_books import DAY, day_of, nights, readings

REGISTRY = read_registry(ROOT / "config" / "settlement.toml")
CREATED = datetime(2026, 3, 10, 3, 4, 5, tzinfo=UTC)
# DAY is a Tuesday.
WEDNESDAY, THURSDAY, SUNDAY = day_number(DAY) + 1, day_number(DAY) + 2, day_number(DAY) + 5
Write = Callable[[Sequence[Instruction], object, datetime], bytes]


def instructions(value_date: date, *paisa: int) -> list[Instruction]:
    return [
        Instruction(end_to_end_id(account.creditor, value_date), value_date, account, amount)
        for account, amount in zip(REGISTRY.accounts, paisa, strict=False)
    ]


def eft(value_date: date, *paisa: int) -> bytes:
    return beftn.batch(instructions(value_date, *paisa), REGISTRY.debtor, CREATED)


def on_wednesday() -> date:
    return nights(DAY, 2)[1]


def names(content: bytes) -> list[str]:
    return [order.reference for order in read_payment_file(content).orders]


def lines(folder: Path) -> list[tuple[date, str, int]]:
    """Day, reference and amount of each line of a payout on our statements, as the product reads them."""
    found = [
        row
        for layout, reading in readings(folder / "out")
        if layout.institution == OWN_BANK
        for row in reading.rows.select("business_date", "ours", "net").rows()
    ]
    house = _connector().code
    return sorted(row for row in found if row[1] and not row[1].startswith(house))


def _connector() -> MonthInstitution:
    return next(house for house in INSTITUTIONS.values() if house.bank == OWN_BANK)


def make_statements(folder: Path, first: date = DAY, count: int = 6) -> None:
    house = _connector()
    for night in nights(first, count):
        deposit_files_of({house.id: day_of(house)}, Night(night, folder / "home", folder / "out"))


@pytest.mark.parametrize("write", [pacs009.message, beftn.batch])
def test_both_files_are_read_as_they_were_meant(write: Write) -> None:
    meant = instructions(on_wednesday(), 10_000_001, 70_003)
    read = read_payment_file(write(meant, REGISTRY.debtor, CREATED))
    assert read.value_day == WEDNESDAY
    assert sorted((order.reference, order.account, order.paisa) for order in read.orders) == sorted(
        (each.end_to_end_id, each.creditor.account, each.amount) for each in meant
    )


def test_a_paid_order_is_debited_once_on_its_value_date(tmp_path: Path) -> None:
    content = eft(on_wednesday(), 5_000)
    taken = PayoutBank(tmp_path / "home").take_in(content)
    assert (taken.answer, taken.is_new) == (None, True)
    make_statements(tmp_path)
    [name] = names(content)
    assert lines(tmp_path) == [(on_wednesday(), name, -5_000)]


def test_a_rejected_order_is_answered_and_never_booked(tmp_path: Path) -> None:
    content = eft(on_wednesday(), 5_000, 6_000)
    refused, paid = names(content)
    answer = PayoutBank(tmp_path / "home").take_in(content, {refused: Fate.REJECTED}).answer
    assert answer is not None
    [told] = parse_report(answer)
    assert (told.end_to_end_id, told.kind, told.reason) == (refused, AnswerKind.REJECTED, "AC04")
    make_statements(tmp_path)
    assert [name for _, name, _ in lines(tmp_path)] == [paid]


def test_a_returned_order_comes_back_and_a_late_one_leaves_on_the_next_business_day(tmp_path: Path) -> None:
    thursday = nights(DAY, 3)[2]
    content = eft(thursday, 5_000, 6_000)
    returned, late = names(content)
    PayoutBank(tmp_path / "home").take_in(content, {returned: Fate.RETURNED, late: Fate.LATE})
    make_statements(tmp_path)
    # Friday and Saturday are no business days.
    paisa = {order.reference: order.paisa for order in read_payment_file(content).orders}
    sunday = nights(DAY, 6)[5]
    assert lines(tmp_path) == [
        (thursday, returned, -paisa[returned]),
        *sorted([(sunday, returned, paisa[returned]), (sunday, late, -paisa[late])]),
    ]


def test_the_statements_with_payouts_go_on_from_each_other(tmp_path: Path) -> None:
    PayoutBank(tmp_path / "home").take_in(eft(on_wednesday(), 9_000_000))
    make_statements(tmp_path)
    found = [reading for layout, reading in readings(tmp_path / "out") if layout.institution == OWN_BANK]
    assert [one.opening for one in found] == [0, *(one.closing for one in found[:-1])]
    assert min(one.closing or 0 for one in found) < 0


def test_a_file_that_comes_again_is_carried_out_once(tmp_path: Path) -> None:
    content = eft(on_wednesday(), 5_000, 6_000)
    bank = PayoutBank(tmp_path / "home")
    first = bank.take_in(content, {names(content)[0]: Fate.REJECTED})
    again = bank.take_in(content)
    assert (again.payouts, again.answer, again.is_new) == (first.payouts, first.answer, False)
    assert len(bank.payouts()) == 2


def test_what_comes_after_its_value_date_is_on_the_next_statement(tmp_path: Path) -> None:
    make_statements(tmp_path, count=2)
    content = eft(on_wednesday(), 5_000)
    PayoutBank(tmp_path / "home").take_in(content)
    make_statements(tmp_path)
    assert [(day_number(day), paisa) for day, _, paisa in lines(tmp_path)] == [(THURSDAY, -5_000)]


def test_another_file_of_the_same_name_or_reference_is_not_carried_out(tmp_path: Path) -> None:
    bank = PayoutBank(tmp_path / "home")
    bank.take_in(eft(on_wednesday(), 5_000))
    with pytest.raises(MalformedPaymentFileError, match="said something else"):
        bank.take_in(eft(on_wednesday(), 5_001))
    later = beftn.batch(
        instructions(on_wednesday(), 5_000), REGISTRY.debtor, datetime(2026, 3, 11, tzinfo=UTC)
    )
    with pytest.raises(MalformedPaymentFileError, match="in another file"):
        bank.take_in(later)
    assert len(bank.payouts()) == 1


def test_the_book_says_what_each_account_was_paid_by_a_day(tmp_path: Path) -> None:
    content = eft(on_wednesday(), 5_000, 6_000, 7_000, 8_000)
    refused, returned, late, paid = read_payment_file(content).orders
    bank = PayoutBank(tmp_path / "home")
    fates = dict(zip((refused.reference, returned.reference, late.reference), ODD_FATES, strict=True))
    bank.take_in(content, fates)
    assert +bank.paid_paisa(WEDNESDAY) == {returned.account: returned.paisa, paid.account: paid.paisa}
    assert +bank.paid_paisa(THURSDAY) == {late.account: late.paisa, paid.account: paid.paisa}


def test_a_seed_chooses_one_order_for_each_odd_fate() -> None:
    orders = read_payment_file(eft(on_wednesday(), 1_000, 2_000, 3_000, 4_000)).orders
    chosen = choose_fates(orders, 7)
    assert (sorted(chosen.values()), chosen) == (sorted(ODD_FATES), choose_fates(reversed(orders), 7))
    assert list(choose_fates(orders[:1], 7).values()) == [Fate.REJECTED]


@pytest.mark.parametrize(
    ("found", "instead", "why"),
    [
        (b"<Amount>000000005000<", b"<Amount>000000005001<", "come to"),
        (b"<EntryAddendaCount>", b"<EntryAddendaCount>9", "come to"),
        (b"<EffectiveEntryDate>2603", b"<EffectiveEntryDate>2699", "no date"),
        (b"<Amount>0", b"<Amount>x", "no number"),
        (b"IndividualId", b"Individual", "has no IndividualId"),
        (b"EFT>", b"EFX>", "no file of payments"),
        (b"</EFT>", b"", "well-formed"),
        (b"<EFT>", b"<!DOCTYPE EFT><EFT>", "well-formed"),
    ],
)
def test_a_file_that_is_wrong_is_refused_and_nothing_is_booked(
    tmp_path: Path, found: bytes, instead: bytes, why: str
) -> None:
    content = eft(on_wednesday(), 5_000)
    assert found in content
    with pytest.raises(MalformedPaymentFileError, match=why):
        PayoutBank(tmp_path).take_in(content.replace(found, instead))
    assert PayoutBank(tmp_path).payouts() == []


def test_a_message_whose_sum_is_another_is_refused() -> None:
    content = pacs009.message(instructions(on_wednesday(), 10_000_000), REGISTRY.debtor, CREATED)
    with pytest.raises(MalformedPaymentFileError, match="come to"):
        read_payment_file(content.replace(b"<CtrlSum>100000.00<", b"<CtrlSum>100000.01<"))
