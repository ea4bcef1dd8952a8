"""Certificates of withheld tax: issued once, equal to the ledger, with the same bytes ever after."""

import asyncio
import csv
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from reconciliation.errors import ReportError
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.withholding.certificate_paper import certificate_page, write_certificates_of
from reconciliation.papers.withholding.month_certificates import MonthCertificates
from reconciliation.papers.written_files import written_files
from reconciliation.results.issued_certificates import first_unsound_certificate
from reconciliation.settlement.payout_audit import first_broken
from tests.reconciliation.papers.withholding.withheld_month import APRIL_30, MAY, TIN, WithheldMonth
from tests.reconciliation.settlement.payout_desk import sweep
from tests.reconciliation.settlement.sample_lines import CALENDAR, TUE

INSERT = """
INSERT INTO reconciliation.withholding_certificates (month, number, role, party, gross, tax, content, digest,
  issued_by, issued_at)
VALUES ('{month}', {number}, 'biller', 'desco_postpaid', 100025, {tax}, '{{}}', '', '{by}', now())
"""


def summary(month: MonthCertificates) -> list[tuple[str, str, int, int]]:
    return [(item.name, item.payee, item.gross, item.tax) for item in month.certificates]


async def unsound(taxed: WithheldMonth) -> tuple[str, str] | None:
    async with read_snapshot(taxed.finance) as connection:
        return await first_unsound_certificate(connection)


async def test_each_payee_gets_one_and_all_together_are_the_account(taxed: WithheldMonth) -> None:
    planned = await taxed.certificates()
    assert not planned.is_issued
    assert summary(planned) == [
        ("WHT-2026-04-0001", "biller:desco_postpaid", 100_025, 2_001),
        ("WHT-2026-04-0002", "payee:shop:udc", 50_005, 5_001),
    ]
    assert sum(item.tax for item in planned.certificates) == planned.monthly_return.withheld_tax
    biller, agent = (item.content for item in planned.certificates)
    assert biller["payee"] == {"name": "Dhaka Electric Supply Company", "name_bn": "", "tin": ""}
    assert agent["payee"] == {"name": "Centre <1>", "name_bn": "", "tin": TIN}
    (line,) = agent["lines"]
    assert (line["value_date"], line["section"], line["basis_points"]) == ("2026-04-06", "94", 1_000)


async def test_they_name_the_sweep_once_the_statement_has_booked_it(taxed: WithheldMonth) -> None:
    for reference in ("challan of April", "challan of May"):
        await sweep(taxed.stage, "withheld-tax", APRIL_30, 3_501, reference)
    assert (await taxed.certificates()).certificates[0].content["sweeps"] == []
    await taxed.pay_sweep(7_002)
    (found, *_) = (await taxed.certificates()).certificates[0].content["sweeps"]
    assert found == {"number": 1, "reference": "challan of April", "until": "2026-04-30"}
    issued = await taxed.issue()
    page = certificate_page(issued.certificates[0], issued.period)
    assert [item["en"] for item in page["sweeps"]] == ["challan of April (1), until 2026-04-30"]


async def test_issued_once_they_are_the_same_ever_after(taxed: WithheldMonth, tmp_path: Path) -> None:
    assert await unsound(taxed) is None
    issued = await taxed.issue()
    assert {item.issued_by for item in issued.certificates} == {"Rahima"}
    assert (await taxed.issue(by="Karim")).certificates == issued.certificates
    await taxed.stage.books.tell("UPDATE merchant_payees SET name = 'Another name'")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        with written_files(folder) as files:
            write_certificates_of(await taxed.certificates(), files, ("csv", "pdf"))
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == second
    assert len(first) == 3
    register = next(path for path in folders[0].iterdir() if path.suffix == ".csv")
    *rows, control = csv.DictReader(register.read_text(encoding="utf-8").splitlines())
    assert [(row["number"], row["name"], row["tin"], row["tax"]) for row in rows] == [
        ("WHT-2026-04-0001", "Dhaka Electric Supply Company", "", "20.01"),
        ("WHT-2026-04-0002", "Centre <1>", TIN, "50.01"),
    ]
    assert "70.02" in control.values()
    assert await unsound(taxed) is None
    async with read_snapshot(taxed.finance) as connection:
        assert await first_broken(connection) is None


async def test_a_page_leaves_a_line_for_a_tin_that_nobody_knows(taxed: WithheldMonth) -> None:
    planned = (await taxed.certificates()).certificates[0]
    with pytest.raises(ReportError, match="WHT-2026-04-0001 is not issued yet"):
        certificate_page(planned, (await taxed.certificates()).period)
    issued = await taxed.issue()
    page = certificate_page(issued.certificates[0], issued.period)
    assert page["payee"]["tin"] == ""
    assert page["sweeps"][0]["en"] == "Not yet paid to the state when this was issued."
    assert page["totals"][2]["taka"] == {"en": "980.24 taka", "bn": "৯৮০.২৪ টাকা"}
    assert page["notes"] == []


