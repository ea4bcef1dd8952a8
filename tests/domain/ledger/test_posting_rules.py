from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.errors import UnbalancedEntryError
from ekpay_switch.domain.ledger.entries import Entry, Posting
from ekpay_switch.domain.ledger.posting_rules import (
    Sums,
    charged_back_from_suspense_entry,
    collected_entry,
    collected_without_payment_entry,
    commission_account,
    commission_earned_entry,
    delivered_entry,
    deposit_account,
    deposited_entry,
    funded_from_suspense_entry,
    given_back_entry,
    merchant_credited_entry,
    owed_back_as_loss_entry,
    owed_back_by_payee_entry,
    owed_back_by_shares_entry,
    owed_back_entry,
    owed_back_from_suspense_entry,
    owed_by_merchant_entry,
    paid_back_before_entry,
    paid_back_by_hand_entry,
    paid_back_entry,
    paid_back_late_entry,
    posted_after_give_back_entry,
    prefund_accepted_entry,
    prefund_account,
    topped_up_entry,
)
from ekpay_switch.domain.merchants.shares import Stake
from ekpay_switch.domain.money import Money

PREFUND = prefund_account("bank1", "postpaid")
SUMS = Sums(amount=Money(100_000), charge=Money(1_000), fee=Money(500), vat=Money(75))
PARTS = st.integers(min_value=0, max_value=10**12)
ANY_SUMS = st.builds(
    Sums,
    st.builds(Money, st.integers(1, 10**12)),
    st.builds(Money, PARTS),
    st.builds(Money, PARTS),
    st.builds(Money, PARTS),
)


def lines(entry: Entry) -> dict[str, int]:
    assert len({line.account for line in entry.postings}) == len(entry.postings)
    return {line.account: line.amount for line in entry.postings}


def totals(entry: Entry) -> dict[str, int]:
    """Where an account may have two lines in one entry: what it gets in all."""
    balances = Counter[str]()
    for line in entry.postings:
        balances[line.account] += line.amount
    return dict(balances)


def test_a_partner_has_one_account_for_each_bucket() -> None:
    assert PREFUND == "prefund:bank1:postpaid"


def test_the_total_is_all_parts_together() -> None:
    assert SUMS.total == Money(101_575)


def test_accepting_moves_everything_from_the_prefund_into_flight() -> None:
    entry = prefund_accepted_entry(PREFUND, SUMS)
    assert entry.moment == "accepted"
    assert lines(entry) == {PREFUND: 101_575, "in_flight": -101_575}


def test_delivering_shares_out_what_was_in_flight() -> None:
    entry = delivered_entry("desco_postpaid", SUMS)
    assert entry.moment == "delivered"
    assert lines(entry) == {
        "in_flight": 101_575,
        "payable:desco_postpaid": -100_000,
        "charge_income": -1_000,
        "fee_income": -500,
        "vat_payable": -75,
    }


def test_a_free_payment_has_no_lines_for_fees() -> None:
    free = Sums(Money(100), Money(0), Money(0), Money(0))
    assert lines(delivered_entry("desco_postpaid", free)) == {
        "in_flight": 100,
        "payable:desco_postpaid": -100,
    }


def test_a_merchant_payment_is_delivered_to_every_share_at_once() -> None:
    shares = [Stake("payable:merchant:m:s1", Money(70_000)), Stake("payable:merchant:m", Money(30_000))]
    entry = merchant_credited_entry(shares, SUMS)
    assert entry.moment == "delivered"
    assert lines(entry) == {
        "in_flight": 101_575,
        "payable:merchant:m:s1": -70_000,
        "payable:merchant:m": -30_000,
        "charge_income": -1_000,
        "fee_income": -500,
        "vat_payable": -75,
    }


def test_shares_that_are_not_the_amount_are_credited_to_nobody() -> None:
    with pytest.raises(UnbalancedEntryError):
        merchant_credited_entry([Stake("payable:merchant:m", Money(99_999))], SUMS)


