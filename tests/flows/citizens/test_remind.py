"""Reminding: what the biller says decides, and what is not known is asked again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest

from ekpay_switch.domain.bill import AmountRefused, BillerSilent, BillFound, BillMissing, FetchReply
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.citizens.reminders import StandingOrder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.citizens.remind import is_remindable, remind
from ekpay_switch.ports.billers import Parameter
from ekpay_switch.ports.reminders import CheckedBill, LeasedReminder, ReminderPorts
from ekpay_switch.security.identifiers import uuid7
from tests.factories import BILL_NO, a_bill
from tests.fakes.billers import PROFILE
from tests.fakes.world import SmallWorld

NAMES = {PayerLanguage.BANGLA: "একপে", PayerLanguage.ENGLISH: "ekPay"}


@dataclass
class FakeDueReminders:
    """What was recorded of each reminder."""

    put_off_to: list[datetime] = field(default_factory=list)
    settled: list[CheckedBill] = field(default_factory=list)
    is_told: bool = False

    async def lease_due(
        self, limit: int, lease_seconds: float, billers: Sequence[str]
    ) -> list[LeasedReminder]:
        raise NotImplementedError

    async def put_off(self, leased: LeasedReminder, next_check_at: datetime) -> None:  # noqa: ARG002 - memory
        self.put_off_to.append(next_check_at)

    async def settle(self, leased: LeasedReminder, checked: CheckedBill) -> bool:  # noqa: ARG002 - memory
        self.settled.append(checked)
        return bool(checked.messages) and not self.is_told


class ReminderScene:
    """A citizen with one saved bill at the biller of a small world."""

    def __init__(self, language: PayerLanguage = PayerLanguage.ENGLISH, nickname: str = "Home") -> None:
        self.small = SmallWorld()
        self.reminders = FakeDueReminders()
        self.ports = ReminderPorts(self.reminders, self.small.world, NAMES, 3)
        saved = SavedBill(uuid7(), PROFILE.id, {"bill_no": BILL_NO}, nickname)
        self.leased = LeasedReminder(uuid7(), saved, 1, language)

    def another(self, biller_id: str) -> LeasedReminder:
        """A further saved bill of the citizen."""
        saved = replace(self.leased.saved, saved_id=uuid7(), biller_id=biller_id)
        return replace(self.leased, saved=saved)

    def due_on(self, days: int) -> date:
        return business_date(self.small.clock.now()) + timedelta(days=days)

    async def replied(self, reply: FetchReply) -> None:
        self.small.biller.replies.append(reply)
        await remind(self.leased, self.ports)


async def test_of_a_bill_that_is_nearly_due_its_citizen_is_told_with_the_sum_to_pay() -> None:
    scene = ReminderScene()
    due_on = scene.due_on(2)
    bill = replace(a_bill(total=123_450), due_on=due_on, rounding=Money(50))
    await scene.replied(BillFound(bill))
    (checked,) = scene.reminders.settled
    (message,) = checked.messages
    assert (checked.owed, checked.due_on) == (Money(123_500), due_on)
    assert (message.bill_key, message.due_on, message.is_last) == (BILL_NO, due_on, False)
    assert "DESCO (postpaid) (Home): bill of Tk 1,235.00, due" in message.text
    assert business_date(checked.next_check_at) == due_on


async def test_the_message_is_in_the_citizens_language_and_names_an_unnamed_bill_by_its_end() -> None:
    scene = ReminderScene(PayerLanguage.BANGLA, nickname="")
    await scene.replied(BillFound(replace(a_bill(), due_on=scene.due_on(1))))
    (message,) = scene.reminders.settled[0].messages
    assert f"ডেসকো (পোস্টপেইড) (…{BILL_NO[-4:]})" in message.text


async def test_of_a_bill_that_is_due_later_nothing_is_said_and_the_date_is_kept() -> None:
    scene = ReminderScene()
    await scene.replied(BillFound(replace(a_bill(), due_on=scene.due_on(20))))
    (checked,) = scene.reminders.settled
    assert (checked.due_on, checked.messages) == (scene.due_on(20), ())


@pytest.mark.parametrize("reply", [BillMissing(), AmountRefused(), BillFound(a_bill(is_paid=True))])
async def test_where_nothing_is_owed_nothing_is_said(reply: FetchReply) -> None:
    scene = ReminderScene()
    await scene.replied(reply)
    (checked,) = scene.reminders.settled
    assert (checked.owed, checked.due_on, checked.messages) == (None, None, ())


@pytest.mark.parametrize(
    ("cap", "is_paused", "due_in", "said"),
    [
        (105_000, False, 2, ["is ready, due"]),
        (104_999, False, 2, ["is above your limit, due"]),
        (105_000, False, 0, ["is ready, due", "is still open at the biller, due"]),
        (104_999, False, -3, ["is above your limit, due", "is still open at the biller, due"]),
        (105_000, True, 0, ["Tk 1,050.00, due"]),
        (105_000, False, 9, []),
    ],
)
async def test_a_standing_order_prepares_up_to_its_cap_and_is_loud_on_the_last_day(
    cap: int, due_in: int, said: list[str], *, is_paused: bool
) -> None:
    scene = ReminderScene()
    scene.leased = replace(scene.leased, order=StandingOrder(Money(cap), is_paused=is_paused))
    await scene.replied(BillFound(replace(a_bill(total=105_000), due_on=scene.due_on(due_in))))
    messages = scene.reminders.settled[0].messages
    assert [message.is_last for message in messages] == [False, True][: len(said)]
    for message, words in zip(messages, said, strict=True):
        assert words in message.text


async def test_a_silent_biller_is_asked_again_and_nothing_is_recorded() -> None:
    scene = ReminderScene()
    await scene.replied(BillerSilent("down"))
    assert (len(scene.reminders.put_off_to), scene.reminders.settled) == (1, [])


async def test_a_biller_that_is_gone_or_may_be_asked_no_more_is_not_asked() -> None:
    scene = ReminderScene()
    scene.small.biller.profile = replace(PROFILE, fetch_has_side_effects=True)
    await remind(scene.leased, scene.ports)
    scene.small.billers.known.clear()
    await remind(scene.leased, scene.ports)
    assert (len(scene.reminders.put_off_to), scene.reminders.settled) == (2, [])
    assert scene.small.steps.taken == []


async def test_a_biller_is_asked_within_its_budget() -> None:
    scene = ReminderScene()
    began = scene.small.clock.monotonic()
    for _ in range(11):
        await scene.replied(BillMissing())
    assert scene.small.clock.monotonic() - began == pytest.approx(10 / PROFILE.inquiries_per_second)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"fetch_has_side_effects": True}, {"bill_no": BILL_NO}),
        ({"takes_bill_once": False}, {"bill_no": BILL_NO}),
        ({"status": "suspended"}, {"bill_no": BILL_NO}),
        ({}, {"bill_no": "x"}),
        ({}, {"meter_no": "1"}),
        ({}, {}),
    ],
)
def test_what_cannot_be_looked_up_by_itself_is_not_reminded_of(
    changes: dict[str, object], fields: dict[str, str]
) -> None:
    assert is_remindable(PROFILE, {"bill_no": BILL_NO})
    assert not is_remindable(replace(PROFILE, **changes), fields)  # type: ignore[arg-type]


def test_where_the_payer_chooses_the_amount_nothing_can_be_looked_up() -> None:
    amount = Parameter("amount", "amount", "Amount", "টাকা", "^[0-9]+$", "500", "A", is_required=True)
    prepaid = replace(PROFILE, parameters=(*PROFILE.parameters, amount))
    assert not is_remindable(prepaid, {"bill_no": BILL_NO})
