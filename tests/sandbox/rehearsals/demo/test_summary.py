"""What a demo prints: the headline first, few lines of few columns, and no amount in paisa."""

import io
import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.rehearsals.demo.comparison.biller_books import COMPLETED, OurLine
from sandbox.rehearsals.demo.deciding.doors import DoorsOutcome
from sandbox.rehearsals.demo.deciding.open_alarms import OpenAlarm
from sandbox.rehearsals.demo.paying.load import PartnerExperience
from sandbox.rehearsals.demo.payouts.payee_books import PayeeLine
from sandbox.rehearsals.demo.payouts.payout_desk import PaidOrder
from sandbox.rehearsals.demo.payouts.payout_outcome import BankFigures
from sandbox.rehearsals.demo.report import DemoOutcome, EndpointCounts
from sandbox.rehearsals.demo.report_folder import leave_reports
from sandbox.rehearsals.demo.summary import LINES_MAX, WIDTH, cover_lines, headline, show_summary
from tests.sandbox.rehearsals.demo.collecting.test_book_reader import proven
from tests.sandbox.rehearsals.demo.payouts.sample_payouts import OUTCOME as PAID
from tests.sandbox.rehearsals.demo.sample_demo import OPENED, proof_of

PLACE = Path(".ekpay") / "demo"
PROGRESS_LINES = 20
LARGE = 98_765_432_109  # 98 crore 76 lakh taka
PAYMENT = OurLine(
    "pay_1", "partner-0", "R1", "1", LARGE, 0, COMPLETED, None, "2026-12-01", ("A1",), owed_paisa=LARGE
)
OWED = {
    "prefund:partner-0:postpaid": 6_000_000_00, "prefund:partner-1:postpaid": 1_00,
    "payable:desco_postpaid": 12_345_67, "suspense:nagad": 500_00,
}  # fmt: skip
BANK = BankFigures(10_000_000_00, 10_000_000_00, 3_987_153_33, 0, OWED)


async def large_outcome() -> DemoOutcome:
    """More of everything than a demo of a hundred thousand payments has."""
    kinds = [f"a_kind_of_fault_number_{number}" for number in range(60)]
    experience = PartnerExperience(
        Counter({f"DESCO {kind}": 99 for kind in kinds}),
        duplicates=defaultdict(Counter, {kind: Counter({"1010": 99}) for kind in kinds}),
        bad_requests=defaultdict(Counter, {kind: Counter({"2001": 99}) for kind in kinds}),
    )
    proof = proof_of(await proven())
    (nagad, *_) = proof.payers.providers
    families = [
        replace(nagad, provider=replace(nagad.provider, family=f"family_{number}"), owed_paisa=LARGE)
        for number in range(8)
    ]
    payees = [PayeeLine(f"biller:{number}", LARGE, LARGE, 0) for number in range(70)]
    orders = [PaidOrder(date(2026, 12, 7), 70, LARGE, ["open nights"])] * 4
    night = replace(
        proof.night,
        nights=[date(2026, 12, 7)] * 9,
        closed=[date(2026, 12, 7)] * 2,
        files=9_999,
        payouts=replace(PAID, payees=payees, orders=orders, bank=BANK),
    )
    return replace(
        proof,
        seconds=251.0,
        experience=experience,
        payments=[PAYMENT] * 3_000,
        partner_names={f"partner-{number}": f"Partner {number} Bank Limited" for number in range(20)},
        payers=replace(proof.payers, providers=families),
        night=night,
        notified=EndpointCounts(99_999, 99, 99, 0),
    )


