"""Telling merchants: an IPN is what get-status answers then, and leaves once, in order, or not at all."""

import base64
import contextlib
import json
from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.merchants.merchant import MerchantCode
from ekpay_switch.domain.notifications import DeliveryState, SendResult, Siblings
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.merchants.merchant_document import instrument_lookup, payment_document
from ekpay_switch.flows.notifications.notify import NoSuchOrderError, message_id, notify
from ekpay_switch.jobs.notifier import Notifier, NotifierPace
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.security.webhook_signatures import signed_content
from sandbox.callers.partner.webhooks import public_key
from tests.fakes.crash_points import CrashError
from tests.fakes.notifications import ENDPOINT, KEYS, TAKEN, SmallPost, a_sold, an_ipn

PACE = NotifierPace(poll_seconds=0.01, lease_seconds=45.0, leave_seconds=0.05)
FAILED = SendResult(500, "HTTP 500")
ENDS = [
    ("completed", State.COMPLETED, None, "1020"),
    ("expired", State.EXPIRED, None, "1021"),
    ("given_back", State.REFUNDED, None, "1021"),
    ("cancelled", State.DECLINED, Refusal.CANCELLED, "1022"),
]
STEPS = [
    f"{side} {step}" for step in ("fan_out", "lease_due", "send", "record") for side in ("before", "after")
]


async def one_round(small: SmallPost) -> int:
    notifier = Notifier(small.office, PACE.lease_seconds)
    due = await notifier.take_up()
    await notifier.slots.settle()
    return len(due)


def status_of(small: SmallPost, payment: MerchantPayment) -> object:
    """What get-status answers the merchant now."""
    merchants = small.office.merchants
    return payment_document(payment, merchants.token_of(payment), instrument_lookup(merchants.connectors))


# ---- what is sent


@pytest.mark.parametrize(("notice", "state", "refusal", "code"), ENDS)
async def test_an_ipn_is_the_document_of_get_status(
    notice: str, state: State, refusal: Refusal | None, code: str
) -> None:
    small, payment = SmallPost(), a_sold(state=state, refusal=refusal)
    small.sold(payment)
    await notify(an_ipn(notice=notice), small.office)
    ((url, _, body),) = small.sender.sent
    assert url == "https://shop.example/ipn/1"
    told = json.loads(body)
    assert told == status_of(small, payment)
    assert list(told) == list(status_of(small, payment))  # type: ignore[call-overload]
    assert (told["msg_code"], told["trnx_info"]["mer_trnx_id"]) == (code, "T1")


@pytest.mark.parametrize(("notice", "state", "refusal", "code"), ENDS)
async def test_every_ipn_carries_every_block(
    notice: str, state: State, refusal: Refusal | None, code: str
) -> None:
    """Live clients index them unasked (ekpay-merchant-api.md 3.3)."""
    small = SmallPost()
    small.sold(a_sold(state=state, refusal=refusal))
    await notify(an_ipn(notice=notice), small.office)
    told = json.loads(small.sender.sent[0][2])
    assert told["msg_code"] == code
    for block, leaf in (("basic_Info", "ipn_info"), ("cust_info", "cust_id"), ("pi_det_info", "pi_type")):
        assert leaf in told[block]


async def test_an_ipn_is_signed_like_any_notification() -> None:
    small = SmallPost()
    small.sold(a_sold())
    await notify(an_ipn(), small.office)
    ((_, headers, body),) = small.sender.sent
    assert headers["webhook-id"] == message_id(an_ipn())
    assert headers["webhook-timestamp"] == str(int(small.clock.now().timestamp()))
    marker, _, text = headers["webhook-signature"].partition(",")
    assert marker == "v1a"
    public_key(KEYS.public_key(ENDPOINT, 1)).verify(
        base64.b64decode(text),
        signed_content(headers["webhook-id"], int(headers["webhook-timestamp"]), body),
    )