def test_a_refund_is_owed_by_shares_and_one_that_failed_is_not() -> None:
    moved = [("payable:merchant:m", Money(300)), ("commission_payable:merchant:m:a", Money(200))]
    entry = owed_back_by_shares_entry(moved, "bkash", Money(500))
    assert entry.moment == "owed_back_by_shares"
    assert lines(entry) == {
        "payable:merchant:m": 300,
        "commission_payable:merchant:m:a": 200,
        "refund_due:bkash": -500,
    }
    back = owed_back_by_shares_entry([("payable:merchant:m", Money(-500))], "bkash", Money(-500))
    assert back.moment == "owed_back_by_shares_reversed"
    assert lines(back) == {"payable:merchant:m": -500, "refund_due:bkash": 500}


def test_what_a_merchant_owes_us_beyond_its_debt_limit_is_receivable() -> None:
    entry = owed_by_merchant_entry("merchant:m", Money(700))
    assert (entry.moment, lines(entry)) == (
        "owed_by_merchant",
        {"receivable:merchant:m": 700, "payable:merchant:m": -700},
    )


def test_giving_back_returns_charges_too() -> None:
    entry = given_back_entry(PREFUND, SUMS)
    assert entry.moment == "given_back"
    assert lines(entry) == {PREFUND: -101_575, "in_flight": 101_575}


def test_a_late_success_is_owed_out_of_suspense() -> None:
    entry = posted_after_give_back_entry("desco_postpaid", Money(100_000))
    assert entry.moment == "posted_after_give_back"
    assert lines(entry) == {"suspense:desco_postpaid": 100_000, "payable:desco_postpaid": -100_000}


def test_collecting_makes_the_connector_owe_us_what_it_does_not_keep() -> None:
    entry = collected_entry("bkash", SUMS, Money(1_524))
    assert entry.moment == "collected"
    assert totals(entry) == {"receivable:bkash": 100_051, "connector_fee:bkash": 1_524, "in_flight": -101_575}


def test_a_connector_that_keeps_nothing_has_no_line_for_its_fee() -> None:
    entry = collected_entry("bkash", SUMS, Money(0))
    assert lines(entry) == {"receivable:bkash": 101_575, "in_flight": -101_575}


def test_money_that_no_payment_waits_for_stands_in_suspense() -> None:
    entry = collected_without_payment_entry("bkash", Money(10_000), Money(150))
    assert entry.moment == "collected_without_payment"
    assert totals(entry) == {"receivable:bkash": 9_850, "connector_fee:bkash": 150, "suspense:bkash": -10_000}


def test_what_was_not_delivered_is_owed_to_its_payer_charges_included() -> None:
    entry = owed_back_entry("bkash", SUMS)
    assert entry.moment == "owed_back"
    assert lines(entry) == {"in_flight": 101_575, "refund_due:bkash": -101_575}


def test_a_refund_is_owed_by_the_payee_or_out_of_suspense() -> None:
    by_payee = owed_back_by_payee_entry("desco_postpaid", "bkash", Money(500))
    assert by_payee.moment == "owed_back_by_payee"
    assert lines(by_payee) == {"payable:desco_postpaid": 500, "refund_due:bkash": -500}
    suspended = owed_back_from_suspense_entry("bkash", Money(500))
    assert suspended.moment == "owed_back_from_suspense"
    assert lines(suspended) == {"suspense:bkash": 500, "refund_due:bkash": -500}


def test_what_a_connector_takes_and_no_payee_owes_is_a_claim_in_suspense() -> None:
    taken = charged_back_from_suspense_entry("bkash", Money(500))
    assert taken.moment == "charged_back_from_suspense"
    assert lines(taken) == {"suspense:bkash": 500, "refund_due:bkash": -500}
    late = paid_back_late_entry("bkash", Money(500))
    assert late.moment == "paid_back_late"
    assert lines(late) == {"suspense:bkash": 500, "receivable:bkash": -500}
    before = paid_back_before_entry("bkash", Money(500), Money(300))
    assert before.moment == "paid_back_before"
    assert lines(before) == {"refund_due:bkash": 500, "suspense:bkash": -300, "settlement_bank": -200}


