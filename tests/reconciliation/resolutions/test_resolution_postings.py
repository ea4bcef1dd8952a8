import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.entries import Entry
from reconciliation.breaks.codes import BreakCode
from reconciliation.matching.row_family import InstitutionKind
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.resolution_postings import (
    BreakAmounts,
    InstitutionSide,
    MissingPayout,
    NoEntryError,
    entry_of,
    reversal_after_closing,
    settlement_of,
)
from tests.reconciliation.resolutions.test_resolution_actions import RULES

KINDS: tuple[InstitutionKind, ...] = ("funds", "delivery", "statement")
PAISA = st.integers(-(10**12), 10**12)
NETS = st.none() | PAISA
BKASH, DESCO = InstitutionSide("bkash", "funds"), InstitutionSide("desco_postpaid", "delivery")


MISSING = MissingPayout("BKASH20261102", "bkash", 700, 15)


def lines(entry: Entry | None) -> dict[str, int]:
    assert entry is not None
    return {line.account: line.amount for line in entry.postings}


@given(
    st.sampled_from(ResolutionAction),
    st.builds(BreakAmounts, st.sampled_from(BreakCode), PAISA, PAISA, NETS, NETS, st.booleans()),
    st.builds(InstitutionSide, st.just("any"), st.sampled_from(KINDS), st.booleans()),
)
def test_an_entry_balances_and_its_reverse_leaves_nothing(
    action: ResolutionAction, apart: BreakAmounts, side: InstitutionSide
) -> None:
    try:
        entry = entry_of(action, apart, side)
    except NoEntryError:
        return
    if entry is None:
        assert action in {ResolutionAction.NO_ACTION, ResolutionAction.REPOST, ResolutionAction.CLAIM}
        return
    assert sum(line.amount for line in entry.postings) == 0
    left = [*entry.postings, *entry.reversal().postings]
    for account in {line.account for line in left}:
        assert sum(line.amount for line in left if line.account == account) == 0
    # What a rule takes back leaves our bank alone where money has really moved there.
    undone = reversal_after_closing(action, side.institution, entry)
    assert sum(line.amount for line in undone.postings) == 0
    assert undone.moment == f"{entry.moment}_reversed"


@pytest.mark.parametrize(
    ("action", "code"), [(action, code) for action, rule in RULES.rules.items() for code in rule.codes]
)
def test_each_action_can_be_carried_out_for_each_of_its_codes(
    action: ResolutionAction, code: BreakCode
) -> None:
    """With some side and some sign; an action that never fits a code would be a trap in the list."""
    amounts = itertools.product((700, -700), (70, -70, 700))
    sides = [InstitutionSide("x", kind, has_deposit=has) for kind in KINDS for has in (False, True)]
    made = []
    for (amount, difference), side in itertools.product(amounts, sides):
        try:
            made.append(entry_of(action, BreakAmounts(code, amount, difference), side, [MISSING]))
        except NoEntryError:
            continue
    assert made


def test_a_loss_at_a_connector_is_what_its_account_holds_of_it() -> None:
    apart = BreakAmounts(BreakCode.LEDGER_ONLY, 10_000, 0, our_net=9_850)
    assert lines(entry_of(ResolutionAction.WRITE_OFF, apart, BKASH)) == {
        "receivable:bkash": -9_850,
        "write_off": 9_850,
    }


def test_a_fee_that_they_kept_is_our_cost() -> None:
    apart = BreakAmounts(BreakCode.FEE_VARIANCE, 100_000, -177)
    assert lines(entry_of(ResolutionAction.ACCEPT_FEE, apart, BKASH)) == {
        "receivable:bkash": -177,
        "connector_fee:bkash": 177,
    }
    apart = BreakAmounts(BreakCode.FEE_VARIANCE, 100_000, 177)
    assert lines(entry_of(ResolutionAction.ACCEPT_FEE, apart, BKASH))["connector_fee:bkash"] == -177


