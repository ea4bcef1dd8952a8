"""Many bills at once: each biller within its budget, one after the other, billers side by side."""

from collections import Counter
from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import AmountRefused, BillerSilent, BillMissing
from ekpay_switch.flows.bills.fetch_in_bulk import BulkFetchRequest, BulkFetchResult, fetch_in_bulk
from tests.factories import BILL_NO, TOTAL, a_bill
from tests.fakes.billers import PROFILE, FakeBiller
from tests.fakes.world import SmallWorld


def wanted(number: int, biller_id: str = "desco_postpaid", **named: str) -> BulkFetchRequest:
    return BulkFetchRequest(number, biller_id, named or {"bill_no": f"{number:012d}"})


async def fetched(small: SmallWorld, *lines: BulkFetchRequest) -> dict[int, BulkFetchResult]:
    return {one.request.line: one async for one in fetch_in_bulk(lines, small.world)}


async def test_each_line_brings_its_bill_and_each_biller_keeps_its_pace() -> None:
    small = SmallWorld()
    small.biller.bills = {f"{n:012d}": a_bill(f"{n:012d}") for n in range(20)}
    began = small.clock.monotonic()
    found = await fetched(small, *(wanted(n) for n in range(20)))
    assert [one.bill.total.minor for one in found.values() if one.bill] == [TOTAL] * 20
    assert small.clock.monotonic() - began == pytest.approx(19 / PROFILE.inquiries_per_second)
    assert Counter(small.steps.taken)["fetch"] == 20
    assert small.books.quotes == {}


async def test_every_line_without_a_bill_says_why() -> None:
    small = SmallWorld()
    small.biller.replies.extend([BillMissing(), BillerSilent("outside its hours"), AmountRefused()])
    lines = (
        wanted(1),
        wanted(2),
        wanted(3),
        wanted(4, "nobody"),
        wanted(5, bill_no="x"),
        wanted(6, colour="red"),
    )
    found = await fetched(small, *lines)
    assert {line: one.why for line, one in sorted(found.items())} == {
        1: "no such bill",
        2: "no answer: outside its hours",
        3: "not with this amount",
        4: "no such biller",
        5: "malformed",
        6: "malformed",
    }


async def test_a_biller_whose_fetch_locks_the_bill_is_never_asked() -> None:
    small = SmallWorld()
    small.biller.profile = replace(PROFILE, fetch_has_side_effects=True)
    found = await fetched(small, wanted(1))
    assert found[1].why == "a fetch locks the bill, so this biller is never asked in bulk"
    assert "fetch" not in small.steps.taken


async def test_bangla_digits_name_the_same_bill() -> None:
    small = SmallWorld()
    small.biller.bills = {BILL_NO: a_bill()}
    found = await fetched(small, wanted(1, bill_no="০৯২৫১২৩৪৫৬৭৮"))
    assert found[1].bill is not None


async def test_one_biller_does_not_wait_for_another() -> None:
    small = SmallWorld()
    other = FakeBiller(small.clock, small.steps, replace(PROFILE, id="other", ekpay_id="b999"))
    small.billers.known.append(other)
    lines = [wanted(n) for n in range(5)] + [wanted(100 + n, "other") for n in range(5)]
    order = [one.request.biller_id async for one in fetch_in_bulk(lines, small.world)]
    assert order[:2] == ["desco_postpaid", "other"]


async def test_an_error_of_ours_ends_the_run_instead_of_hanging_it() -> None:
    small = SmallWorld()
    small.world = replace(small.world, budget=_Broken())
    with pytest.raises(ConnectionError):
        await fetched(small, wanted(1), wanted(2))


async def test_nothing_wanted_is_nothing_fetched() -> None:
    assert await fetched(SmallWorld()) == {}


class _Broken:
    async def take(self, far_side: str, per_second: float) -> float:
        raise ConnectionError(far_side, per_second)