async def test_a_later_try_sends_the_document_of_that_time_under_the_same_id() -> None:
    small, payment = SmallPost(), a_sold()
    small.sold(payment)
    small.is_told(an_ipn())
    small.sender.answers.append(FAILED)
    await one_round(small)
    corrected = replace(payment, mer_reg_id="shop_mer")
    small.sold(corrected)
    small.clock.pass_by(5)
    await one_round(small)
    (_, first, before), (_, second, after) = small.sender.sent
    assert first["webhook-id"] == second["webhook-id"]
    assert json.loads(before) == status_of(small, payment)
    assert json.loads(after) == status_of(small, corrected)
    assert json.loads(before)["msg_code"] == json.loads(after)["msg_code"] == "1020"


# ---- what is not sent


@pytest.mark.parametrize("state", [State.IN_REVIEW, State.REFUNDING, State.REFUNDED])
async def test_what_is_not_so_any_more_is_ended_unsent(state: State) -> None:
    small = SmallPost()
    small.sold(a_sold(state=state))
    small.is_told(an_ipn())
    await one_round(small)
    assert small.sender.sent == []
    assert small.notifications.ended == {UUID(int=1): DeliveryState.GIVEN_UP}
    ((_, tried, decision),) = small.notifications.tries
    assert decision.is_unsent
    assert "meanwhile" in tried.why
    assert small.alarms.raised == []


async def test_an_older_notice_gives_way_to_a_newer_one() -> None:
    small = SmallPost()
    small.sold(a_sold())
    small.is_told(an_ipn(notice="expired", siblings=Siblings(has_newer=True)))
    await one_round(small)
    assert small.sender.sent == []
    assert small.notifications.ended == {UUID(int=1): DeliveryState.GIVEN_UP}


async def test_a_success_that_was_taken_is_told_again_by_a_replay_alone() -> None:
    small, taken = SmallPost(), Siblings(accepted_code=MerchantCode.SUCCESS)
    small.sold(a_sold())
    small.is_told(an_ipn(siblings=taken))
    await one_round(small)
    assert (small.sender.sent, small.notifications.ended) == ([], {UUID(int=1): DeliveryState.DELIVERED})
    await notify(an_ipn(siblings=taken, is_replay=True), small.office)
    assert len(small.sender.sent) == 1


async def test_a_payment_that_is_no_merchants_is_never_told_as_an_ipn() -> None:
    small = SmallPost()
    with pytest.raises(NoSuchOrderError):
        await notify(an_ipn(), small.office)
    assert small.sender.sent == []


# ---- what an answer leads to


async def test_given_up_ipns_disable_nothing_and_raise_one_alarm() -> None:
    small = SmallPost()
    small.sold(*(a_sold(number) for number in range(1, 7)))
    small.is_told(*(an_ipn(number) for number in range(1, 6)))
    small.sender.answers.extend([SendResult(410, "HTTP 410")] * 5)
    for _ in range(5):
        await one_round(small)
        small.clock.pass_by(60)
    assert list(small.notifications.ended.values()) == [DeliveryState.GIVEN_UP] * 5
    assert [name for name, _ in small.alarms.raised] == ["ipns_not_taken"]
    small.is_told(an_ipn(6))
    await one_round(small)
    assert small.notifications.ended[UUID(int=6)] is DeliveryState.DELIVERED


@pytest.mark.parametrize("point", STEPS)
async def test_a_crash_anywhere_ends_in_one_ipn_by_its_id(point: str) -> None:
    small = SmallPost()
    small.sold(a_sold())
    small.is_told(an_ipn())
    small.steps.crash_at = point
    with contextlib.suppress(CrashError):
        if await small.notifications.fan_out():
            for leased in await small.notifications.lease_due(1, 45.0):
                await notify(leased, small.office)
    for _ in range(3):
        small.clock.pass_by(60)
        await one_round(small)
    assert {headers["webhook-id"] for _, headers, _ in small.sender.sent} == {message_id(an_ipn())}
    assert len({body for _, _, body in small.sender.sent}) == 1
    assert small.notifications.ended == {UUID(int=1): DeliveryState.DELIVERED}
    assert small.notifications.tries[-1][1] == TAKEN