def test_money_that_nobody_waits_for_is_the_payers_in_gross() -> None:
    apart = BreakAmounts(BreakCode.THEY_SUCCESS_WE_FAILED, 10_000, 0, their_net=9_850)
    assert lines(entry_of(ResolutionAction.TO_SUSPENSE, apart, BKASH)) == {
        "receivable:bkash": 9_850,
        "connector_fee:bkash": 150,
        "suspense:bkash": -10_000,
    }
    assert lines(entry_of(ResolutionAction.FROM_SUSPENSE_TO_REFUND, apart, BKASH)) == {
        "suspense:bkash": 10_000,
        "refund_due:bkash": -10_000,
    }
    assert lines(entry_of(ResolutionAction.PAY_BACK_BY_HAND, apart, BKASH)) == {
        "refund_due:bkash": 10_000,
        "settlement_bank": -10_000,
    }


def test_the_second_of_two_equal_rows_of_one_payment_goes_to_suspense_and_back() -> None:
    """A page that was paid twice: our books have one of the two, and the other is its payer's."""
    twice = BreakAmounts(BreakCode.AMBIGUOUS, 10_000, 10_000, our_net=9_850, their_net=9_850)
    assert lines(entry_of(ResolutionAction.TO_SUSPENSE, twice, BKASH)) == {
        "receivable:bkash": 9_850,
        "connector_fee:bkash": 150,
        "suspense:bkash": -10_000,
    }
    assert lines(entry_of(ResolutionAction.FROM_SUSPENSE_TO_REFUND, twice, BKASH)) == {
        "suspense:bkash": 10_000,
        "refund_due:bkash": -10_000,
    }


def test_a_biller_that_posted_twice_is_claimed_from_where_it_took_the_money() -> None:
    apart = BreakAmounts(BreakCode.BILLER_DOUBLE_POST, 5_000, 0)
    prefunded = InstitutionSide("desco_prepaid", "delivery", has_deposit=True)
    assert lines(entry_of(ResolutionAction.CLAIM, apart, prefunded)) == {
        "biller_deposit:desco_prepaid": -5_000,
        "claim:desco_prepaid": 5_000,
    }
    # What we have not paid need not be claimed back; accepting it is a loss.
    assert entry_of(ResolutionAction.CLAIM, apart, DESCO) is None
    assert settlement_of(ResolutionAction.CLAIM, apart.code, None) == "dropped"
    assert lines(entry_of(ResolutionAction.WRITE_OFF, apart, DESCO)) == {
        "payable:desco_postpaid": -5_000,
        "write_off": 5_000,
    }


def test_a_second_outflow_is_a_loss_of_its_own() -> None:
    """Case 19: a chargeback after a refund is a row of theirs that takes money back."""
    apart = BreakAmounts(BreakCode.FILE_ONLY, -100_000, 0)
    assert lines(entry_of(ResolutionAction.WRITE_OFF, apart, BKASH)) == {
        "receivable:bkash": -100_000,
        "write_off": 100_000,
    }


def test_rounding_is_a_loss_unless_people_say_otherwise() -> None:
    assert lines(
        entry_of(ResolutionAction.ACCEPT_ROUNDING, BreakAmounts(BreakCode.ROUNDING, 0, 60), BKASH)
    ) == {
        "receivable:bkash": -60,
        "rounding": 60,
    }
    gained = BreakAmounts(BreakCode.ROUNDING, 0, 60, gains=True)
    assert lines(entry_of(ResolutionAction.ACCEPT_ROUNDING, gained, BKASH))["rounding"] == -60


def test_books_that_hold_a_payment_twice_keep_the_second_in_suspense() -> None:
    apart = BreakAmounts(BreakCode.DUP_IN_LEDGER, 5_000, 0, our_net=4_925)
    assert lines(entry_of(ResolutionAction.CORRECT_BOOKS, apart, BKASH)) == {
        "receivable:bkash": -4_925,
        "suspense:bkash": 4_925,
    }


