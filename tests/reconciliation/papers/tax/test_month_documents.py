"""Invoices and credit notes: their sums are the trial balance's, and once issued they never change."""

import asyncio
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from reconciliation.errors import ConfigurationError, ReportError
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.tax.earned_parts import MonthEarnings
from reconciliation.papers.tax.month_documents import MonthDocuments, read_month_documents
from reconciliation.resolutions.break_audit import first_broken
from reconciliation.results.issued_invoices import DocumentKind, IssuedDocument, first_unsound_document
from tests.reconciliation.papers.month_of_books import APRIL_1, APRIL_30
from tests.reconciliation.papers.tax.earnings import APRIL, MAY, MAY_2, MonthOfEarnings
from tests.reconciliation.settlement.sample_lines import CONFIG

MIGRATION = Path(__file__).parents[4] / "migrations/versions/from_0026/0049_fee_invoices.py"
OPEN_WINDOW = "INSERT INTO settlement_windows (id, business_date) VALUES (0, '2026-04-30')"
INSERT = """
INSERT INTO reconciliation.fee_invoices (month, kind, number, party, charges, fees, vat, content, digest,
  issued_by, issued_at)
VALUES ('{month}', 'invoice', {number}, 'bank1', 0, {fees}, {vat}, '{{}}', '', '{by}', now())
"""


async def documents_of(earnings: MonthOfEarnings, period: Period = APRIL) -> MonthDocuments:
    finance = earnings.month.finance
    async with read_snapshot(finance) as connection:
        return await read_month_documents(connection, finance.config, period, is_rehearsal=True)


def summary(documents: MonthDocuments) -> list[tuple[str, str, tuple[int, int, int]]]:
    return [(document.name, document.party, document.sums) for document in documents.documents]


async def test_every_party_gets_one_invoice_and_all_together_are_the_trial_balance(
    earnings: MonthOfEarnings,
) -> None:
    await earnings.journal(APRIL_30, 70)
    planned = await documents_of(earnings)
    assert not planned.is_issued
    assert summary(planned) == [
        ("INV-2026-04-0001", "bank1", (0, 1_370, 205)),
        ("INV-2026-04-0002", "shop", (750, 870, 130)),
    ]
    bank = planned.documents[0].content
    assert bank["party"] == {"id": "bank1", "role": "partner", "name": "Bank One, 2nd branch", "name_bn": ""}
    assert bank["lines"] == [
        {"payee": "desco_postpaid", "rate": 1500, "payments": 2, "charges": 0, "fees": 1_370, "vat": 205}
    ]
    assert planned.documents[1].content["party"]["name_bn"] == "দোকান ২"
    balance = planned.earnings.vat_report.trial_balance
    for place, account in enumerate(("charge_income", "fee_income", "vat_payable")):
        (line,) = balance.of_accounts([account])
        invoiced = sum(document.sums[place] for document in planned.documents)
        assert invoiced - (70 if account == "vat_payable" else 0) == line.credit - line.debit


async def test_issued_once_they_are_the_same_ever_after(earnings: MonthOfEarnings) -> None:
    issued = await earnings.issue()
    assert issued.is_issued
    assert {document.issued_by for document in issued.documents} == {"Rahima"}
    assert (await earnings.issue(by="Karim")).documents == issued.documents
    await earnings.month.stage.books.tell("UPDATE partners SET name = 'Another name' WHERE id = 'bank1'")
    again = await documents_of(earnings)
    assert again.documents == issued.documents
    connection = await earnings.month.finance.connect("audit")
    try:
        assert await first_unsound_document(connection) is None
    finally:
        await connection.close()


async def test_two_who_issue_at_once_issue_one_set(earnings: MonthOfEarnings) -> None:
    answers = await asyncio.gather(
        earnings.issue(), earnings.issue(by="Karim"), earnings.issue(), return_exceptions=True
    )
    issued = (await documents_of(earnings)).documents
    assert [document.number for document in issued] == [1, 2]
    for answer in answers:
        if isinstance(answer, MonthDocuments):
            assert answer.documents == issued
        else:
            assert isinstance(answer, ReportError)


async def test_what_is_given_back_later_is_a_credit_note_of_its_month(earnings: MonthOfEarnings) -> None:
    await earnings.issue()
    credit = (await earnings.issue(MAY)).documents
    assert [(document.name, document.party, document.sums) for document in credit] == [
        ("CRN-2026-05-0001", "shop", (375, 435, 65))
    ]
    (line,) = credit[0].content["lines"]
    assert (line["earned_in"], line["of"], line["rate"]) == ("2026-04", "INV-2026-04-0002", 1500)


