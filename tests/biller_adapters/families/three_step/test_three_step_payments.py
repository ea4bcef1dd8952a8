"""three_step against a far side without manners: which outcome each step leads to, exactly."""

from dataclasses import replace

import pytest

from biller_adapters.manifest import Manifest
from biller_adapters.registry import adapter_of
from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.bill import BillerSilent, BillFound, BillMissing, BillQuery
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    HalfDone,
    InDoubt,
    NoAnswer,
    NotFound,
    Posted,
    Unreached,
)
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.three_step.breb_stage import (
    ACCOUNT,
    BILL_NUMBER,
    MOBILE,
    QUERY,
    SAVED,
    BrebDesk,
    bill_said,
    breb_stage,
    form,
    said,
)
from tests.biller_adapters.far_side_stage import rude_manners
from tests.wire.conftest import HandClock
from tests.wire.scripted_peer import Manners

RUDE = rude_manners(SAVED)
BILL_FIELDS = {
    "_pPAY_CHANNEL_ID": "EKP",
    "_pACCESS_TOKEN": "access=1&",
    "_pPAYER_ID": MOBILE,
    "_pPAYER_TYPE_ID": "3",
    "_pSMS_AC_NO": ACCOUNT,
    "_pBILL_MONTH": "09",
    "_pBILL_YEAR": "2025",
}
ASKED = {
    "_pPAY_CHANNEL_ID": "EKP",
    "_pACCESS_TOKEN": "access=1&",
    "_pTRANSACTION_ID": EXAMPLE_REFERENCE,
    "_pBILL_NO": BILL_NUMBER,
}


# ---- bills -------------------------------------------------------------------------------------------------


async def test_a_bill_is_owed_exactly_and_paid_in_whole_taka(breb: Manifest) -> None:
    async with breb_stage(breb, BrebDesk()) as stage:
        bill = await stage.bill()
    assert (bill.bill_key, bill.bill_number, bill.account) == (f"{ACCOUNT}/202509", BILL_NUMBER, ACCOUNT)
    assert (bill.amount, bill.total, bill.rounding) == (Money(123_456), Money(123_456), Money(44))
    assert bill.details == {
        "office": "Dhaka PBS-1",
        "period_from": "2025-09-01",
        "period_to": "2025-09-30",
    }
    assert [form(body) for body in stage.bodies("/bill")] == [BILL_FIELDS]
    assert stage.peer.heard[-1].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_what_is_in_whole_taka_is_not_rounded(breb: Manifest) -> None:
    desk = BrebDesk()
    desk.answers["/bill"] = bill_said(DUE_AMOUNT="900.00")
    async with breb_stage(breb, desk) as stage:
        assert (await stage.bill()).rounding == Money(0)


async def test_the_payer_is_no_part_of_the_bill(breb: Manifest) -> None:
    """The locked bill is answered to whoever asks next: it must not carry the first one's number."""
    async with breb_stage(breb, BrebDesk()) as stage:
        assert MOBILE not in repr(await stage.bill())


async def test_nothing_due_is_a_paid_bill_of_that_month(breb: Manifest) -> None:
    desk = BrebDesk()
    async with breb_stage(breb, desk) as stage:
        for answer in (said("1278"), bill_said(DUE_AMOUNT="0.00")):
            desk.answers["/bill"] = answer
            bill = await stage.bill()
            assert (bill.is_paid, bill.bill_key) == (True, f"{ACCOUNT}/202509")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("1252", "a payment on this bill was begun elsewhere"),
        ("1274", "a payment on this bill was begun elsewhere"),
        ("1261", "an earlier payment of this account waits for its acknowledge"),
        ("1299", "reply code 1299"),
    ],
)
async def test_a_bill_that_is_kept_from_us_says_why_and_is_asked_for_once(
    breb: Manifest, code: str, why: str
) -> None:
    desk = BrebDesk()
    desk.answers["/bill"] = said(code)
    async with breb_stage(breb, desk) as stage:
        assert await stage.adapter.fetch(QUERY) == BillerSilent(why)
        assert stage.paths() == ["/authenticate", "/bill"]