@pytest.mark.parametrize(
    ("action", "apart", "side", "words"),
    [
        (ResolutionAction.WRITE_OFF, BreakAmounts(BreakCode.AMOUNT, 100, 40), BKASH, "more than our books"),
        (ResolutionAction.CLAIM, BreakAmounts(BreakCode.FILE_ONLY, 100, 0), BKASH, "more than our books"),
        (
            ResolutionAction.FROM_SUSPENSE_TO_REFUND,
            BreakAmounts(BreakCode.AMOUNT, 100, -40),
            BKASH,
            "missing",
        ),
        (ResolutionAction.TO_SUSPENSE, BreakAmounts(BreakCode.AMBIGUOUS, 100, 60), BKASH, "of one amount"),
        (ResolutionAction.WRITE_OFF, BreakAmounts(BreakCode.AMOUNT, 100, 0), BKASH, "no amount"),
        (ResolutionAction.WRITE_OFF, BreakAmounts(BreakCode.FILE_MISSING, 100, 9), BKASH, "no amount"),
        (
            ResolutionAction.WRITE_OFF,
            BreakAmounts(BreakCode.LEDGER_ONLY, 100, 0),
            InstitutionSide("partner_b", "funds"),
            "partner",
        ),
    ],
)
def test_an_entry_that_makes_no_sense_is_none(
    action: ResolutionAction, apart: BreakAmounts, side: InstitutionSide, words: str
) -> None:
    with pytest.raises(NoEntryError, match=words):
        entry_of(action, apart, side)


def test_what_came_by_transfer_stays_when_the_claim_ends_by_itself() -> None:
    apart = BreakAmounts(BreakCode.LEDGER_ONLY, 100, 0)
    received = entry_of(ResolutionAction.CLAIM_RECEIVED, apart, BKASH)
    assert received is not None
    assert lines(received) == {"claim:bkash": -100, "settlement_bank": 100}
    assert lines(reversal_after_closing(ResolutionAction.CLAIM_RECEIVED, "bkash", received)) == {
        "claim:bkash": 100,
        "suspense:bkash": -100,
    }


def test_settlement_counts_both_rows_once_the_second_is_in_suspense() -> None:
    entry = entry_of(ResolutionAction.TO_SUSPENSE, BreakAmounts(BreakCode.AMBIGUOUS, 100, 100), BKASH)
    assert settlement_of(ResolutionAction.TO_SUSPENSE, BreakCode.AMBIGUOUS, entry) == "agreed"
    given_up = entry_of(ResolutionAction.WRITE_OFF, BreakAmounts(BreakCode.AMBIGUOUS, 100, 100), BKASH)
    assert settlement_of(ResolutionAction.WRITE_OFF, BreakCode.AMBIGUOUS, given_up) == "dropped"


@pytest.mark.parametrize(
    ("action", "code", "said"),
    [
        (ResolutionAction.WRITE_OFF, BreakCode.LEDGER_ONLY, "dropped"),
        (ResolutionAction.WRITE_OFF, BreakCode.AMOUNT, "agreed"),
        (ResolutionAction.ACCEPT_FEE, BreakCode.FEE_VARIANCE, "agreed"),
        (ResolutionAction.TO_SUSPENSE, BreakCode.FILE_ONLY, "agreed"),
        (ResolutionAction.TO_SUSPENSE, BreakCode.REVERSAL_PENDING, ""),
        (ResolutionAction.CORRECT_BOOKS, BreakCode.DUP_IN_LEDGER, "dropped"),
        (ResolutionAction.CLAIM, BreakCode.WE_SUCCESS_THEY_FAILED, "dropped"),
        (ResolutionAction.NO_ACTION, BreakCode.DUP_IN_FILE, "dropped"),
        (ResolutionAction.NO_ACTION, BreakCode.AMOUNT, ""),
        (ResolutionAction.REPOST, BreakCode.THEY_SUCCESS_WE_FAILED, ""),
    ],
)
def test_settlement_is_told_whether_a_row_counts(
    action: ResolutionAction, code: BreakCode, said: str
) -> None:
    apart = BreakAmounts(code, 100, -40)
    side = BKASH
    entry = entry_of(action, apart, side)
    assert settlement_of(action, code, entry) == said
