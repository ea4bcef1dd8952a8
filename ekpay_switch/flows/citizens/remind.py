"""Reminding a citizen of a saved bill: ask its biller, and send a message once its due date is near."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ekpay_switch import telemetry
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound, FetchReply
from ekpay_switch.domain.citizens.reminders import (
    check_after_silence,
    is_last_day,
    is_owed,
    is_to_be_reminded,
    next_check,
)
from ekpay_switch.domain.citizens.text_messages import DueBill, ReminderStage, reminder_text
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.bills.fetch_in_bulk import fetch_unattended, unattended_query
from ekpay_switch.flows.carts.fill_cart import ACTIVE
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.reminders import CheckedBill, DueMessage, LeasedReminder, ReminderPorts

_NUMBER_END = 4


def is_remindable(profile: BillerProfile, fields: Mapping[str, str]) -> bool:
    """Whether the bills that these saved fields name can be looked up while nobody waits, and told apart.

    Not where a fetch locks the bill, nor where the payer chooses the amount, as of a prepaid meter.
    """
    can_be_asked = profile.status == ACTIVE and profile.takes_bill_once
    if not can_be_asked or profile.fetch_has_side_effects:
        return False
    return unattended_query(profile, fields) is not None


async def remind(leased: LeasedReminder, ports: ReminderPorts) -> None:
    """Ask the biller of a leased reminder. If the process dies in here, the lease ends and it asks again."""
    reply = await _reply(leased, ports)
    now = ports.world.clock.now()
    if reply is None or isinstance(reply, BillerSilent):
        await ports.reminders.put_off(leased, check_after_silence(leased.saved.saved_id, now))
        outcome = "silent"
    else:
        is_sent = await _settle(leased, reply.bill if isinstance(reply, BillFound) else None, now, ports)
        outcome = "reminded" if is_sent else "checked"
    telemetry.REMINDERS.labels(outcome).inc()


async def _reply(leased: LeasedReminder, ports: ReminderPorts) -> FetchReply | None:
    """What the biller says; None where it can be asked no more, as after a change of its manifest."""
    saved = leased.saved
    biller = ports.world.billers.by_id(saved.biller_id)
    if biller is None or not is_remindable(biller.profile, saved.fields):
        return None
    query = unattended_query(biller.profile, saved.fields)
    return None if query is None else await fetch_unattended(query, biller, ports.world)


async def _settle(leased: LeasedReminder, bill: Bill | None, now: datetime, ports: ReminderPorts) -> bool:
    owed = bill if bill is not None and is_owed(bill) else None
    checked = CheckedBill(
        owed=None if owed is None else _amount(owed),
        due_on=None if owed is None else owed.due_on,
        next_check_at=next_check(leased.saved.saved_id, bill, now, ports.days_before),
        ask_again_at=check_after_silence(leased.saved.saved_id, now),
        bill_key="" if owed is None else owed.bill_key,
        messages=() if owed is None else _messages(leased, owed, now, ports),
    )
    return await ports.reminders.settle(leased, checked)


def _messages(
    leased: LeasedReminder, bill: Bill, now: datetime, ports: ReminderPorts
) -> Sequence[DueMessage]:
    """What is to be told of a bill, once each: that it is due, and with a standing order on its last day."""
    if not is_to_be_reminded(bill, now, ports.days_before):
        return ()
    stages = [ReminderStage.DUE]
    order = leased.order
    if order is not None and not order.is_paused:
        is_prepared = order.prepares(_amount(bill))
        stages = [ReminderStage.PREPARED if is_prepared else ReminderStage.ABOVE_CAP]
        stages += [ReminderStage.STILL_OPEN] if is_last_day(bill, now) else []
    return [
        DueMessage(
            bill_key=bill.bill_key,
            due_on=bill.due_on,
            is_last=stage is ReminderStage.STILL_OPEN,
            text=_text(leased, bill, stage, ports),
        )
        for stage in stages
    ]


def _text(leased: LeasedReminder, bill: Bill, stage: ReminderStage, ports: ReminderPorts) -> str:
    saved, language = leased.saved, leased.language
    biller = ports.world.billers.by_id(saved.biller_id)
    names = ("", "") if biller is None else (biller.profile.name_bn, biller.profile.name_en)
    due = DueBill(
        stage=stage,
        biller_name=names[language is PayerLanguage.ENGLISH],
        name=saved.nickname or f"…{next(iter(saved.fields.values()), '')[-_NUMBER_END:]}",
        amount=_amount(bill),
        due_on=bill.due_on,
    )
    return reminder_text(due, ports.portal_names[language], language)


def _amount(bill: Bill) -> Money:
    return bill.total + bill.rounding
