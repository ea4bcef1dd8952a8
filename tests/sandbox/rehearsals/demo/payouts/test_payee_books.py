"""The equation of a demo's payouts, from rows of the ledger and of the bank's book: it holds, or it fails."""

from collections.abc import Mapping, Sequence

import pytest

from sandbox.rehearsals.demo.payouts.payee_books import (
    PayeeLine,
    payee_lines,
    payee_of,
    reasons_of,
    taka_paisa,
    unagreed_payouts,
)

ACCOUNTS = {"991": "biller:desco", "992": "merchant:shop"}
REASONS = {"biller:desco": "not received", "merchant:shop": "below minimum"}
# Bills for 100.50 come in, 80.50 are instructed; then 20.00 are owed.
CAME, INSTRUCTED = 10_050, 8_050


def row(account: str, moment: str, paisa: int) -> dict[str, str]:
    """A row of the general ledger; above zero it is a credit."""
    taka = f"{abs(paisa) // 100}.{abs(paisa) % 100:02d}"
    return {
        "account": account,
        "moment": moment,
        "credit": taka if paisa > 0 else "",
        "debit": taka if paisa < 0 else "",
    }


LEDGER = [
    {"account": "payable:desco", "moment": "", "credit": "", "debit": ""},
    row("payable:desco", "delivered", CAME),
    row("settlement_bank", "settlement_paid", -INSTRUCTED),
    row("payable:desco", "settlement_instructed", -INSTRUCTED),
]


def instruction(ending: str, moved: int = 0) -> Mapping[str, object]:
    return {"party": "biller:desco", "amount": INSTRUCTED, "moved": moved, "ending": ending}


def lines(
    ledger: Sequence[Mapping[str, str]], paid: Mapping[str, int], ending: str = "settled"
) -> Sequence[PayeeLine]:
    return payee_lines(ledger, ACCOUNTS, paid, [instruction(ending)], REASONS)


def test_what_came_in_is_what_left_and_what_is_held() -> None:
    [line] = lines(LEDGER, {"991": INSTRUCTED})
    assert line == PayeeLine("biller:desco", CAME, INSTRUCTED, CAME - INSTRUCTED, "not received")
    assert (line.difference, line.fault) == (0, "")


@pytest.mark.parametrize("ending", ["waiting", "missing"])
def test_what_is_under_way_is_held(ending: str) -> None:
    [line] = lines(LEDGER, {}, ending)
    assert (line.held_paisa, line.difference) == (CAME, 0)


def test_what_came_back_is_owed_again() -> None:
    rejected = row("payable:desco", "settlement_rejected", INSTRUCTED)
    [line] = lines([*LEDGER, rejected], {}, "rejected")
    assert (line.came_paisa, line.held_paisa, line.difference) == (CAME, CAME, 0)


@pytest.mark.parametrize("paid", [INSTRUCTED - 1, INSTRUCTED + 1, 0, 2 * INSTRUCTED])
def test_a_bank_that_paid_another_amount_than_our_ledger_has_is_a_fault(paid: int) -> None:
    [line] = lines(LEDGER, {"991": paid})
    assert line.difference == INSTRUCTED - paid
    assert "biller:desco" in line.fault


def test_a_bank_that_paid_the_account_of_another_is_a_fault_of_both() -> None:
    assert [line.difference for line in lines(LEDGER, {"992": INSTRUCTED})] == [INSTRUCTED, -INSTRUCTED]
    strange = lines(LEDGER, {"993": INSTRUCTED})
    assert [line.payee for line in strange if line.fault] == ["account 993, of nobody", "biller:desco"]


def test_what_is_held_without_a_reason_is_a_fault() -> None:
    [line] = payee_lines(LEDGER, ACCOUNTS, {"991": INSTRUCTED}, [], {})
    assert (line.difference, line.fault) == (0, "biller:desco: nobody knows why 20.00 taka are held")


@pytest.mark.parametrize(
    ("account", "payee"),
    [
        ("payable:desco", "biller:desco"),
        ("payable:merchant:shop", "merchant:shop"),
        ("payable:merchant:shop:courier", "payee:shop:courier"),
        ("commission_payable:merchant:shop:agent", "payee:shop:agent"),
        ("withdrawal_due:bank1", "partner:bank1"),
        ("prefund:bank1:postpaid", ""),
        ("settlement_bank", ""),
    ],
)
def test_accounts_belong_to_payees_as_settlement_calls_them(account: str, payee: str) -> None:
    assert payee_of(account) == payee


def test_a_sheet_and_its_breaks_say_why_money_is_held() -> None:
    sheet = {
        "held_back": [
            {"party": "biller:a", "reason": "not_received"},
            {"party": "biller:b", "reason": ""},
        ],
        "positions": [
            {"role": "biller", "party": "c", "reason": "below_minimum"},
            {"role": "biller", "party": "d", "reason": ""},
        ],
    }
    breaks = [
        {"institution": "d", "code": "AMOUNT", "reference": "R1", "state": "open"},
        {"institution": "e", "code": "AMOUNT", "reference": "R2", "state": "closed"},
    ]
    assert reasons_of(sheet, breaks) == {
        "biller:a": "not received",
        "biller:c": "below minimum",
        "biller:d": "a break stands: AMOUNT R1",
    }


def test_what_a_payout_puts_into_suspense_is_found_by_its_entry() -> None:
    put = row("suspense:bkash", "payout_received", 500) | {"entry_id": "e1"}
    taken = row("suspense:bkash", "payout_received", -500) | {"entry_id": "e2"}
    by_hand = row("suspense:bkash", "journal", 500) | {"entry_id": "e3"}
    assert unagreed_payouts([put, taken, by_hand, *LEDGER]) == {"e1": ("bkash", 500)}


@pytest.mark.parametrize(("text", "paisa"), [("", 0), ("0.01", 1), ("-12.30", -1_230)])
def test_amounts_of_papers_are_read(text: str, paisa: int) -> None:
    assert taka_paisa(text) == paisa


@pytest.mark.parametrize("text", ["12", "1,000.00", "12.3", "1.234"])
def test_another_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount of taka"):
        taka_paisa(text)
