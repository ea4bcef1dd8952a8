"""Text messages to citizens: their words, how long they are worth sending, and when a failed try is repeated.

Short enough for one message of 70 Bangla letters wherever that is possible: each further part costs again.
Digits that are to be typed elsewhere are ASCII ones, which every phone has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from ekpay_switch.domain.bangla import MONTHS, in_bangla_digits
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money, grouped_taka, total

RECORD_LIFE = timedelta(days=7)
"""How long it is known that a message was sent; its number and text are gone when it ends."""

_RETRY_SECONDS_MAX = 60


class MessageKind(StrEnum):
    """What a message is about."""

    CODE = "code"  # a one-time code
    OUTCOME = "outcome"  # what became of the bills of a paid cart
    COMPLAINT = "complaint"  # that a complaint was answered
    REMINDER = "reminder"  # that a saved bill is due


class MessageEnd(StrEnum):
    """What became of a message; one that waits has no end yet."""

    SENT = "sent"  # the gateway took it
    REFUSED = "refused"  # the gateway never will: the number, or the text
    LAPSED = "lapsed"  # it was no longer worth sending


def code_text(code: str, portal_name: str, language: PayerLanguage) -> str:
    """The message with a one-time code."""
    if language is PayerLanguage.ENGLISH:
        return f"{portal_name} code: {code}. Valid for 5 minutes. Give it to nobody."
    return f"{portal_name} কোড: {code}। ৫ মিনিট চলবে। কাউকে দেবেন না।"


@dataclass(frozen=True, slots=True)
class PaidCart:
    """A paid cart whose bills have all ended: the amounts of those that were paid, and of those that go back.

    What goes back has its part of the charges beside the amount. `number` is the payment's, by which its
    payer can follow it.
    """

    number: str
    paid: Sequence[Money]
    given_back: Sequence[Money]


def outcome_text(cart: PaidCart, portal_name: str, language: PayerLanguage) -> str:
    """The message that says what became of a cart; without a link, so that none in our name is expected."""
    if language is PayerLanguage.ENGLISH:
        parts = _outcome_in_english(cart)
        return f"{portal_name}: {' '.join(parts)} Payment {cart.number}."
    parts = _outcome_in_bangla(cart)
    return f"{portal_name}: {' '.join(parts)} নম্বর {cart.number}।"


def answer_text(complaint: int, payment_number: str, portal_name: str, language: PayerLanguage) -> str:
    """The message that a complaint was answered; the answer itself stands with the payment."""
    if language is PayerLanguage.ENGLISH:
        return f"{portal_name}: complaint {complaint} is answered. See it with payment {payment_number}."
    number = in_bangla_digits(str(complaint))
    return f"{portal_name}: অভিযোগ {number}: উত্তর দেওয়া হয়েছে। লেনদেন {payment_number}।"


class ReminderStage(StrEnum):
    """What is said of a bill that is due."""

    DUE = "due"
    PREPARED = "prepared"  # by a standing order: the citizen has to say the word
    ABOVE_CAP = "above_cap"  # of a standing order, so that nothing was prepared
    STILL_OPEN = "still_open"  # on its last day, where a standing order was to be paid


@dataclass(frozen=True, slots=True)
class DueBill:
    """An unpaid bill of which a citizen is reminded; without a due date where its biller states none.

    `name` is the citizen's own word for it, or the end of the number that names its customer.
    """

    stage: ReminderStage
    biller_name: str
    name: str
    amount: Money
    due_on: date | None


# What is said behind the amount, and at the end.
_ENGLISH_STAGES = {
    ReminderStage.DUE: ("", ""),
    ReminderStage.PREPARED: (" is ready", " Confirm it in your account."),
    ReminderStage.ABOVE_CAP: (" is above your limit", " Nothing was prepared."),
    ReminderStage.STILL_OPEN: (" is still open at the biller", ""),
}
_BANGLA_STAGES = {
    ReminderStage.DUE: ("", ""),
    ReminderStage.PREPARED: (" প্রস্তুত", " অ্যাকাউন্টে গিয়ে পরিশোধ করুন।"),
    ReminderStage.ABOVE_CAP: (" আপনার সীমার বেশি", " প্রস্তুত করা হয়নি।"),
    ReminderStage.STILL_OPEN: (" বিলদাতার কাছে এখনো বাকি", ""),
}


def reminder_text(due: DueBill, portal_name: str, language: PayerLanguage) -> str:
    """The message that a saved bill is due; it has the biller's amount, to which our charge may come.

    Without a link, as every message: whoever gets one with a link knows that it is not ours.
    """
    bangla, english = MONTHS[due.due_on.month - 1] if due.due_on is not None else ("", "")
    amount = grouped_taka(due.amount.minor)
    if language is PayerLanguage.ENGLISH:
        when = "" if due.due_on is None else f", due {due.due_on.day} {english}"
        about, then = _ENGLISH_STAGES[due.stage]
        return f"{portal_name}: {due.biller_name} ({due.name}): bill of Tk {amount}{about}{when}.{then}"
    when = "" if due.due_on is None else f", শেষ তারিখ {due.due_on.day} {bangla}"
    about, then = _BANGLA_STAGES[due.stage]
    bill = in_bangla_digits(f"বিল {amount} টাকা{about}{when}")
    return f"{portal_name}: {due.biller_name} ({due.name}): {bill}।{then}"


def _outcome_in_english(cart: PaidCart) -> Sequence[str]:
    parts = []
    if cart.paid:
        parts.append(f"{_bills_in_english(cart.paid)} paid, Tk {_taka(cart.paid)}.")
    if cart.given_back:
        bills, back = _bills_in_english(cart.given_back), _taka(cart.given_back)
        parts.append(f"{bills} not paid, Tk {back} and its charges go back.")
    return parts


def _bills_in_english(amounts: Sequence[Money]) -> str:
    return "1 bill" if len(amounts) == 1 else f"{len(amounts)} bills"


def _outcome_in_bangla(cart: PaidCart) -> Sequence[str]:
    parts = []
    if cart.paid:
        parts.append(f"{len(cart.paid)}টি বিল পরিশোধ হয়েছে, {_taka(cart.paid)} টাকা।")
    if cart.given_back:
        bills, back = len(cart.given_back), _taka(cart.given_back)
        parts.append(f"{bills}টি বিল পরিশোধ হয়নি, {back} টাকা ও এর ভাগের চার্জ ফেরত যাবে।")
    return [in_bangla_digits(part) for part in parts]


def _taka(amounts: Sequence[Money]) -> str:
    return grouped_taka(total(amounts).minor)


def retry_after(tries: int) -> timedelta:
    """How long after so many failed tries the next one is due: 2, 4, 8 seconds, up to a minute."""
    return timedelta(seconds=min(2 ** min(tries, 10), _RETRY_SECONDS_MAX))


def masked_number(number: str) -> str:
    """A mobile number as the staff may read it: `017*****678`."""
    return f"{number[:3]}{'*' * max(len(number) - 6, 0)}{number[-3:]}"
