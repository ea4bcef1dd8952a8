"""A challan is paid once from what the merchant is owed, or what it set aside comes back once."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import BillerSilent, BillMissing
from ekpay_switch.domain.challans import (
    ChallanOrder,
    ChallanRefusal,
    LineEnd,
    Progress,
    StoredChallan,
)
from ekpay_switch.domain.fees import FeeTable
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.challans.raise_challan import continue_challan, raise_challan
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from tests.fakes.billers import LOSES_ANSWER, LOSES_ORDER, Deed
from tests.fakes.challans import CREDITED, STRANGE, FakeChallans, Scene, an_order, gives
from tests.fakes.crash_points import CrashError
from tests.fakes.world import FIVE_TAKA

REFUSES = Deed(Declined("refused", "104"))
ASIDE = 57_500
POINTS = [
    f"{side} {step}"
    for step in ("by_request", "set_aside", "save_quote", "claim", "pay", "record", "end_line")
    for side in ("before", "after")
]


async def raised(scene: Scene, order: ChallanOrder | None = None) -> StoredChallan:
    answer = await raise_challan(order or an_order(), scene.office)
    assert isinstance(answer, StoredChallan), answer
    return answer


async def a_while_later(scene: Scene, rounds: int = 12) -> None:
    """The worker: its resolver and its clerk look every ten minutes; either may be killed, and comes back."""
    for _ in range(rounds):
        scene.small.clock.pass_by(600)
        try:
            for leased in await scene.small.books.lease_due(16, 60.0):
                await resolve_in_doubt(leased, scene.world)
            for challan in await scene.challans.lease_due(8, 60.0):
                await continue_challan(challan, scene.office)
        except CrashError:
            continue


def assert_the_money_adds_up(scene: Scene) -> None:
    """What was set aside is with the treasury or owed again, and each line has one payment at most."""
    lines = [line for one in scene.challans.requests.values() for line in one.lines]
    assert all(line.end is not None for line in lines)
    paid = sum(line.line.amount.minor for line in lines if line.end is LineEnd.PAID)
    assert scene.balances() == (0, 0, paid, -paid)
    assert scene.challans.owed["shop"] == CREDITED - paid
    assert sum(scene.treasury.book.values()) == paid
    references = [payment.standing.reference for payment in scene.small.books.payments.values()]
    assert sorted(references) == sorted(line.line.reference for line in lines)


async def test_the_request_is_durable_before_the_treasury_hears_of_it() -> None:
    scene = Scene()
    scene.treasury.deeds += [gives("2526-0000000001"), gives("2526-0000000002")]
    standing = await raised(scene)
    line = ["save_quote", "claim", "pay", "record", "end_line"]
    assert scene.small.steps.taken == ["by_request", "set_aside", *line, *line, "by_request"]
    assert standing.progress is Progress.DONE
    assert [line.challan_no for line in standing.lines] == ["2526-0000000001", "2526-0000000002"]
    assert scene.balances() == (0, 0, ASIDE, -ASIDE)
    assert_the_money_adds_up(scene)


async def test_the_treasury_is_told_whose_money_it_is_and_where_it_goes() -> None:
    scene = Scene()
    await raised(scene, an_order("R1", 50_050))
    (order,) = scene.treasury.orders
    assert order.biller_quote == {
        "bin": "001234560-0001",
        "mobile": "01712345678",
        "economic_code": "1422199",
        "organization_code": "1090101100001",
        "amount": "500.50",
    }
    assert order.sums.billed_amount.minor == 50_050


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (replace(an_order(), total=an_order("R1", 1).total), ChallanRefusal.SUM_DIFFERS),
        (
            replace(
                an_order("R1", 5), credits=(replace(an_order("R1", 5).credits[0], credit_account=STRANGE),)
            ),
            ChallanRefusal.UNKNOWN_ACCOUNT,
        ),
        (an_order(pay_trxid="T9"), ChallanRefusal.UNKNOWN_PAYMENT),
        (an_order(pay_trxid="T2"), ChallanRefusal.NOT_COMPLETED),
        (an_order("R1", CREDITED, 100), ChallanRefusal.EXCEEDS_PAYMENT),
        (an_order("R1", 5_000_001), ChallanRefusal.NOT_TAKEN),
        (replace(an_order(), payer={"bin": "1", "mobile": "01712345678"}), ChallanRefusal.NOT_TAKEN),
    ],
)
async def test_a_refusal_moves_and_writes_nothing(order: ChallanOrder, refusal: ChallanRefusal) -> None:
    scene = Scene()
    scene.order_paid("T2", 2, 100_000, State.COLLECTING)
    assert await raise_challan(order, scene.office) is refusal
    assert scene.balances() == (0, 0, 0, 0)
    assert (scene.challans.requests, scene.small.books.payments, scene.small.books.quotes) == ({}, {}, {})


async def test_a_refused_request_may_be_asked_for_again_under_its_name() -> None:
    scene = Scene()
    refused = await raise_challan(an_order("R1", CREDITED, 100), scene.office)
    assert refused is ChallanRefusal.EXCEEDS_PAYMENT
    assert (await raised(scene, an_order("R1", CREDITED))).progress is Progress.DONE


async def test_without_a_treasury_in_the_catalogue_nothing_is_taken_on() -> None:
    scene = Scene()
    scene.small.billers.known = []
    assert await raise_challan(an_order(), scene.office) is ChallanRefusal.UNAVAILABLE


async def test_a_silent_treasury_takes_nothing_on() -> None:
    scene = Scene()
    scene.treasury.replies.append(BillerSilent("no answer"))
    assert await raise_challan(an_order(), scene.office) is ChallanRefusal.UNAVAILABLE
    assert scene.balances() == (0, 0, 0, 0)


async def test_a_challan_that_would_cost_more_than_its_amount_is_not_taken() -> None:
    scene = Scene()
    scene.office = replace(scene.office, world=replace(scene.world, fees=FeeTable("test", (FIVE_TAKA,))))
    assert await raise_challan(an_order(), scene.office) is ChallanRefusal.NOT_TAKEN


async def test_what_a_payment_credited_is_spent_once_over_all_its_challans() -> None:
    scene = Scene()
    await raised(scene, an_order("R1", 60_000))
    assert await raise_challan(an_order("R2", 40_001), scene.office) is ChallanRefusal.EXCEEDS_PAYMENT
    await raised(scene, an_order("R3", 40_000))
    assert await raise_challan(an_order("R4", 100), scene.office) is ChallanRefusal.EXCEEDS_PAYMENT
    assert_the_money_adds_up(scene)


async def test_what_was_paid_out_elsewhere_is_not_spent_again() -> None:
    scene = Scene()
    scene.challans.owed["shop"] = ASIDE - 1
    assert await raise_challan(an_order(), scene.office) is ChallanRefusal.EXCEEDS_OWED


async def test_a_repeat_is_the_same_request_and_pays_nothing() -> None:
    scene = Scene()
    first = await raised(scene)
    again = await raised(scene)
    assert again == first
    assert len(scene.treasury.orders) == 2


async def test_the_same_name_with_other_content_is_refused() -> None:
    scene = Scene()
    await raised(scene)
    assert await raise_challan(an_order("R1", 1), scene.office) is ChallanRefusal.OTHER_CONTENT


async def test_of_two_at_once_one_is_taken_on_and_both_are_told_of_it() -> None:
    scene = Scene()
    standings = await asyncio.gather(*(raised(scene) for _ in range(5)))
    assert len({standing.challan_id for standing in standings}) == 1
    assert len(scene.treasury.book) == 2
    await a_while_later(scene)
    assert_the_money_adds_up(scene)


@pytest.mark.parametrize("deed", [REFUSES, Deed(Unreached("connection refused"))])
async def test_what_the_treasury_did_not_take_is_owed_again(deed: Deed) -> None:
    scene = Scene()
    scene.treasury.deeds += [deed, gives("2526-0000000001")]
    standing = await raised(scene)
    assert [line.end for line in standing.lines] == [LineEnd.MOVED_BACK, LineEnd.PAID]
    assert standing.progress is Progress.PARTLY_DONE
    assert scene.balances() == (0, 0, 7_500, -7_500)
    await a_while_later(scene)
    await raised(scene)
    assert_the_money_adds_up(scene)
    # What came back may be spent under another name.
    await raised(scene, an_order("R2", CREDITED - 7_500))


async def test_a_line_in_doubt_is_open_until_the_treasury_says_what_it_has() -> None:
    scene = Scene()
    scene.treasury.deeds += [LOSES_ANSWER, gives("2526-0000000002")]
    standing = await raised(scene)
    assert standing.progress is Progress.IN_PROGRESS
    assert [line.end for line in standing.lines] == [None, LineEnd.PAID]
    assert scene.balances() == (0, 50_000, 7_500, -ASIDE)
    assert (await raised(scene)).progress is Progress.IN_PROGRESS
    await a_while_later(scene)
    assert (await raised(scene)).progress is Progress.DONE
    assert_the_money_adds_up(scene)


async def test_a_line_whose_order_was_lost_ends_too() -> None:
    scene = Scene()
    scene.treasury.deeds += [LOSES_ORDER, LOSES_ORDER]
    await raised(scene)
    await a_while_later(scene, 40)
    assert_the_money_adds_up(scene)


async def test_a_line_that_cannot_be_quoted_any_more_burns_its_reference_and_moves_back() -> None:
    scene = Scene()
    scene.small.steps.crash_at = "after set_aside"
    with pytest.raises(CrashError):
        await raised(scene, an_order("R1", 50_000))
    scene.treasury.replies.append(BillMissing())
    await a_while_later(scene, 1)
    standing = scene.standing()
    assert (standing.progress, standing.lines[0].state) == (Progress.NOTHING_RAISED, State.DECLINED)
    assert standing.lines[0].refusal is Refusal.QUOTE_EXPIRED
    assert_the_money_adds_up(scene)
    # Nobody can claim it later, even with a good quote.
    await continue_challan(replace(standing, lines=(replace(standing.lines[0], end=None),)), scene.office)
    assert scene.treasury.orders == []
    assert_the_money_adds_up(scene)


async def test_a_line_whose_treasury_is_silent_waits() -> None:
    scene = Scene()
    scene.small.steps.crash_at = "after set_aside"
    with pytest.raises(CrashError):
        await raised(scene, an_order("R1", 50_000))
    scene.treasury.replies += [BillerSilent("no answer")] * 2
    assert (await raised(scene, an_order("R1", 50_000))).progress is Progress.IN_PROGRESS
    assert scene.balances() == (50_000, 0, 0, -50_000)
    await a_while_later(scene, 2)
    assert scene.standing().progress is Progress.DONE
    assert_the_money_adds_up(scene)


@pytest.mark.parametrize("deed", [gives("2526-0000000001"), REFUSES, LOSES_ANSWER, LOSES_ORDER])
@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_anywhere_is_taken_up_by_the_worker(point: str, deed: Deed) -> None:
    scene = Scene()
    scene.treasury.deeds.append(deed)
    scene.small.steps.crash_at = point
    with pytest.raises(CrashError):
        await raised(scene)
    await a_while_later(scene, 40)
    is_written = point not in {"before by_request", "after by_request", "before set_aside"}
    assert len(scene.challans.requests) == (1 if is_written else 0)
    assert_the_money_adds_up(scene)


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_anywhere_is_taken_up_by_the_same_call(point: str) -> None:
    scene = Scene()
    scene.small.steps.crash_at = point
    with pytest.raises(CrashError):
        await raised(scene)
    again = await raised(scene)
    await a_while_later(scene)
    assert scene.standing().challan_id == again.challan_id
    assert_the_money_adds_up(scene)
    assert len(scene.challans.requests) == 1


class ForgetfulChallans(FakeChallans):
    """Books that never find a request again."""

    async def by_request(self, partner_id: str, request_id: str) -> StoredChallan | None:
        await super().by_request(partner_id, request_id)
        return None


async def test_a_request_that_is_not_found_again_is_told_as_it_was() -> None:
    scene = Scene()
    standing = await raised(scene)
    reopened = replace(standing, lines=tuple(replace(line, end=None) for line in standing.lines))
    forgetful = ForgetfulChallans(**vars(scene.challans))
    assert await continue_challan(reopened, replace(scene.office, challans=forgetful)) == reopened