async def test_an_unknown_account_is_missing(breb: Manifest) -> None:
    desk = BrebDesk()
    desk.answers["/bill"] = said(1290)
    async with breb_stage(breb, desk) as stage:
        assert await stage.adapter.fetch(QUERY) == BillMissing()


@pytest.mark.parametrize(
    "changes",
    [
        {"SMS_AC_NO": "1003017654321"},
        {"BILL_MONTH": "10"},
        {"BILL_YEAR": "2024"},
        {"BILL_NO": ""},
        {"BILL_NO": "25\x00"},
        {"BILL_NO": "\ud800"},
        {"DUE_AMOUNT": "1,234.56"},
        {"DUE_AMOUNT": "-1.00"},
        {"DUE_AMOUNT": 1e30},
        {"DUE_AMOUNT": None},
        {"DUE_DATE": "2025-10-25"},
    ],
)
async def test_a_bill_that_cannot_be_trusted_is_no_bill(breb: Manifest, changes: dict[str, object]) -> None:
    desk = BrebDesk()
    desk.answers["/bill"] = bill_said(**changes)
    async with breb_stage(breb, desk) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)


@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE)
async def test_a_fetch_without_a_usable_answer_is_not_repeated(breb: Manifest, manners: Manners) -> None:
    async with breb_stage(breb, BrebDesk(rude={"/bill": manners})) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillerSilent)
        assert stage.paths().count("/bill") == 1


# ---- the two steps -----------------------------------------------------------------------------------------


async def test_a_save_says_everything_that_breb_asks_for(breb: Manifest) -> None:
    async with breb_stage(breb, BrebDesk()) as stage:
        assert await stage.adapter.pay(await stage.order("save")) == Approved({"message": "as said"})
    assert [form(body) for body in stage.bodies("/payment")] == [
        {
            **BILL_FIELDS,
            "_pBILL_NO": BILL_NUMBER,
            "_pPAY_AMOUNT": "1235",
            "_pTRANSACTION_ID": EXAMPLE_REFERENCE,
        }
    ]


async def test_who_pays_is_the_one_who_pays_and_not_the_one_who_looked(breb: Manifest) -> None:
    async with breb_stage(breb, BrebDesk()) as stage:
        order = await stage.order("save")
        other = replace(order, biller_quote={**order.biller_quote, "mobile": "01898765432"})
        await stage.adapter.pay(other)
    assert form(stage.bodies("/payment")[0])["_pPAYER_ID"] == "01898765432"


async def test_an_acknowledge_names_the_payment_and_nothing_else(breb: Manifest) -> None:
    async with breb_stage(breb, BrebDesk()) as stage:
        assert isinstance(await stage.adapter.pay(await stage.order("acknowledge")), Approved)
        assert stage.paths() == ["/authenticate", "/bill", "/acknowledge"]
    assert [form(body) for body in stage.bodies("/acknowledge")] == [ASKED]


@pytest.mark.parametrize(("amount", "rounding"), [(123_500, 0), (123_455, 45), (123_456, 43)])
async def test_another_amount_than_the_locked_one_is_never_sent(
    breb: Manifest, amount: int, rounding: int
) -> None:
    """No answer of BREB's would tell us that the amount was wrong."""
    async with breb_stage(breb, BrebDesk()) as stage:
        order = await stage.order("save")
        sums = replace(order.sums, amount=Money(amount), rounding=Money(rounding))
        assert isinstance(await stage.adapter.pay(replace(order, sums=sums)), Unreached)
        assert "/payment" not in stage.paths()


async def test_a_step_that_breb_does_not_have_is_never_sent(breb: Manifest) -> None:
    async with breb_stage(breb, BrebDesk()) as stage:
        assert await stage.adapter.pay(await stage.order("pay")) == Unreached("no such step")
        assert stage.paths() == ["/authenticate", "/bill"]


