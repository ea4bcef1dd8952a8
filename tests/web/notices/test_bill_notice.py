"""A notice says in both languages what is owed, by when and how it is paid; its PDF is the same each time."""

import asyncio
import re
import sys
from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.scrolls.bill_files import BillStatus, FiledBill
from ekpay_switch.domain.scrolls.bill_notices import grouped_code, notice_code
from ekpay_switch.web.notices.bill_notice import NoticePaper, notice_content
from ekpay_switch.web.notices.typeset import PROGRAM
from ekpay_switch.web.receipts.typesetter import Typesetter
from ekpay_switch.web.site import NO_SITE, Site
from tests.web.portal.portal_setup import real_profiles
from tests.web.receipts.test_receipt_pdf import HARD, inflated

CODE = notice_code(41_936_369_711_328)
SITE = Site(name_en="ekPay", name_bn="একপে", helpline="16122")
BILL = FiledBill(
    bill_key="HT-17",
    status=BillStatus.UNPAID,
    parameters={"union_id": "26140011", "holding_no": "HT-00017", "year": "2026", "unknown": "X"},
    customer_name="রহিমা খাতুন",
    period="2026",
    issued_on=date(2026, 12, 1),
    due_on=date(2026, 12, 31),
    amount=Money(123_450),
    vat=Money(1_000),
    late_fee=Money(2_500),
)


@cache
def a_paper() -> NoticePaper:
    profile = next(one for one in real_profiles() if one.id == "up_holding_tax")
    return NoticePaper(profile, BILL, CODE, "https://pay.example", SITE)


def lines_of(paper: NoticePaper) -> dict[str, str]:
    content = notice_content(paper)
    groups = content["groups"]
    assert isinstance(groups, list)
    return {line["label"]["english"]: line["value"]["english"] for group in groups for line in group["lines"]}


def pdf_of(paper: NoticePaper) -> bytes:
    async def typeset() -> bytes | None:
        return await Typesetter(command=(sys.executable, "-m", PROGRAM)).pdf(notice_content(paper))

    pdf = asyncio.run(typeset())
    assert pdf is not None
    return pdf


def test_it_says_whose_bill_it_is_and_what_is_owed() -> None:
    assert lines_of(a_paper()) == {
        "Name": "রহিমা খাতুন",
        "Bill number": "HT-17",
        "Union code": "26140011",
        "Holding number": "HT-00017",
        "Year": "2026",
        "Period": "2026",
        "Bill": "1,234.50 taka",
        "VAT": "10.00 taka",
        "Total": "1,244.50 taka",
        "Late fee after that day": "25.00 taka",
        "Total after that day": "1,269.50 taka",
    }


def test_what_is_not_owed_or_known_is_not_said() -> None:
    bill = replace(
        BILL,
        vat=ZERO,
        late_fee=ZERO,
        customer_name="",
        period="",
        lines=(ChargeLine("house_tax", BILL.amount),),
    )
    lines = lines_of(replace(a_paper(), bill=bill))
    assert {"Name", "Period", "VAT", "Late fee after that day"} & lines.keys() == set()
    assert lines["house tax"] == lines["Total"] == "1,234.50 taka"


def test_amount_day_and_code_stand_in_both_languages() -> None:
    content = notice_content(a_paper())
    assert content["total"] == {"bangla": "১,২৪৪.৫০ টাকা", "english": "1,244.50 taka"}
    assert content["due"] == {
        "bangla": "পরিশোধের শেষ তারিখ ৩১ ডিসেম্বর ২০২৬",
        "english": "Pay by 31 December 2026",
    }
    assert content["code"] == {"bangla": "৪১৯৩ ৬৩৬৯ ৭১১৩ ২৮৩৮", "english": grouped_code(CODE)}
    assert content["link"] == f"https://pay.example/n/{CODE}"


@pytest.mark.parametrize(("site", "lines"), [(SITE, 2), (NO_SITE, 0)])
def test_who_runs_the_service_is_said_where_it_is_known(site: Site, lines: int) -> None:
    foot = notice_content(replace(a_paper(), site=site))["foot"]
    assert isinstance(foot, list)
    assert len(foot) == lines


def test_the_pdf_is_the_same_each_time_and_its_picture_leads_to_the_bill() -> None:
    pdf = pdf_of(a_paper())
    assert pdf == pdf_of(a_paper())
    assert f"https://pay.example/n/{CODE}".encode() in pdf + inflated(pdf)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf + inflated(pdf))) == 1


def test_whatever_an_office_writes_is_set() -> None:
    bill = replace(BILL, customer_name=HARD, period=HARD[:60], issued_on=None)
    assert pdf_of(replace(a_paper(), bill=bill)).startswith(b"%PDF-")
