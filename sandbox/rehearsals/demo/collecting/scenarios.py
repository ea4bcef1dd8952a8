"""Courses of a collection: what the payer and the shop do, and how it must end.

Data only: `provider_scenarios` decides which provider supports which course, and nothing is sent here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sandbox.callers.client.messages import (
    FAILED,
    PAID,
    PENDING,
    REFUND_DONE,
    REFUND_FAILED,
    REFUND_PENDING,
    REFUND_WAITS,
    REFUNDED,
)
from sandbox.callers.payer.payer import PayerDecision
from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable


class CollectionCourse(StrEnum):
    """The course of one collection; the values are printed in the report."""

    PLAIN = "plain"
    # The payer does not pay, or not at once.
    CANCELLED = "cancelled"
    LAPSED = "left_and_lapsed"
    SECOND_TRY = "left_and_paid_by_a_second_try"
    WRONG_PIN = "wrong_pin"
    INSUFFICIENT = "balance_too_low_then_another_try"
    DECLINED = "declined"
    PAGE_REFUSES = "refused_on_the_page"
    FRAUD = "declined_as_fraud"
    ABORTED = "declined_as_aborted"
    SECOND_ATTEMPT = "declined_and_paid_on_the_same_page"
    PENDING_PAID = "pending_for_long_then_paid"
    PAID_TOO_LATE = "paid_after_the_shop_cancelled"
    PAID_TOO_LATE_BY_HAND = "paid_after_the_shop_cancelled_and_owed"
    # The first request for a page fails.
    CREATE_LOST = "page_lost"
    CREATE_HTML = "page_answered_by_a_web_page"
    CREATE_500 = "page_answered_by_http_500"
    CREATE_REFUSED = "page_refused"
    LOGIN_DIES = "login_dies"
    # The answer about the money is lost, late or wrong.
    EXECUTE_LOST_DONE = "execute_lost_done"
    EXECUTE_LOST_UNDONE = "execute_lost_undone"
    EXECUTE_HANGS_DONE = "execute_hangs_done"
    STATUS_LOST = "status_lost"
    STATUS_HTML = "status_answered_by_a_web_page"
    STATUS_500 = "status_answered_by_http_500"
    STATUS_LATE = "status_late"
    STATUS_REFUSED = "status_turned_away"
    # The bank host's answer is unclear: the doubtful payment is reversed.
    HOST_LOST_DONE = "host_unheard_and_done"
    HOST_LOST_UNDONE = "host_unheard_and_undone"
    HOST_LATE = "host_heard_after_the_reversal"
    HOST_BAD_MAC = "host_answers_with_a_wrong_mac"
    HOST_OTHER_STAN = "host_answers_with_another_stan"
    HOST_RUBBISH = "host_answers_rubbish"
    HOST_CUT = "host_drops_the_link_in_its_answer"
    HOST_91 = "host_answers_91"
    HOST_94 = "host_answers_94"
    HOST_96 = "host_answers_96"
    HOST_TWICE = "host_answers_twice_in_a_segment"
    HOST_BYTES = "host_answers_byte_by_byte"
    REVERSAL_LOST = "reversal_unheard"
    REVERSAL_96 = "reversal_answered_96"
    OTHER_AMOUNT = "other_amount_told"
    OTHER_CURRENCY = "other_currency_told"
    CHARGES_ON_TOP = "charges_taken_on_top"
    # The browser comes back with a wrong status, or not at all.
    NEVER_BACK_NOTICE = "never_sent_back_but_notified"
    NEVER_BACK_CLOCK = "never_sent_back_but_the_clock"
    NOTHING_COMES = "neither_browser_nor_message_comes"
    RETURN_LOST = "return_lost"
    RETURN_TWICE = "return_twice"
    RETURN_FORGED = "return_forged"
    SAYS_PAID = "browser_says_paid_and_is_wrong"
    SAYS_DECLINED = "browser_says_declined_and_is_wrong"
    INDICATOR_WRONG = "browser_brings_another_indicator"
    INDICATOR_MISSING = "browser_brings_no_indicator"
    # The provider's own message comes late, twice, forged or not at all.
    NOTICE_FIRST = "notice_before_the_answer"
    PUSH_FIRST = "message_before_the_browser"
    PUSH_TWICE = "message_twice"
    PUSH_FORGED = "message_forged"
    PUSH_UNFOUNDED = "message_says_paid_and_is_wrong"
    # Refunds.
    BILLER_REFUSES = "biller_refuses"
    BILLER_REFUSES_BY_HAND = "biller_refuses_and_it_is_owed"
    REFUND_WHOLE = "refund_whole"
    REFUND_PART = "refund_of_a_part"
    REFUND_PARTS = "refund_in_three_parts"
    REFUND_LOST = "refund_answer_lost"
    REFUND_UNDONE = "refund_lost_undone"
    REFUND_WORKS = "refund_in_work_for_long"
    REFUND_REFUSED = "refund_refused"
    REFUND_OWED = "refund_left_to_finance"


class NextAction(StrEnum):
    """What happens after the payer has left the page."""

    NOTHING = "nothing"
    SHOP_CANCELS = "shop_cancels"
    ANOTHER_TRY = "another_try"
    NOTICE = "notice"
    """The wallet sends a notification before the switch has executed the payment."""
    PAYS_TOO_LATE = "pays_too_late"
    """The shop cancels, and after that the payer returns to the page and pays."""


@dataclass(frozen=True, slots=True)
class CourseSteps:
    """The steps of a course; `end_status` is the last status that the shop must see.

    `page_fault` is a fault of the provider in the call for a page; `ends_logins` says that the provider ends
    all logins before that call. `refund_percents` of the amount are refunded once it is paid, and `refunds`
    are the final statuses of the refunds, in any order.
    """

    behaviour: PayerDecision = PayerDecision.APPROVE
    is_followed: bool = True
    next_action: NextAction = NextAction.NOTHING
    biller_fault: str | None = None
    page_fault: tuple[ProviderStep, ProviderFault] | None = None
    ends_logins: bool = False
    refund_percents: tuple[int, ...] = ()
    refunds: tuple[str, ...] = ()
    end_status: str = PAID


_CANCELLED_BY_SHOP = CourseSteps(next_action=NextAction.SHOP_CANCELS, end_status=FAILED)
_NOT_PAID = (
    CollectionCourse.DECLINED, CollectionCourse.PAGE_REFUSES, CollectionCourse.FRAUD,
    CollectionCourse.ABORTED, CollectionCourse.RETURN_FORGED, CollectionCourse.SAYS_PAID,
    CollectionCourse.PUSH_UNFOUNDED,
)  # fmt: skip
_PAID_BY_ANOTHER_TRY = (
    CollectionCourse.INSUFFICIENT, CollectionCourse.HOST_LOST_DONE, CollectionCourse.HOST_LOST_UNDONE,
    CollectionCourse.HOST_LATE, CollectionCourse.HOST_BAD_MAC, CollectionCourse.HOST_OTHER_STAN,
    CollectionCourse.HOST_RUBBISH, CollectionCourse.HOST_CUT, CollectionCourse.HOST_91,
    CollectionCourse.HOST_94, CollectionCourse.HOST_96, CollectionCourse.REVERSAL_LOST,
    CollectionCourse.REVERSAL_96,
)  # fmt: skip
_LEAVES = PayerDecision.LEAVE_AT_PIN

STEPS_OF_COURSE: Mapping[CollectionCourse, CourseSteps] = MappingProxyType(
    dict.fromkeys(CollectionCourse, CourseSteps())
    | dict.fromkeys(_NOT_PAID, _CANCELLED_BY_SHOP)
    | dict.fromkeys(_PAID_BY_ANOTHER_TRY, CourseSteps(next_action=NextAction.ANOTHER_TRY))
    | {
        CollectionCourse.CANCELLED: CourseSteps(
            behaviour=PayerDecision.CANCEL, next_action=NextAction.SHOP_CANCELS, end_status=FAILED
        ),
        CollectionCourse.LAPSED: CourseSteps(behaviour=_LEAVES, end_status=FAILED),
        CollectionCourse.SECOND_TRY: CourseSteps(
            behaviour=PayerDecision.LEAVE, next_action=NextAction.ANOTHER_TRY
        ),
        CollectionCourse.WRONG_PIN: CourseSteps(
            behaviour=PayerDecision.WRONG_PIN, next_action=NextAction.SHOP_CANCELS, end_status=FAILED
        ),
        CollectionCourse.PAID_TOO_LATE: CourseSteps(
            behaviour=_LEAVES, next_action=NextAction.PAYS_TOO_LATE, refunds=(REFUND_DONE,), end_status=FAILED
        ),
        CollectionCourse.PAID_TOO_LATE_BY_HAND: CourseSteps(
            behaviour=_LEAVES,
            next_action=NextAction.PAYS_TOO_LATE,
            refunds=(REFUND_WAITS,),
            end_status=FAILED,
        ),
        CollectionCourse.CREATE_LOST: CourseSteps(page_fault=(ProviderStep.CREATE, ProviderFault.LOST_DONE)),
        CollectionCourse.CREATE_HTML: CourseSteps(page_fault=(ProviderStep.CREATE, ProviderFault.HTML)),
        CollectionCourse.CREATE_500: CourseSteps(page_fault=(ProviderStep.CREATE, ProviderFault.HTTP_500)),
        CollectionCourse.CREATE_REFUSED: CourseSteps(page_fault=(ProviderStep.CREATE, ProviderFault.REFUSE)),
        CollectionCourse.LOGIN_DIES: CourseSteps(ends_logins=True),
        CollectionCourse.OTHER_AMOUNT: CourseSteps(end_status=PENDING),
        CollectionCourse.OTHER_CURRENCY: CourseSteps(end_status=PENDING),
        CollectionCourse.NEVER_BACK_NOTICE: CourseSteps(next_action=NextAction.NOTICE),
        CollectionCourse.NEVER_BACK_CLOCK: CourseSteps(is_followed=False),
        CollectionCourse.BILLER_REFUSES: CourseSteps(
            biller_fault="refuse", refunds=(REFUND_DONE,), end_status=REFUNDED
        ),
        CollectionCourse.BILLER_REFUSES_BY_HAND: CourseSteps(
            biller_fault="refuse", refunds=(REFUND_WAITS,), end_status=REFUND_PENDING
        ),
        CollectionCourse.REFUND_WHOLE: CourseSteps(refund_percents=(100,), refunds=(REFUND_DONE,)),
        CollectionCourse.REFUND_PART: CourseSteps(refund_percents=(35,), refunds=(REFUND_DONE,)),
        CollectionCourse.REFUND_PARTS: CourseSteps(refund_percents=(15, 20, 25), refunds=(REFUND_DONE,) * 3),
        CollectionCourse.REFUND_LOST: CourseSteps(refund_percents=(40,), refunds=(REFUND_DONE,)),
        CollectionCourse.REFUND_UNDONE: CourseSteps(refund_percents=(45,), refunds=(REFUND_DONE,)),
        CollectionCourse.REFUND_WORKS: CourseSteps(refund_percents=(50,), refunds=(REFUND_DONE,)),
        CollectionCourse.REFUND_REFUSED: CourseSteps(refund_percents=(30,), refunds=(REFUND_FAILED,)),
        CollectionCourse.REFUND_OWED: CourseSteps(refund_percents=(30,), refunds=(REFUND_WAITS,)),
    }
)


@dataclass(frozen=True, slots=True)
class PayerOrder:
    """One payer of one bill; `number` is the wallet, card or account, `other_number` the one for another try.

    Where `is_sent_twice`, the shop sends the same order twice at the same time. `gives_back` says whether the
    connector has a refund call.
    """

    course: CollectionCourse
    connector: str
    bill: Payable
    number: str
    other_number: str
    is_sent_twice: bool = False
    gives_back: bool = True

    @property
    def steps(self) -> CourseSteps:
        """The steps of its course."""
        return STEPS_OF_COURSE[self.course]
