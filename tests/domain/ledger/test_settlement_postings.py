import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.errors import UnbalancedEntryError
from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.domain.ledger.settlement_postings import (
    NOT_VENDED,
    PayoutParts,
    clearing_account,
    demand_written_off_entry,
    payable_changes,
    payout_received_entry,
    prefund_withdrawn_entry,
    settlement_deposited_entry,
    settlement_instructed_entry,
    settlement_paid_entry,
    settlement_reinstated_entry,
    settlement_rejected_entry,
    settlement_tax_restored_entry,
    settlement_tax_withheld_entry,
    sweep_approved_entry,
    sweep_cancelled_entry,
    top_up_approved_entry,
    top_up_cancelled_entry,
    unidentified_booked_entry,
    unidentified_reopened_entry,
    unidentified_settled_entry,
    unidentified_withdrawn_entry,
    withdrawal_cancelled_entry,
)

amounts = st.integers(min_value=1, max_value=10**14)
signed = st.integers(min_value=-(10**14), max_value=10**14)


def lines(entry: Entry) -> dict[str, int]:
    assert len({line.account for line in entry.postings}) == len(entry.postings)
    return {line.account: line.amount for line in entry.postings}


def test_what_is_instructed_is_owed_no_more_and_stands_in_clearing() -> None:
    entry = settlement_instructed_entry("payable:desco_postpaid", "rtgs", 10_000_000)
    assert entry.moment == "settlement_instructed"
    assert lines(entry) == {"payable:desco_postpaid": 10_000_000, clearing_account("rtgs"): -10_000_000}


def test_what_a_merchant_owes_us_is_set_off() -> None:
    entry = settlement_instructed_entry(
        "payable:merchant:shop", "beftn", 700, 300, "receivable:merchant:shop"
    )
    assert lines(entry) == {
        "payable:merchant:shop": 1_000,
        "clearing:beftn": -700,
        "receivable:merchant:shop": -300,
    }


def test_a_connector_that_we_owe_stands_on_its_receivable() -> None:
    assert lines(settlement_instructed_entry("receivable:bkash", "beftn", 500)) == {
        "receivable:bkash": 500,
        "clearing:beftn": -500,
    }


@given(amounts)
def test_withheld_tax_is_the_states_until_it_is_restored(tax: int) -> None:
    entry = settlement_tax_withheld_entry("payable:merchant:shop:seller", tax)
    assert lines(entry) == {"payable:merchant:shop:seller": tax, "withheld_tax_payable": -tax}
    assert payable_changes(entry) == (("shop", -tax),)
    back = settlement_tax_restored_entry("payable:merchant:shop:seller", tax)
    assert lines(back) == {account: -moved for account, moved in lines(entry).items()}
    assert {entry.moment, back.moment} == {"settlement_tax_withheld", "settlement_tax_restored"}


@given(amounts, amounts)
def test_a_rejection_takes_back_line_by_line(amount: int, taken: int) -> None:
    entry = settlement_instructed_entry(
        "payable:merchant:shop", "beftn", amount, taken, "receivable:merchant:shop"
    )
    undone = settlement_rejected_entry(entry)
    assert undone.moment == "settlement_rejected"
    assert lines(undone) == {account: -moved for account, moved in lines(entry).items()}
    again = settlement_reinstated_entry(entry)
    assert (again.moment, lines(again)) == ("settlement_reinstated", lines(entry))


def test_the_bank_books_what_was_instructed_or_gives_it_back() -> None:
    taken, back = settlement_paid_entry("rtgs", 500), settlement_paid_entry("rtgs", -500)
    assert (taken.moment, back.moment) == ("settlement_paid", "settlement_returned")
    assert lines(taken) == {"clearing:rtgs": 500, "settlement_bank": -500}
    assert lines(back) == {"clearing:rtgs": -500, "settlement_bank": 500}


def test_a_credit_is_three_files_less_the_charge() -> None:
    entry = payout_received_entry("bkash", PayoutParts(1_498_850, 1_150, 1_495_000, 5_001, -1))
    assert entry.moment == "payout_received"
    assert lines(entry) == {
        "settlement_bank": 1_498_850,
        "bank_charges": 1_150,
        "receivable:bkash": -1_495_000,
        "suspense:bkash": -5_001,
        "rounding": 1,
    }


@given(signed, signed, signed, signed)
def test_a_paisa_that_nobody_explains_is_refused(credited: int, charge: int, part: int, left: int) -> None:
    rest = credited + charge - part - left
    whole = PayoutParts(credited, charge, part, left, rest)
    if any((credited, charge, part, left, rest)):
        assert sum(lines(payout_received_entry("bkash", whole)).values()) == 0
    with pytest.raises(UnbalancedEntryError):
        payout_received_entry("bkash", PayoutParts(credited, charge, part, left, rest + 1))