@pytest.mark.parametrize(("step", "path"), [("save", "/payment"), ("acknowledge", "/acknowledge")])
@pytest.mark.parametrize("manners", RUDE.values(), ids=RUDE)
async def test_a_step_without_a_usable_answer_is_in_doubt_and_sent_once(
    breb: Manifest, step: str, path: str, manners: Manners
) -> None:
    async with breb_stage(breb, BrebDesk(rude={path: manners})) as stage:
        outcome = await stage.adapter.pay(await stage.order(step))
        assert isinstance(outcome, InDoubt), outcome
        assert stage.paths().count(path) == 1


@pytest.mark.parametrize(("step", "path"), [("save", "/payment"), ("acknowledge", "/acknowledge")])
async def test_after_its_last_moment_no_step_is_sent(breb: Manifest, step: str, path: str) -> None:
    async with breb_stage(breb, BrebDesk()) as stage:
        outcome = await stage.adapter.pay(await stage.order(step, seconds=0.0))
        assert outcome == Unreached("the send deadline passed")
        assert path not in stage.paths()


@pytest.mark.parametrize(
    ("step", "path", "code", "outcome"),
    [
        ("save", "/payment", "1278", Declined("already_paid", "1278")),
        ("save", "/payment", "1280", Declined("amount_differs", "1280")),
        ("save", "/payment", "1281", Declined("quote_expired", "1281")),
        ("save", "/payment", "1252", InDoubt("reply code 1252")),
        ("save", "/payment", "1268", InDoubt("reply code 1268")),
        ("acknowledge", "/acknowledge", "1283", Declined("nothing_saved", "1283")),
        ("acknowledge", "/acknowledge", "1278", InDoubt("reply code 1278")),
    ],
)
async def test_only_a_mapped_code_of_that_step_is_a_refusal(
    breb: Manifest, step: str, path: str, code: str, outcome: Declined | InDoubt
) -> None:
    desk = BrebDesk()
    desk.answers[path] = said(code)
    async with breb_stage(breb, desk) as stage:
        assert await stage.adapter.pay(await stage.order(step)) == outcome


# ---- asking afterwards -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "inquiry"),
    [
        ("1266", NotFound()),
        ("1267", HalfDone("acknowledge")),
        ("1268", Posted(EXAMPLE_REFERENCE, None, {"message": "as said"})),
        (1268, Posted(EXAMPLE_REFERENCE, None, {"message": "as said"})),
        ("1200", NoAnswer("reply code 1200")),
    ],
)
async def test_a_status_says_how_far_the_payment_came(
    breb: Manifest, code: object, inquiry: NotFound | HalfDone | Posted | NoAnswer
) -> None:
    desk = BrebDesk()
    desk.answers["/status"] = said(code)
    async with breb_stage(breb, desk) as stage:
        assert await stage.adapter.inquire(await stage.order("save")) == inquiry
    assert [form(body) for body in stage.bodies("/status")] == [ASKED]


RUDE_STATUS = rude_manners(said("1266"))


@pytest.mark.parametrize("manners", RUDE_STATUS.values(), ids=RUDE_STATUS)
async def test_only_a_sound_answer_settles_a_doubt(breb: Manifest, manners: Manners) -> None:
    async with breb_stage(breb, BrebDesk(rude={"/status": manners})) as stage:
        inquiry = await stage.adapter.inquire(await stage.order("save"))
        assert isinstance(inquiry, NoAnswer)
        assert inquiry.was_asked


def test_other_steps_than_those_of_the_family_are_refused(breb: Manifest) -> None:
    odd = breb.model_copy(update={"steps": ("acknowledge", "save")})
    clock = HandClock()
    with pytest.raises(ManifestError, match="save, acknowledge"):
        adapter_of(odd, FamilyContext(HttpWire(clock), InMemoryTokens(), clock, {}))


async def test_a_found_bill_is_what_the_query_named(breb: Manifest) -> None:
    other = BillQuery("breb_postpaid", {**QUERY.parameters, "period": "202508"}, QUERY.payer)
    desk = BrebDesk()
    async with breb_stage(breb, desk) as stage:
        assert isinstance(await stage.adapter.fetch(QUERY), BillFound)
        assert isinstance(await stage.adapter.fetch(other), BillerSilent)
