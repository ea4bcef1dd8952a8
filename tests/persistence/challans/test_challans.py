"""What is set aside for a challan is paid once or owed again once, whoever asks and whatever breaks."""

import asyncio

import asyncpg
import pytest

from ekpay_switch.domain.challans import ChallanRefusal, LineEnd, Progress, StoredChallan
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.flows.challans.raise_challan import continue_challan, raise_challan
from tests.fakes.billers import LOSES_ANSWER, LOSES_ORDER, Deed
from tests.fakes.challans import FEE, VAT, an_order, gives
from tests.fakes.crash_points import CrashError
from tests.persistence.challans.challan_setup import Counter
from tests.persistence.collections.merchant_money_setup import AMOUNT, SELLER
from tests.persistence.refunds.refund_setup import wanted

REFUSES = Deed(Declined("refused", "104"))
ASIDE = 57_500


async def test_a_challan_is_paid_from_what_the_merchant_is_owed(counter: Counter) -> None:
    held = await counter.stall.sold()
    counter.treasury.deeds += [gives("2526-0000000001"), gives("2526-0000000002")]
    standing = await counter.raised(await counter.order_for(held))
    assert standing.progress is Progress.DONE
    told = [(line.line.credit_account, line.line.amount.minor, line.challan_no) for line in standing.lines]
    assert told == [(FEE, 50_000, "2526-0000000001"), (VAT, 7_500, "2526-0000000002")]
    assert standing.written["APPLICANT_NAME"] == "Rahela Khatun"
    await counter.adds_up(ASIDE)


@pytest.mark.parametrize("named_by", ["trnx_id", "ekpay_trnx_id", "provider"])
async def test_the_payment_may_be_named_by_any_of_its_ids(counter: Counter, named_by: str) -> None:
    held = await counter.stall.sold()
    payment = await counter.stall.shop.seen(held.payment_id)
    assert payment.funding is not None
    names = {
        "trnx_id": payment.text.trnx_id,
        "ekpay_trnx_id": payment.ekpay_trnx_id,
        "provider": payment.funding.transaction,
    }
    await counter.raised(an_order("R1", 50_000, pay_trxid=names[named_by]))
    assert await counter.books.value("SELECT paid_by FROM challan_requests") == held.payment_id
    await counter.adds_up(50_000)


async def test_a_payment_that_is_not_paid_or_is_anothers_is_not_spent(counter: Counter) -> None:
    waiting = await counter.stall.ordered()
    order = an_order("R1", 500, pay_trxid=waiting.text.trnx_id)
    assert await raise_challan(order, counter.office) is ChallanRefusal.NOT_COMPLETED
    await counter.stall.shop.merchant("other", 1)
    theirs = await counter.stall.ordered(partner_id="other")
    order = an_order("R2", 500, pay_trxid=theirs.text.trnx_id)
    assert await raise_challan(order, counter.office) is ChallanRefusal.UNKNOWN_PAYMENT
    assert await counter.books.count("challan_requests") == 0


async def test_only_the_merchants_own_share_is_spent(counter: Counter) -> None:
    split = (Share(SELLER, PayeeKind.SELLER, Money(70_000)), Share("", None, Money(30_000)))
    await counter.books.tell("INSERT INTO merchant_payees VALUES ('shop', $1, 'seller', 'x')", SELLER)
    held = await counter.stall.sold(split)
    too_much = await counter.order_for(held, "R1", 30_100)
    assert await raise_challan(too_much, counter.office) is ChallanRefusal.EXCEEDS_PAYMENT
    await counter.raised(await counter.order_for(held, "R1", 30_000))
    assert await counter.stall.owed() == 70_000


async def test_a_refund_leaves_less_for_challans(counter: Counter) -> None:
    held = await counter.stall.sold()
    refund = wanted(held.payment_id, 55_000, partner_id="shop")
    await counter.stall.office.refunds.request(refund, 10, 60)
    order = await counter.order_for(held, "R1", 50_100)
    assert await raise_challan(order, counter.office) is ChallanRefusal.EXCEEDS_PAYMENT
    await counter.raised(await counter.order_for(held, "R2", 50_000))
    assert await counter.stall.owed() == 0


async def test_what_the_bank_has_paid_out_is_not_set_aside(counter: Counter) -> None:
    held = await counter.stall.sold()
    await counter.stall.settled(AMOUNT - 49_999)
    order = await counter.order_for(held, "R1", 50_000)
    assert await raise_challan(order, counter.office) is ChallanRefusal.EXCEEDS_OWED


async def test_many_calls_with_one_request_id_raise_it_once(counter: Counter) -> None:
    order = await counter.order_for(await counter.stall.sold())
    answers = await asyncio.gather(*(raise_challan(order, counter.office) for _ in range(8)))
    assert len({answer.challan_id for answer in answers if isinstance(answer, StoredChallan)}) == 1
    assert await counter.books.count("challan_requests") == 1
    assert await counter.books.count("payments", "biller_id = 'achallan_generic'") == 2
    assert len(counter.treasury.orders) == 2
    await counter.worker_round()
    await counter.adds_up(ASIDE)


async def test_many_requests_at_once_never_spend_more_than_the_payment_credited(counter: Counter) -> None:
    held = await counter.stall.sold()
    orders = [await counter.order_for(held, f"R{number}", 30_000) for number in range(8)]
    answers = await asyncio.gather(*(raise_challan(order, counter.office) for order in orders))
    taken = [answer for answer in answers if isinstance(answer, StoredChallan)]
    assert len(taken) == AMOUNT // 30_000
    assert answers.count(ChallanRefusal.EXCEEDS_PAYMENT) == len(orders) - len(taken)
    await counter.worker_round()
    await counter.adds_up(90_000)


