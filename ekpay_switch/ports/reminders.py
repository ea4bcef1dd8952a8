"""What reminding citizens of saved bills needs, as protocols (docs/adr/0132)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.citizens.reminders import Reminder, StandingOrder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.world import World


class Reminders(Protocol):
    """The reminders of saved bills, as their citizens switch them; each call is durable on return."""

    async def switch_on(self, citizen_id: UUID, saved_id: UUID) -> None:
        """Remind of the bills of a saved bill; one that is not this citizen's stays as it is."""
        ...

    async def switch_off(self, citizen_id: UUID, saved_id: UUID) -> None:
        """Remind of them no more; one that is not this citizen's stays as it is."""
        ...

    async def set_order(self, citizen_id: UUID, saved_id: UUID, cap: Money) -> None:
        """Prepare each bill up to the cap, and remind of it; one that is not theirs stays as it is."""
        ...

    async def pause_order(self, citizen_id: UUID, saved_id: UUID, *, is_paused: bool) -> None:
        """Pause a standing order, or go on with it; where there is none nothing changes."""
        ...

    async def end_order(self, citizen_id: UUID, saved_id: UUID) -> None:
        """End a standing order; the reminder stays on."""
        ...

    async def begin_payment(self, citizen_id: UUID, saved_id: UUID) -> None:
        """Offer what is being paid no more until its biller was asked again, in ten minutes."""
        ...

    async def of_citizen(self, citizen_id: UUID) -> Mapping[UUID, Reminder]:
        """The reminders of a citizen that are on, by the id of the saved bill."""
        ...


@dataclass(frozen=True, slots=True)
class LeasedReminder:
    """A reminder whose biller is to be asked, and the language of its citizen."""

    citizen_id: UUID
    saved: SavedBill
    epoch: int
    language: PayerLanguage
    order: StandingOrder | None = None


@dataclass(frozen=True, slots=True)
class DueMessage:
    """What a citizen is told of one bill, once, and once more as `is_last`.

    `bill_key` and `due_on` tell the bill from the next.
    """

    bill_key: str = field(repr=False)
    due_on: date | None
    is_last: bool
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckedBill:
    """What a biller answered: its unpaid bill, None and empty where there is none, and when it is asked next.

    The first of the messages that was not sent before is sent. Where the citizen is paying this very bill,
    nothing is said or offered, and the biller is asked again at `ask_again_at`.
    """

    owed: Money | None
    due_on: date | None
    next_check_at: datetime
    ask_again_at: datetime
    bill_key: str = field(default="", repr=False)
    messages: Sequence[DueMessage] = ()


class DueReminders(Protocol):
    """Reminders whose time has come; each call is one short transaction."""

    async def lease_due(
        self, limit: int, lease_seconds: float, billers: Sequence[str]
    ) -> Sequence[LeasedReminder]:
        """Lease reminders that are due, at most one of each of these billers; each gets a new epoch."""
        ...

    async def put_off(self, leased: LeasedReminder, next_check_at: datetime) -> None:
        """Ask again then, after no answer; under an old epoch nothing changes."""
        ...

    async def settle(self, leased: LeasedReminder, checked: CheckedBill) -> bool:
        """Record an answer with the message that it brings; whether there is one.

        Nothing changes under an old epoch, or once the account was closed.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReminderPorts:
    """What the job of reminders uses; `portal_names` are those of the portal, by language."""

    reminders: DueReminders
    world: World
    portal_names: Mapping[PayerLanguage, str]
    days_before: int
