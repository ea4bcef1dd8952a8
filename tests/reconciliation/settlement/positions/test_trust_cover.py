"""What the money at our banks has to cover, and what may be counted on top of it."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from reconciliation.settlement.positions.payout_credits import PayoutBatch
from reconciliation.settlement.positions.trust_cover import cover_of, overdue_of
from tests.reconciliation.settlement.sample_lines import CYCLES, MON, NPSB, SUN, TUE, line

OWED = ("prefund:b:postpaid", "payable:x", "commission_payable:merchant:s:a", "in_flight", "refund_due:c",
        "suspense:c", "clearing:rtgs")  # fmt: skip
balances_ = st.dictionaries(
    st.sampled_from([*OWED, "settlement_bank", "receivable:c", "fee_income", "vat_payable", "bank_charges"]),
    st.integers(-(10**12), 10**12),
)


def test_both_lines_with_the_accounts_behind_them() -> None:
    found = cover_of(
        {
            "settlement_bank": 1_000, "prefund:b:postpaid": 300, "payable:x": 400, "payable:y": -50,
            "in_flight": 100, "refund_due:c": 50, "suspense:c": 25, "suspense:d": -70, "clearing:rtgs": 75,
            "receivable:c": 500, "receivable:e": -30, "receivable:merchant:s": 90, "vat_payable": 999,
            "biller_deposit:u": -20, "biller_deposit:v": 800,
        },
        overdue={"c": 200, "z": 9},
    )  # fmt: skip
    assert found.owed_by_account == {
        "prefund:b:postpaid": 300, "payable:x": 400, "in_flight": 100, "refund_due:c": 50, "suspense:c": 25,
        "clearing:rtgs": 75, "receivable:e": 30, "biller_deposit:u": 20,
    }  # fmt: skip
    assert (found.strict, found.receivables, found.overdue) == (0, {"c": 300}, {"c": 200})
    assert (found.with_receivables, found.is_short, found.alarm) == (300, False, "")
    assert (found.deposits, found.shortfall, found.is_bank_negative) == ({"v": 800}, 0, False)


def test_what_our_owners_have_paid_in_covers_what_belongs_to_others() -> None:
    balances = {"settlement_bank": 300, "prefund:b:postpaid": 250, "own_funds": 100, "biller_deposit:u": 50}
    assert (cover_of(balances).strict, cover_of(balances).owed_by_account) == (
        50,
        {"prefund:b:postpaid": 250},
    )


def test_a_negative_bank_account_is_said_as_such_with_what_to_book_first() -> None:
    found = cover_of({"settlement_bank": -150, "receivable:c": 200})
    assert (found.is_bank_negative, found.shortfall) == (True, 150)
    assert found.alarm == (
        "trust cover is short by 1.50 taka of 0.00 owed; covered once connectors pay; bank account negative:"
        " by our books we have -1.50 taka at our banks, so payouts are booked and the credits behind them are"
        " not: ekpay settle credits"
    )


def test_a_paisa_is_short() -> None:
    found = cover_of({"settlement_bank": 99, "payable:x": 100})
    assert (found.strict, found.is_short) == (-1, True)
    assert found.alarm == "trust cover is short by 0.01 taka of 1.00 owed; not covered by receivables"


def test_the_banks_own_figure_counts_too() -> None:
    found = cover_of({"settlement_bank": 100, "payable:x": 100, "receivable:c": 1}, [60, 39])
    assert (found.strict, found.strict_by_statement, found.is_short) == (0, -1, True)
    assert found.alarm == "trust cover is short by 0.01 taka of 1.00 owed; covered once connectors pay"
    assert not cover_of({"settlement_bank": 100, "payable:x": 100}, [100]).is_short


def test_what_banks_have_less_than_our_books_is_not_covered_by_what_covers_our_books() -> None:
    found = cover_of({"settlement_bank": 100, "payable:x": 100, "receivable:c": 1}, [98])
    assert found.with_receivables == 1
    assert found.alarm == "trust cover is short by 0.02 taka of 1.00 owed; not covered by receivables"


@given(balances_, st.sampled_from(OWED), st.integers(1, 10**12))
def test_whoever_is_owed_more_lowers_the_cover_by_it(
    balances: dict[str, int], account: str, paisa: int
) -> None:
    before = cover_of(balances)
    more = cover_of(balances | {account: max(0, balances.get(account, 0)) + paisa})
    assert before.strict - more.strict == paisa
    assert before.with_receivables - more.with_receivables == paisa


@given(balances_, st.integers(0, 10**13))
def test_what_is_overdue_is_never_counted(balances: dict[str, int], late: int) -> None:
    found = cover_of(balances, overdue={"c": late})
    receivable = max(0, balances.get("receivable:c", 0))
    counted, missing = sum(found.receivables.values()), sum(found.overdue.values())
    assert (counted + missing, missing) == (receivable, min(receivable, late))


def a_batch(day: date, credited: int | None) -> PayoutBatch:
    return PayoutBatch("NPSB1", "stmt_janata", "npsb", day, 1_000, 10, credited)


def test_a_receivable_is_overdue_once_its_value_date_is_over() -> None:
    assert overdue_of([a_batch(MON, None)], [], CYCLES, SUN) == {}
    assert overdue_of([a_batch(MON, None)], [], CYCLES, MON) == {"npsb": 1_000}
    assert overdue_of([a_batch(MON, 989)], [], CYCLES, TUE) == {"npsb": 1}
    assert overdue_of([a_batch(MON, 995)], [], CYCLES, TUE) == {}


def test_what_only_our_books_know_is_overdue_too() -> None:
    ours = line(NPSB, 700, "lines-1:1", agreed_on=None, because="LEDGER_ONLY")
    told = line(NPSB, 900, "npsb_20260405_01.txt:1", agreed_on=None, because="AMOUNT")
    decided = line(NPSB, 70, "lines-1:2", agreed_on=None, dropped_on=SUN, because="LEDGER_ONLY")
    assert overdue_of([], [ours, told, decided], CYCLES, SUN) == {}
    assert overdue_of([], [ours, told, decided], CYCLES, MON) == {"npsb": 700}