async def test_files_are_written_of_what_is_issued(taxed: WithheldMonth, tmp_path: Path) -> None:
    month = await taxed.certificates()
    with (
        pytest.raises(ReportError, match="2026-04 is not issued yet: ekpay reconcile issue-certificates"),
        written_files(tmp_path / "out") as files,
    ):
        write_certificates_of(month, files, ("csv",))


async def test_what_is_restored_later_is_taken_back_by_a_certificate_of_its_month(
    taxed: WithheldMonth,
) -> None:
    await taxed.issue()
    await taxed.reject("biller")
    may = await taxed.issue(MAY)
    assert summary(may) == [("WHT-2026-05-0001", "biller:desco_postpaid", -100_025, -2_001)]
    assert may.certificates[0].content["sweeps"] == []
    assert certificate_page(may.certificates[0], MAY)["notes"][0]["en"].startswith("A line below zero")
    assert await unsound(taxed) is None


async def test_a_payee_of_which_nothing_is_left_gets_none(taxed: WithheldMonth) -> None:
    await taxed.issue()
    await taxed.sell(70_000)
    await taxed.stage.run(TUE)
    await taxed.stage.settle(CALENDAR.business_day_after(TUE))
    await taxed.reject("biller")
    may = await taxed.issue(MAY)
    assert (summary(may), may.is_issued) == ([], False)


async def test_two_who_issue_at_once_issue_one_set(taxed: WithheldMonth) -> None:
    answers = await asyncio.gather(*(taxed.issue() for _ in range(3)), return_exceptions=True)
    issued = (await taxed.certificates()).certificates
    assert [item.number for item in issued] == [1, 2]
    for answer in answers:
        assert isinstance(answer, ReportError) or (
            isinstance(answer, MonthCertificates) and answer.certificates == issued
        )


async def test_a_person_who_is_not_of_finance_issues_nothing(taxed: WithheldMonth) -> None:
    with pytest.raises(ReportError, match="a person of finance issues certificates"):
        await taxed.issue(by="nobody")
    assert not (await taxed.certificates()).is_issued


async def test_an_open_month_is_not_certified(taxed: WithheldMonth) -> None:
    await taxed.stage.books.tell(
        "INSERT INTO settlement_windows (id, business_date) VALUES (0, '2026-04-30')"
    )
    with pytest.raises(ReportError, match="a business date of 2026-04, or before it, is not closed yet"):
        await taxed.issue()


@pytest.mark.parametrize(
    ("month", "number", "tax", "by", "words"),
    [
        ("2026-04-01", 1, 2_001, "nobody", "a person of finance"),
        ("9999-04-01", 1, 2_001, "Rahima", "business dates are closed"),
        ("2026-04-01", 2, 2_001, "Rahima", "without a gap"),
        ("2026-04-01", 1, 2_000, "Rahima", "biller:desco_postpaid is not what the ledger"),
        ("2026-04-01", 1, 2_001, "Rahima", "payee:shop:udc is not what the ledger"),
    ],
)
async def test_the_database_refuses_a_certificate(
    taxed: WithheldMonth, month: str, number: int, tax: int, by: str, words: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match=words):
        await taxed.stage.books.tell(INSERT.format(month=month, number=number, tax=tax, by=by))


async def test_certificates_of_a_month_are_issued_together(taxed: WithheldMonth) -> None:
    await taxed.issue()
    with pytest.raises(asyncpg.CheckViolationError, match="issued once, together"):
        await taxed.stage.books.tell(INSERT.format(month="2026-04-01", number=3, tax=1, by="Rahima"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            "UPDATE reconciliation.withholding_certificates SET content = '{}' WHERE number = 1",
            "not what was",
        ),
        ("DELETE FROM reconciliation.withholding_certificates WHERE number = 1", "number 1 is missing"),
        (
            "DELETE FROM reconciliation.withholding_certificates WHERE number = 2",
            "has no certificate of 5001",
        ),
        (
            "UPDATE reconciliation.withheld_taxes SET gross = 100026, gross_before = -1 WHERE section = '89'",
            "it says 2001 of 100025 paisa, the ledger 2001 of 100026",
        ),
    ],
)
async def test_the_audit_sees_what_was_tampered_with(taxed: WithheldMonth, change: str, why: str) -> None:
    issued = await taxed.issue()
    await taxed.stage.books.tell(change)
    found = await unsound(taxed)
    assert found is not None
    assert why in found[1]
    async with read_snapshot(taxed.finance) as connection:
        assert await first_broken(connection) is not None
    with pytest.raises(ReportError, match="2026-04 certifies"):
        replace(issued, booked={**issued.booked, "biller:desco_postpaid": (1, 1)})