def test_no_more_than_the_total_is_funded_from_suspense() -> None:
    with pytest.raises(UnbalancedEntryError):
        funded_from_suspense_entry("bkash", SUMS, Money(SUMS.total.minor + 1))


def test_a_refund_at_our_own_loss_leaves_the_biller_its_money() -> None:
    entry = owed_back_as_loss_entry("bkash", Money(500))
    assert entry.moment == "owed_back_as_loss"
    assert lines(entry) == {"write_off": 500, "refund_due:bkash": -500}


def test_what_was_paid_back_is_owed_no_more_and_missing_where_it_came_from() -> None:
    by_connector, by_hand = paid_back_entry("bkash", Money(500)), paid_back_by_hand_entry("bkash", Money(500))
    assert (by_connector.moment, by_hand.moment) == ("paid_back", "paid_back_by_hand")
    assert lines(by_connector) == {"refund_due:bkash": 500, "receivable:bkash": -500}
    assert lines(by_hand) == {"refund_due:bkash": 500, "settlement_bank": -500}


@given(sums=ANY_SUMS, kept=PARTS)
def test_money_that_was_collected_and_paid_back_costs_us_what_the_connector_keeps(
    sums: Sums, kept: int
) -> None:
    balances = Counter[str]()
    for entry in (
        collected_entry("bkash", sums, Money(kept)),
        owed_back_entry("bkash", sums),
        paid_back_entry("bkash", sums.total),
    ):
        balances.update(totals(entry))
    assert +balances - Counter({"connector_fee:bkash": kept}) == Counter()
    assert (balances["in_flight"], balances["refund_due:bkash"]) == (0, 0)
    assert balances["receivable:bkash"] == -kept


def test_a_top_up_stands_on_the_bank_account_and_in_the_bucket() -> None:
    entry = topped_up_entry(PREFUND, Money(5_000_000))
    assert entry.moment == "topped_up"
    assert entry.postings == (Posting("settlement_bank", 5_000_000), Posting(PREFUND, -5_000_000))


@pytest.mark.parametrize(
    "finish",
    [lambda sums: delivered_entry("desco_postpaid", sums), lambda sums: given_back_entry(PREFUND, sums)],
)
@given(sums=ANY_SUMS)
def test_every_finished_payment_clears_in_flight(finish: Callable[[Sums], Entry], sums: Sums) -> None:
    balances = Counter[str]()
    for entry in (prefund_accepted_entry(PREFUND, sums), finish(sums)):
        for line in entry.postings:
            balances[line.account] += line.amount
    assert balances["in_flight"] == 0
    assert sum(balances.values()) == 0


@given(sums=ANY_SUMS)
def test_giving_back_undoes_accepting_to_the_last_paisa(sums: Sums) -> None:
    taken = lines(prefund_accepted_entry(PREFUND, sums))
    returned = lines(given_back_entry(PREFUND, sums))
    assert returned == {account: -amount for account, amount in taken.items()}


def test_a_transfer_to_a_prefunded_utility_leaves_our_bank_for_its_deposit() -> None:
    entry = deposited_entry("nesco_prepaid", Money(5_000_000))
    assert lines(entry) == {"settlement_bank": -5_000_000, deposit_account("nesco_prepaid"): 5_000_000}


def test_commission_is_our_cost_and_owed_to_its_agent() -> None:
    entry = commission_earned_entry("udc1", Money(240))
    assert entry.moment == "commission_earned"
    assert lines(entry) == {"agent_commission": 240, commission_account("udc1"): -240}
    assert commission_account("udc1") == "commission_payable:agent:udc1"
