"""A demo is proven by its payouts or it is not: whatever differs is a fault of the outcome."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.rehearsals.day.injected_errors import InjectedError
from sandbox.rehearsals.demo.night.night_run import INJECTION_REQUESTS, NightOutcome
from sandbox.rehearsals.demo.payouts.payout_outcome import (
    payees_by_account,
    read_ledger,
)
from sandbox.rehearsals.demo.payouts.report import payouts_json, show_payouts
from tests.sandbox.caller import ROOT
from tests.sandbox.rehearsals.demo.payouts.sample_payouts import BANK, LINES, OUTCOME, PAYOUTS


def test_an_outcome_in_which_everything_agrees_is_proven() -> None:
    assert (OUTCOME.faults, OUTCOME.is_proven) == ([], True)
    assert OUTCOME.came_paisa == OUTCOME.paid_paisa + OUTCOME.held_paisa == 2_200


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"payees": [replace(LINES[0], paid_paisa=1_199)]}, "1 apart"),
        ({"payees": [replace(LINES[0], why="")]}, "nobody knows why"),
        ({"payees": []}, "nobody was paid"),
        ({"payouts": PAYOUTS[1:]}, "no order that is rejected"),
        ({"payouts": PAYOUTS[:2] + PAYOUTS[3:]}, "no order that is late"),
        ({"payouts": PAYOUTS[:4]}, "were returned and not paid again"),
        ({"payouts": (*PAYOUTS[:3], replace(PAYOUTS[3], paisa=499), PAYOUTS[4])}, "not paid again"),
        ({"bank": replace(BANK, statement_paisa=9_001)}, "90.01"),
        ({"bank": replace(BANK, cover_paisa=-1)}, "short by 0.01 taka"),
        ({"bank": replace(BANK, unidentified=2)}, "2 lines"),
    ],
)
def test_whatever_differs_leaves_it_unproven(changed: dict[str, object], why: str) -> None:
    outcome = replace(OUTCOME, **changed)  # type: ignore[arg-type]
    assert not outcome.is_proven
    assert any(why in fault for fault in outcome.faults)
    assert payouts_json(outcome)["faults"] == list(outcome.faults)


def test_the_report_says_the_equation_and_what_the_bank_has_done() -> None:
    screen = Console(file=StringIO(), width=200, markup=False, emoji=False, highlight=False)
    show_payouts(OUTCOME, screen)
    show_payouts(replace(OUTCOME, payees=[replace(LINES[0], paid_paisa=0)]), screen)
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "2026-12-07: 3 payees, 15.00 taka." in text
    assert "Came in for 2 payees 22.00 = left 19.00 + held 3.00." in text
    assert "Held for biller:a: 3.00 taka (not received)." in text
    assert "Payee 1, 5.00 taka: the bank rejected it" in text
    assert "Came in for 1 payees 15.00 ≠ left 0.00 + held 3.00." in text
    assert "UNPROVEN PAYOUT" in text


def test_a_ledger_is_read_with_its_headings(tmp_path: Path) -> None:
    (tmp_path / "general-ledger_x.csv").write_text("account,moment\npayable:a,delivered\n")
    assert read_ledger(tmp_path) == [{"account": "payable:a", "moment": "delivered"}]


def test_each_account_of_the_configuration_belongs_to_one_payee() -> None:
    accounts = payees_by_account(ROOT / "config" / "settlement.toml")
    assert accounts["9910000000001"] == "biller:desco_postpaid"
    assert len(set(accounts.values())) == len(accounts)


def test_a_night_is_not_explained_while_its_payouts_are_unproven() -> None:
    codes = [request.code for request in INJECTION_REQUESTS]
    night = NightOutcome(
        nights=[],
        files=0,
        injected=[InjectedError(code, "bkash", "x", 0) for code in codes],
        explained=[],
        missed=[],
        unexplained=[],
        decided=[],
        closed=[],
        waiting=[],
        standing={},
        payouts=OUTCOME,
    )
    assert night.is_explained
    assert not replace(night, payouts=replace(OUTCOME, payees=[])).is_explained