def files_in(folder: Path) -> list[str]:
    return [f"{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file()]


def shown(outcome: DemoOutcome) -> list[str]:
    output = io.StringIO()
    show_summary(outcome, PLACE, Console(file=output, width=140, soft_wrap=True, highlight=False))
    return output.getvalue().splitlines()


async def test_the_largest_day_fits_into_its_lines_and_columns() -> None:
    outcome = await large_outcome()
    lines = shown(outcome)
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= len(headline(outcome, PLACE)) + LINES_MAX
    assert len(lines) + PROGRESS_LINES <= 80
    assert lines[0] == "PROVEN in 4 min 11 s, seed 1"
    assert not any("paisa" in line for line in lines)
    assert any(line.startswith("Alarms left open") for line in lines), "nothing is cut where all is proven"


async def test_the_headline_says_what_was_proven_and_where_the_reports_are() -> None:
    outcome = await large_outcome()
    said = "\n".join(headline(outcome, PLACE))
    assert "payments     3,001: 3,000 from partners' prefunds, 1 from payers" in said
    assert "taka         29,62,96,29,64,548.75 in completed payments" in said
    assert "unexplained  0, still open 0" in said
    assert "audit        clean" in said
    assert f"reports      {PLACE}" in said


async def test_what_is_unexplained_follows_the_headline_and_counts_in_it() -> None:
    outcome = await large_outcome()
    alarms = [OpenAlarm("money_in_suspense", f"entry {number} {'x' * 200}", "") for number in range(40)]
    lines = shown(replace(outcome, doors=DoorsOutcome(OPENED, alarms)))
    assert lines[0] == "NOT PROVEN in 4 min 11 s, seed 1"
    assert "  unexplained  40, still open 0" in lines
    (first, *_) = (number for number, line in enumerate(lines) if line.startswith("UNEXPLAINED ALARM"))
    assert first == len(headline(outcome, PLACE))
    assert sum(line.startswith("UNEXPLAINED ALARM") for line in lines) == 12
    assert "… and 28 more in report.txt" in lines
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= len(headline(outcome, PLACE)) + LINES_MAX


async def test_a_provider_whose_debt_is_disputed_is_named() -> None:
    outcome = await large_outcome()
    (first, *others) = outcome.payers.providers
    agreed = [replace(each, receivable_paisa=each.owed_paisa) for each in others]
    odd = replace(first, provider=replace(first.provider, id="nagad"), receivable_paisa=1)
    lines = shown(replace(outcome, payers=replace(outcome.payers, providers=[odd, *agreed])))
    said = " ".join(line.strip() for line in lines)
    assert "by our ledger it is the same but for nagad, of which something is in suspense." in said


def test_the_trust_cover_is_said_in_words_with_its_accounts() -> None:
    said = " ".join(line.strip() for line in cover_lines(BANK))
    assert said == (
        "Trust cover: 1,00,00,000.00 taka are at our banks (account settlement_bank; as much by their "
        "statements). 60,12,846.67 of it belong to others: prefund 60,00,001.00, payable 12,345.67, suspense "
        "500.00. The rest, 39,87,153.33, is our own: no taka of others is missing."
    )


@pytest.mark.parametrize(
    ("bank", "part"),
    [
        (replace(BANK, cover_paisa=-1_50), "1.50 of that are missing."),
        (replace(BANK, statement_paisa=5_00), "settlement_bank; 5.00 by their statements"),
    ],
)
def test_a_cover_that_is_short_or_disputed_is_said_so(bank: BankFigures, part: str) -> None:
    assert part in " ".join(line.strip() for line in cover_lines(bank))


async def test_reports_and_logs_of_the_last_demo_replace_those_of_the_one_before(tmp_path: Path) -> None:
    home, place = tmp_path / "home", tmp_path / "demo"
    for name in ("logs/switch.log", "reconciliation/reports/2026-12-01/breaks.xlsx"):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text("content")
    place.mkdir()
    (place / "old").write_text("of the demo before")
    outcome = await large_outcome()
    leave_reports(outcome, home, place)
    files = sorted(files_in(place))
    assert files == [
        "logs/switch.log", "outcome.json", "report.txt", "reports/2026-12-01/breaks.xlsx",
    ]  # fmt: skip
    assert json.loads((place / "outcome.json").read_text())["seed"] == 1
    report = (place / "report.txt").read_text()
    assert "Injected faults" in report
    assert "paisa" not in report
    assert files_in(tmp_path / "demo.new") == []
