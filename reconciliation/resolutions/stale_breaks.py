"""Whether a break is still what the night froze: the switch goes on collecting and refunding meanwhile.

A decision that moves money is taken by frozen lines, so it is refused where the switch has booked anything
about their movements since, until the next night has frozen that too
(docs/adr/0073-a-break-is-decided-by-what-is-booked-now.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.finance import Connection, Finance, LiveMovement
from reconciliation.breaks.codes import BreakCode
from reconciliation.resolutions.decision_records import Resolution, UnfitError
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.results.records import BreakRecord

# The newest night, and when the last of its windows closed before its last run ended.
_FROZEN: Final = """
SELECT r.night, (SELECT max(w.closed_at) FROM public.settlement_windows w
  WHERE w.business_date = r.night AND w.closed_at <= r.finished_at) AS closed_at
FROM reconciliation.runs r ORDER BY r.night DESC, r.seq DESC LIMIT 1
"""
_TRY_OF_REFERENCE: Final = """
SELECT t.attempt_id FROM public.attempts a JOIN public.tries t ON t.attempt_id = a.id
WHERE a.far_side = $2 AND a.reference = $1
"""
# An instant is that of the beginning of its transaction, which may have waited for the closing. It decides
# only where the booking's window does not.
_MARGIN: Final = timedelta(minutes=1)
_MOVES_NOTHING: Final = frozenset({ResolutionAction.NO_ACTION, ResolutionAction.REPOST})


class StaleBreakError(UnfitError):
    """The break is stale: its movement has changed since the night froze it; nothing was changed."""

    def __init__(self, changes: Sequence[str]) -> None:
        super().__init__(
            f"the break is stale, since the night has not seen this yet: {'; '.join(changes)}; until the "
            "next night only what moves no money fits it, and what stands can be reversed"
        )


def movements_of_break(broken: BreakRecord) -> list[UUID]:
    """The movements of our books that a break is about."""
    movements = broken.details.get("movements", ())
    return [UUID(str(movement)) for movement in movements] if isinstance(movements, Sequence) else []


async def _all_movements(connection: Connection, broken: BreakRecord) -> list[UUID]:
    """The movements of a break with the try of its reference, whose line may be of an earlier night."""
    named = await connection.fetch(_TRY_OF_REFERENCE, broken.reference, broken.institution)
    known = movements_of_break(broken)
    return known + [row["attempt_id"] for row in named if row["attempt_id"] not in known]


def moves_money(action: ResolutionAction) -> bool:
    """Whether an action states something about money, so that it has to fit what is booked now."""
    return action not in _MOVES_NOTHING


async def refuse_stale(connection: Connection, finance: Finance, broken: BreakRecord) -> None:
    """Refuse a decision that moves money on a break whose movement has changed; locks the movements.

    Raises:
        StaleBreakError: the switch has booked something about them since the night froze its lines.
    """
    changes = await changes_since_frozen(connection, finance, broken)
    if changes:
        raise StaleBreakError(changes)


async def changes_since_frozen(connection: Connection, finance: Finance, broken: BreakRecord) -> list[str]:
    """What the switch has booked about a break's movements since the newest night froze its lines, in words.

    Empty where nothing has changed. Takes the locks of `LiveMovements.lock`.
    """
    movements = await finance.movements.lock(connection, await _all_movements(connection, broken))
    if not movements:
        return []
    newest = await connection.fetchrow(_FROZEN)
    return changes_of(movements, FrozenNight(newest["night"], newest["closed_at"]), BreakCode(broken.code))


@dataclass(frozen=True, slots=True)
class FrozenNight:
    """The newest night; `closed_at` is when the last of its windows closed, None while none has."""

    night: date
    closed_at: datetime | None

    def has(self, movement: LiveMovement) -> bool:
        """Whether the newest booking of a movement is in the lines of the night, or there is none."""
        if movement.booked_at is None or movement.booked_at < self.certain_until:
            return True
        closed_at, window_closed_at = self.closed_at, movement.window_closed_at
        return closed_at is not None and window_closed_at is not None and window_closed_at <= closed_at

    @property
    def certain_until(self) -> datetime:
        """The instant from which an instant alone does not prove that something is in the lines of the night.

        What is posted after midnight belongs to another window, though this one be closed hours later; what
        is posted before midnight, but after an early closing, does as well.
        """
        midnight = datetime.combine(self.night + timedelta(days=1), time.min, DHAKA)
        return (midnight if self.closed_at is None else min(midnight, self.closed_at)) - _MARGIN


def changes_of(movements: Sequence[LiveMovement], night: FrozenNight, code: BreakCode) -> list[str]:
    """Everything about these movements that is not certain to be in the lines of a night, in words; pure."""
    return list(dict.fromkeys(words for movement in movements for words in _changes(movement, night, code)))


def _changes(movement: LiveMovement, night: FrozenNight, code: BreakCode) -> Iterator[str]:
    collected = movement.collected
    # By its code nothing was collected, whenever the money was booked.
    is_contrary = code is BreakCode.THEY_SUCCESS_WE_FAILED and collected is not None
    is_changed = is_contrary or not night.has(movement)
    # What the desk owes the switch does not give back: the decision goes on, whatever has come in.
    if is_changed and movement.owed_at_desk <= 0:
        what = "something of it was booked" if collected is None else f"{Money(collected)} were collected"
        yield f"payment {movement.payment_id} is {movement.payment_state.value}, and {what}"
    for refund in movement.refunds:
        if refund.changed_at >= night.certain_until:
            yield f"refund {refund.refund_id} of {Money(refund.amount)} is {refund.state.value}"


async def keep_owed_back(
    connection: Connection, finance: Finance, resolution: Resolution, broken: BreakRecord
) -> None:
    """Tell the switch what an approved decision owes payers, so that it does not give that back as well."""
    if resolution.action is ResolutionAction.FROM_SUSPENSE_TO_REFUND:
        movements = await _all_movements(connection, broken)
        await finance.movements.owe(connection, resolution.entry_id, movements, resolution.amount)


async def release_owed_back(
    connection: Connection, finance: Finance, owed: Resolution, reversal: Resolution
) -> None:
    """Tell the switch that what a reversed decision owed to payers is not owed by it any more."""
    if owed.action is ResolutionAction.FROM_SUSPENSE_TO_REFUND:
        await finance.movements.release(connection, owed.entry_id, reversal.entry_id)
