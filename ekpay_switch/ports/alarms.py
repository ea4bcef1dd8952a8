"""What people do with alarms: list them, say that they work on one, close what no evidence ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm, AlarmOwner


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Which alarms are listed; an empty member filters nothing.

    Listing continues after the alarm `after`, in the order of due date and id.
    """

    owner: AlarmOwner | None = None
    kind: Alarm | None = None
    payment_id: UUID | None = None
    overdue_only: bool = False
    with_ended: bool = False
    after: UUID | None = None


@dataclass(frozen=True, slots=True)
class AlarmView:
    """One alarm as people see it: instants are UTC, `amount` is whole paisa or None, `due_on` a Dhaka date.

    `ended_by` and `end_reason` are empty while it is open.
    """

    alarm_id: UUID
    kind: Alarm
    subject: str
    payment_id: UUID | None
    amount: int | None
    owner: AlarmOwner
    due_on: date
    is_overdue: bool
    facts: Mapping[str, str]
    count: int
    raised_at: datetime
    last_raised_at: datetime
    acknowledged_by: str
    ended_at: datetime | None
    ended_by: str
    end_reason: str


class AlarmDesk(Protocol):
    """The alarms, for the command line and the consoles; the caller has verified the person."""

    async def list(self, chosen: AlarmFilter, limit: int) -> Sequence[AlarmView]:
        """At most `limit` alarms, the one due first before the others."""
        ...

    async def show(self, alarm_id: UUID) -> AlarmView:
        """One alarm.

        Raises:
            UnknownAlarmError: there is no such alarm.
        """
        ...

    async def acknowledge(self, alarm_id: UUID, by: str) -> AlarmView:
        """Say who works on an open alarm; said again, it names the newest person.

        Raises:
            UnknownAlarmError: there is no such alarm.
            AlarmEndedError: it has ended.
        """
        ...

    async def close(self, alarm_id: UUID, reason: str, by: str) -> AlarmView:
        """End an alarm that only a person can end, with a reason.

        Raises:
            UnknownAlarmError: there is no such alarm.
            AlarmEndedError: it has ended.
            AlarmStandsError: what it is about still waits, so it ends by a decision or by evidence.
        """
        ...