async def test_a_credit_note_without_an_invoice_of_ours_names_the_month(earnings: MonthOfEarnings) -> None:
    (line,) = (await earnings.issue(MAY)).documents[0].content["lines"]
    assert (line["earned_in"], line["of"]) == ("2026-04", "")


async def test_what_is_given_back_in_the_same_month_does_not_lower_the_invoice(
    earnings: MonthOfEarnings,
) -> None:
    order = await earnings.earn(APRIL_1, "shop", "merchant:shop", charge=0, fee=870, vat=130)
    await earnings.give_back(APRIL_30, order, charge=0, fee=870, vat=130)
    issued = await earnings.issue()
    assert summary(issued)[1:] == [
        ("INV-2026-04-0002", "shop", (750, 1_740, 260)),
        ("CRN-2026-04-0001", "shop", (0, 870, 130)),
    ]
    assert issued.of(DocumentKind.CREDIT_NOTE)[0].content["lines"][0]["of"] == "INV-2026-04-0002"


async def test_a_refund_that_fails_in_its_month_leaves_no_credit_note(earnings: MonthOfEarnings) -> None:
    order = await earnings.earn(APRIL_1, "shop", "merchant:shop", charge=0, fee=870, vat=130)
    for part in (435, -435):
        await earnings.give_back(APRIL_30, order, charge=0, fee=part, vat=part // 5)
    assert summary(await earnings.issue())[1:] == [
        ("INV-2026-04-0002", "shop", (750, 1_740, 260)),
    ]


async def test_a_refund_that_fails_later_is_invoiced_again(earnings: MonthOfEarnings) -> None:
    order = await earnings.earn(APRIL_1, "bank1", "desco_postpaid", charge=0, fee=870, vat=130)
    await earnings.give_back(APRIL_30, order, charge=0, fee=870, vat=130)
    await earnings.give_back(MAY_2, order, charge=0, fee=-870, vat=-130)
    await earnings.issue()
    again = (await earnings.issue(MAY)).documents
    assert [(document.name, document.party, document.sums) for document in again] == [
        ("INV-2026-05-0001", "bank1", (0, 870, 130)),
        ("CRN-2026-05-0001", "shop", (375, 435, 65)),
    ]
    (line,) = again[0].content["lines"]
    assert (line["earned_in"], line["of"]) == ("2026-04", "INV-2026-04-0001")


async def test_a_refund_whose_parts_go_both_ways_is_one_credit_note(earnings: MonthOfEarnings) -> None:
    """By largest remainders a part of a larger refund can be a paisa less (`domain.merchants.shares`)."""
    order = await earnings.earn(APRIL_1, "bank1", "desco_postpaid", charge=0, fee=870, vat=130)
    await earnings.give_back(APRIL_30, order, charge=0, fee=1, vat=-1)
    issued = await earnings.issue()
    assert summary(issued)[2:] == [("CRN-2026-04-0001", "bank1", (0, 1, -1))]
    async with read_snapshot(earnings.month.finance) as connection:
        assert await first_unsound_document(connection) is None


async def test_what_comes_to_nothing_has_no_document(earnings: MonthOfEarnings) -> None:
    order = await earnings.earn(APRIL_1, "bank1", "desco_postpaid", charge=0, fee=870, vat=130)
    for day, part in ((MAY_2, 5), (MAY_2, -5)):
        await earnings.give_back(day, order, charge=0, fee=part, vat=0)
    assert [document.party for document in (await earnings.issue(MAY)).documents] == ["shop"]


async def test_figures_that_have_changed_are_refused_by_the_name_of_the_invoice(
    earnings: MonthOfEarnings,
) -> None:
    await earnings.issue()
    await earnings.earn(APRIL_30, "bank1", "desco_postpaid", charge=0, fee=870, vat=130)
    with pytest.raises(ReportError, match=r"INV-2026-04-0001 of bank1 was issued over .*fees 13.70.*22.40"):
        await documents_of(earnings)
    with pytest.raises(ReportError, match="INV-2026-04-0001"):
        await earnings.issue()
    async with read_snapshot(earnings.month.finance) as connection:
        finding = await first_broken(connection)
    assert finding is not None
    assert finding.row == "reconciliation.fee_invoices INV-2026-04-0001"
    assert "the ledger [0, 2240, 335]" in finding.why


async def test_who_earned_in_an_issued_month_without_an_invoice_is_refused(earnings: MonthOfEarnings) -> None:
    await earnings.issue()
    await earnings.month.stage.books.partner("bank2")
    await earnings.earn(APRIL_30, "bank2", "desco_postpaid", charge=0, fee=870, vat=130)
    with pytest.raises(ReportError, match="2026-04 was issued without invoice of bank2"):
        await documents_of(earnings)
    async with read_snapshot(earnings.month.finance) as connection:
        assert await first_unsound_document(connection) == ("2026-04", "bank2 has no invoice of 1000 paisa")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE reconciliation.fee_invoices SET content = '{}' WHERE number = 1", "not what was issued"),
        ("DELETE FROM reconciliation.fee_invoices WHERE number = 1", "number 1 is missing"),
    ],
)
async def test_the_audit_sees_what_was_tampered_with(
    earnings: MonthOfEarnings, change: str, why: str
) -> None:
    await earnings.issue()
    await earnings.month.stage.books.tell(change)
    async with read_snapshot(earnings.month.finance) as connection:
        found = await first_unsound_document(connection)
    assert found is not None
    assert why in found[1]