async def test_the_same_name_with_other_content_is_refused(counter: Counter) -> None:
    held = await counter.stall.sold()
    await counter.raised(await counter.order_for(held, "R1", 500))
    order = await counter.order_for(held, "R1", 600)
    assert await raise_challan(order, counter.office) is ChallanRefusal.OTHER_CONTENT


async def test_a_refused_line_moves_back_once_however_often_it_is_looked_at(counter: Counter) -> None:
    held = await counter.stall.sold()
    counter.treasury.deeds += [REFUSES, gives("2526-0000000001")]
    standing = await counter.raised(await counter.order_for(held))
    assert [line.end for line in standing.lines] == [LineEnd.MOVED_BACK, LineEnd.PAID]
    line = standing.lines[0].line
    ends = await asyncio.gather(*(counter.challans.end_line(standing, line) for _ in range(5)))
    assert ends == [LineEnd.MOVED_BACK] * 5
    await counter.adds_up(7_500)
    # The amount may be spent again, under another name.
    await counter.raised(await counter.order_for(held, "R2", 50_000))
    await counter.adds_up(57_500)


@pytest.mark.parametrize("deed", [LOSES_ANSWER, LOSES_ORDER])
async def test_a_line_in_doubt_ends_as_the_treasury_says_later(counter: Counter, deed: Deed) -> None:
    held = await counter.stall.sold()
    counter.treasury.deeds += [deed, gives("2526-0000000002")]
    standing = await counter.raised(await counter.order_for(held))
    assert standing.progress is Progress.IN_PROGRESS
    assert await counter.balances() == (0, 50_000, 7_500, AMOUNT - ASIDE)
    assert await counter.books.audit() is None
    for _ in range(2):
        await counter.worker_round()
    again = await counter.raised(await counter.order_for(held))
    assert again.progress is Progress.DONE
    await counter.adds_up(ASIDE)


@pytest.mark.parametrize("deed", [gives("2526-0000000009"), REFUSES])
@pytest.mark.parametrize("point", ["before pay", "after pay"])
async def test_a_process_that_dies_beside_the_wire_is_followed_by_the_worker(
    counter: Counter, point: str, deed: Deed
) -> None:
    order = await counter.order_for(await counter.stall.sold(), "R1", 50_000)
    counter.treasury.deeds.append(deed)
    counter.steps.crash_at = point
    with pytest.raises(CrashError):
        await raise_challan(order, counter.office)
    assert await counter.books.audit() is None
    for _ in range(3):
        await counter.worker_round()
    paid = await counter.books.count("challan_line_ends", "ending = 'paid'")
    assert await counter.books.count("challan_line_ends") == 1
    await counter.adds_up(50_000 * paid)


async def test_a_process_that_dies_after_setting_aside_is_followed_by_the_worker(counter: Counter) -> None:
    order = await counter.order_for(await counter.stall.sold())
    counter.treasury.gate = asyncio.Event()
    work = asyncio.create_task(raise_challan(order, counter.office))
    # The first line is at the treasury's door, the second was not claimed, and then nobody is there.
    await asyncio.wait_for(counter.treasury.was_asked.wait(), 10)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert await counter.books.audit() is None
    counter.treasury.gate = None
    for _ in range(3):
        await counter.worker_round()
    assert await counter.books.count("challan_line_ends", "ending = 'paid'") == 2
    await counter.adds_up(ASIDE)


async def test_two_workers_take_up_a_request_once_in_a_while_and_pay_it_once(counter: Counter) -> None:
    order = await counter.order_for(await counter.stall.sold())
    counter.steps.crash_at = "before pay"
    with pytest.raises(CrashError):
        await raise_challan(order, counter.office)
    await counter.books.tell("UPDATE challan_work SET next_action_at = now() - interval '1 second'")
    leased = await asyncio.gather(*(counter.challans.lease_due(8, 60.0) for _ in range(4)))
    taken = [challan for challans in leased for challan in challans]
    assert len(taken) == 1
    assert await counter.challans.lease_due(0, 60.0) == []
    await asyncio.gather(*(continue_challan(taken[0], counter.office) for _ in range(3)))
    for _ in range(3):
        await counter.worker_round()
    assert await counter.books.count("payments", "biller_id = 'achallan_generic'") == 2
    await counter.adds_up(ASIDE)


ONE_TOO_MUCH = """
INSERT INTO challan_requests SELECT gen_random_uuid(), partner_id, 'R9', fingerprint, paid_by, tran_date,
  47501, text FROM challan_requests
"""
ONE_MORE_LINE = """
INSERT INTO challan_lines SELECT challan_id, 9, slno, credit_account, economic_code, organization_code, 1,
  'another' FROM challan_lines LIMIT 1
"""


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (ONE_TOO_MUCH, "more than the payment credited"),
        (ONE_MORE_LINE, "not the total"),
        ("UPDATE challan_users SET bin = '12'", "ck_challan_users_bin"),
    ],
)
async def test_what_python_refuses_the_database_refuses_too(
    counter: Counter, statement: str, rule: str
) -> None:
    await counter.raised(await counter.order_for(await counter.stall.sold()))
    with pytest.raises(asyncpg.CheckViolationError, match=rule):
        await counter.books.tell(statement)


async def test_a_line_does_not_end_twice(counter: Counter) -> None:
    await counter.raised(await counter.order_for(await counter.stall.sold()))
    again = "INSERT INTO challan_line_ends SELECT challan_id, seq, 'moved_back', gen_random_uuid()"
    with pytest.raises(asyncpg.UniqueViolationError, match="pk_challan_line_ends"):
        await counter.books.tell(f"{again} FROM challan_line_ends")
