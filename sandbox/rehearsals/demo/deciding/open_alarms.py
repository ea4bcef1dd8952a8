"""Why an alarm is open at the end of a demo: without I/O, from what the demo has done on purpose.

An alarm without such a cause is one that nobody can explain, and the demo has failed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.callers.client.messages import REFUND_WAITS
from sandbox.rehearsals.demo.collecting.load import CollectedPayment
from sandbox.rehearsals.demo.collecting.scenarios import CollectionCourse, PayerOrder
from sandbox.rehearsals.demo.comparison.biller_books import Disagreement

_OF_REVIEWS = frozenset({"amount_echo_mismatch", "collected_mismatch", "payment_in_review"})
_OF_REFUNDS = frozenset({"refund_needs_a_person", "unexpected_money"})
_OF_HOSTS = frozenset({"late_approval", "reversal_not_known", "reversal_not_confirmed"})
_ENTRY = "entry "
_HOST_COURSES = ("host_", "reversal_")
# What the provider told was more than it moved, so it refuses to give that back.
_REFUSED_GIVE_BACKS = frozenset({CollectionCourse.OTHER_AMOUNT, CollectionCourse.OTHER_CURRENCY})


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An open alarm with its cause, or with an empty one: then nobody can explain it."""

    kind: str
    subject: str
    cause: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.kind.replace('_', ' ')}, {self.subject}: {self.cause or 'nobody knows why'}"


class DemoCauses:
    """What the demo has done on purpose: contradictions that the books show, the courses of payers, breaks.

    `standing_breaks` counts, by institution, what the nights leave standing and the demo can explain.
    `unagreed` is what connectors have paid out beyond what is agreed: connector and paisa by ledger entry.
    `owed` are payments of citizens whose connector, by payment id, gives nothing back.
    """

    def __init__(
        self,
        contradictions: Iterable[Disagreement],
        payments: Mapping[str, CollectedPayment],
        standing_breaks: Mapping[str, int],
        unagreed: Mapping[str, tuple[str, int]] | None = None,
        owed: Mapping[str, str] | None = None,
    ) -> None:
        self._contradictions = {plain_id(each.subject): each.problem for each in contradictions}
        self._payments = {plain_id(name): collected for name, collected in payments.items()}
        self._standing_breaks = standing_breaks
        self._unagreed = unagreed or {}
        self._owed = {plain_id(name): connector for name, connector in (owed or {}).items()}

    def open_alarms(self, listed: Iterable[Mapping[str, Any]]) -> Sequence[OpenAlarm]:
        """The alarms of `ekpay alarms list --json`, each with its cause."""
        return [OpenAlarm(line["kind"], line["subject"], self._cause_of(line)) for line in listed]

    def _cause_of(self, line: Mapping[str, Any]) -> str:
        if line["kind"] == "breaks_open":
            return self._breaks_cause(line["subject"].removeprefix("breaks "), line["facts"]["breaks"])
        if line["kind"] == "money_in_suspense" and line["subject"].startswith(_ENTRY):
            return self._suspense_cause(line["subject"].removeprefix(_ENTRY), line["amount"])
        return self._cause(line["kind"], line["payment_id"] or "")

    def _suspense_cause(self, entry: str, paisa: int) -> str:
        """An alarm about another amount than the payout has put there is not explained."""
        connector, unagreed = self._unagreed.get(entry, ("", 0))
        return f"{connector} has paid out more than is agreed with it" if unagreed == paisa and paisa else ""

    def _breaks_cause(self, institution: str, count: str) -> str:
        """An alarm that counts another number of breaks than the demo has caused is not explained."""
        if count != str(self._standing_breaks.get(institution, 0)):
            return ""
        return f"{count} of the breaks that the demo has caused, for people to look at"

    def _cause(self, kind: str, payment_id: str) -> str:
        name = plain_id(payment_id)
        if kind in _OF_REVIEWS:
            return self._contradictions.get(name, "")
        collected = self._payments.get(name)
        if collected is None:
            connector = self._owed.get(name, "") if kind in _OF_REFUNDS else ""
            return (
                f"{connector} gives nothing back to a citizen, so finance pays it by hand"
                if connector
                else ""
            )
        order = collected.order
        if kind in _OF_HOSTS and order.course.startswith(_HOST_COURSES):
            return f"{order.connector}: {_words(order.course)}"
        return _refund_cause(order) if kind in _OF_REFUNDS else ""


def _refund_cause(order: PayerOrder) -> str:
    """Why finance has to pay a refund of this order by hand, or nothing."""
    if not order.gives_back or REFUND_WAITS in order.steps.refunds:
        return f"{order.connector} gives nothing back ({_words(order.course)}), so finance pays it by hand"
    if order.course in _REFUSED_GIVE_BACKS:
        return f"{order.connector} has told more than it moved, and refuses to give that back"
    return ""


def plain_id(name: str) -> str:
    """A payment's id without what surrounds it: `payment pay_...` and a UUID with hyphens are one name."""
    return name.removeprefix("payment ").removeprefix("pay_").replace("-", "")


def _words(course: CollectionCourse) -> str:
    return course.value.replace("_", " ")