def test_an_entry_says_what_it_makes_merchants_owed() -> None:
    entry = Entry.of(
        "any",
        (
            Posting("payable:merchant:shop", 700),
            Posting("commission_payable:merchant:shop:UDC7", -200),
            Posting("payable:merchant:other:FAST", -9),
            Posting("receivable:merchant:shop", -400),
            Posting("payable:desco_postpaid", -91),
        ),
    )
    assert payable_changes(entry) == (("other", 9), ("shop", -500))


def test_what_moves_between_accounts_of_one_merchant_makes_nothing_owed() -> None:
    lines_ = (Posting("payable:merchant:shop", 5), Posting("payable:merchant:shop:FAST", -5))
    assert payable_changes(Entry.of("any", lines_)) == ()


@given(amounts)
def test_a_cancelled_withdrawal_puts_back_what_it_took(amount: int) -> None:
    taken = prefund_withdrawn_entry("prefund:bank1:postpaid", "bank1", amount)
    assert (taken.moment, lines(taken)) == (
        "prefund_withdrawn",
        {"prefund:bank1:postpaid": amount, "withdrawal_due:bank1": -amount},
    )
    back = withdrawal_cancelled_entry("prefund:bank1:postpaid", "bank1", amount)
    assert back.moment == "withdrawal_cancelled"
    assert lines(back) == {account: -moved for account, moved in lines(taken).items()}


@given(amounts)
def test_a_cancelled_sweep_puts_back_what_it_took(amount: int) -> None:
    swept = sweep_approved_entry("vat_payable", "treasury", amount)
    assert (swept.moment, lines(swept)) == (
        "sweep_approved",
        {"vat_payable": amount, "sweep_due:treasury": -amount},
    )
    back = sweep_cancelled_entry("vat_payable", "treasury", amount)
    assert back.moment == "sweep_cancelled"
    assert lines(back) == {account: -moved for account, moved in lines(swept).items()}


@given(amounts)
def test_a_top_up_is_in_transit_until_the_bank_has_debited_it(amount: int) -> None:
    approved = top_up_approved_entry("nesco", amount)
    assert (approved.moment, lines(approved)) == (
        "deposit_top_up_approved",
        {"biller_deposit:nesco:in_transit": amount, "deposit_due:nesco": -amount},
    )
    cancelled = top_up_cancelled_entry("nesco", amount)
    assert lines(cancelled) == {account: -moved for account, moved in lines(approved).items()}
    came, back = (settlement_deposited_entry("rtgs", "nesco", paisa) for paisa in (amount, -amount))
    assert (came.moment, back.moment) == ("settlement_deposited", "settlement_deposit_returned")
    assert lines(came) == {
        "clearing:rtgs": amount,
        "settlement_bank": -amount,
        "biller_deposit:nesco": amount,
        "biller_deposit:nesco:in_transit": -amount,
    }
    assert lines(back) == {account: -moved for account, moved in lines(came).items()}
    moments = {entry.moment for entry in (approved, cancelled, came, back)}
    assert moments <= NOT_VENDED


@given(signed.filter(bool), signed.filter(bool))
def test_an_unidentified_line_leaves_suspense_for_its_parts_and_comes_back(first: int, second: int) -> None:
    parts = (("payable:merchant:shop", first), ("bank_charges", second))
    settled = unidentified_settled_entry("stmt_sonali", parts)
    taken = {} if first + second == 0 else {"suspense:stmt_sonali": first + second}
    assert lines(settled) == taken | {"payable:merchant:shop": -first, "bank_charges": -second}
    assert payable_changes(settled) == (("shop", first),)
    assert payable_changes(unidentified_reopened_entry(settled)) == (("shop", -first),)


@given(signed.filter(bool))
def test_a_line_that_is_gone_leaves_nothing(amount: int) -> None:
    booked, gone = (
        build("stmt_sonali", amount) for build in (unidentified_booked_entry, unidentified_withdrawn_entry)
    )
    assert lines(booked) == {"settlement_bank": amount, "suspense:stmt_sonali": -amount}
    assert lines(gone) == {account: -paisa for account, paisa in lines(booked).items()}
    assert gone.moment == "unidentified_withdrawn"


@given(amounts, amounts)
def test_a_debt_that_is_written_off_is_a_loss_and_owed_no_more(beyond: int, within: int) -> None:
    parts = (("receivable:merchant:shop", beyond), ("payable:merchant:shop", within))
    entry = demand_written_off_entry(parts)
    assert lines(entry) == {
        "write_off": beyond + within,
        "receivable:merchant:shop": -beyond,
        "payable:merchant:shop": -within,
    }
    assert payable_changes(entry) == (("shop", within),)