async def test_nothing_is_issued_of_a_month_with_an_open_date(earnings: MonthOfEarnings) -> None:
    await earnings.month.stage.books.tell(OPEN_WINDOW)
    with pytest.raises(ReportError, match="a business date of 2026-04, or before it, is not closed yet"):
        await earnings.issue()
    assert await earnings.month.stage.books.count("reconciliation.fee_invoices") == 0


async def test_a_month_without_earnings_has_nothing_to_issue(earnings: MonthOfEarnings) -> None:
    empty = await earnings.issue(Period.of_month("2026-03"))
    assert (empty.documents, empty.is_issued) == ([], False)
    assert await earnings.month.stage.books.count("reconciliation.fee_invoices") == 0


async def test_a_made_up_issuer_issues_nothing_for_real_money(
    earnings: MonthOfEarnings, tmp_path: Path
) -> None:
    office = earnings.month.stage.office
    office.is_rehearsal = False
    with pytest.raises(ConfigurationError, match=r"invoices.toml: status: the issuer is made up"):
        await earnings.issue()
    office.config = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    text = (CONFIG / "invoices.toml").read_text(encoding="utf-8")
    registered = text.replace('status = "placeholder"', 'status = "registered"')
    (office.config / "invoices.toml").write_text(registered, encoding="utf-8")
    assert (await earnings.issue()).is_issued


async def test_the_database_keeps_the_rules_of_issuing(earnings: MonthOfEarnings) -> None:
    books = earnings.month.stage.books
    for values, why in (
        ({}, "the invoice of bank1 is not what the ledger of the month says"),
        ({"fees": 1_370, "vat": 205}, "the invoice of shop is not what the ledger of the month says"),
        ({"number": 2}, "numbered without a gap"),
        ({"by": "nobody"}, "a person of finance"),
        ({"fees": -1}, "ck_fee_invoices_amounts"),
        ({"fees": 0}, "ck_fee_invoices_amounts"),
        ({"month": "2026-04-02"}, "ck_fee_invoices_month"),
        ({"month": "9999-01-01"}, "business dates are closed"),
    ):
        row = {"month": "2026-04-01", "number": 1, "fees": 5, "vat": 0, "by": "Rahima"} | values
        with pytest.raises(asyncpg.CheckViolationError, match=why):
            await books.tell(INSERT.format(**row))
    await earnings.issue()
    with pytest.raises(asyncpg.CheckViolationError, match="issued once, together"):
        await books.tell(INSERT.format(month="2026-04-01", number=3, fees=5, vat=0, by="Rahima"))
    connection = await earnings.month.finance.connect()
    try:
        for change in (
            "UPDATE reconciliation.fee_invoices SET vat = 0",
            "DELETE FROM reconciliation.fee_invoices",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
    finally:
        await connection.close()
    with pytest.raises(asyncpg.RaiseError, match="fee invoices are issued"):
        await books.tell(runpy.run_path(str(MIGRATION))["GUARD"])


async def test_sums_that_are_not_the_reports_make_no_document(earnings: MonthOfEarnings) -> None:
    found = (await documents_of(earnings)).earnings
    with pytest.raises(ReportError, match="payments of bank1 moved"):
        MonthEarnings(found.vat_report, [replace(found.parts[0], vat=1), *found.parts[1:]])
    with pytest.raises(ReportError, match="payments of shop moved"):
        MonthEarnings(found.vat_report, found.parts[:1])


async def test_the_rate_is_not_told_where_the_fee_table_does_not_explain_it(
    earnings: MonthOfEarnings,
) -> None:
    await earnings.earn(MAY_2, "bank1", "desco_postpaid", charge=0, fee=1_000, vat=75)
    await earnings.earn(MAY_2, "bank1", "desco_postpaid", charge=0, fee=1_000, vat=150)
    invoice: IssuedDocument = (await documents_of(earnings, MAY)).documents[0]
    assert [(line["rate"], line["vat"]) for line in invoice.content["lines"]] == [(1500, 150), (None, 75)]
