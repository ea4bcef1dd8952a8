"""Requests of finance's commands, with ids as people type them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from ekpay_switch.ports.finance import Finance
from reconciliation.calendar import read_calendar
from reconciliation.resolutions.booked_transfers import booked_transfer_of
from reconciliation.resolutions.break_lookup import break_by, newest_night
from reconciliation.resolutions.day_closing import ClosedDay, closings_of, verify_closings
from reconciliation.resolutions.decision_records import CheckerVerdict, Resolution
from reconciliation.resolutions.decision_store import id_by_name, resolutions_of, waiting_resolutions
from reconciliation.resolutions.decisions import CheckOrder, Proposal, ResolutionActions, existing_resolution
from reconciliation.resolutions.disputed_rows import booked_by_dispute
from reconciliation.resolutions.fitting_decisions import fitting_decisions
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.resolutions.stale_breaks import changes_since_frozen
from reconciliation.results.break_results import events_of, read_breaks
from reconciliation.results.records import BreakEvent, BreakFilter, BreakRecord


@dataclass(frozen=True, slots=True)
class BreakHistory:
    """One break with its events and decisions, and the actions that fit it as it stands.

    `changes` is what the switch has booked about it since the night froze it; then the break is stale, and
    only actions that move no money fit.
    """

    broken: BreakRecord
    night: date
    events: Sequence[BreakEvent]
    resolutions: Sequence[Resolution]
    fitting: Sequence[ResolutionAction]
    changes: Sequence[str]


async def breaks_of(finance: Finance, break_filter: BreakFilter) -> tuple[list[BreakRecord], date]:
    """The breaks of a filter, and the newest night.

    Raises:
        NoNightError: no night was run yet.
    """
    calendar = read_calendar(finance.config / "calendar.toml")
    connection = await finance.connect()
    try:
        night = await newest_night(connection)
        return await read_breaks(connection, break_filter, night, calendar), night
    finally:
        await connection.close()


async def break_history(finance: Finance, text: str) -> BreakHistory:
    """One break by its number or the beginning of its id; raises UnknownIdError."""
    actions = ResolutionActions.of(finance)
    connection = await finance.connect()
    try:
        break_id = await id_by_name(connection, "break", text)
        broken = await break_by(connection, break_id, actions.calendar)
        decisions = await resolutions_of(connection, break_id)
        async with connection.transaction():
            changes = await changes_since_frozen(connection, finance, broken)
            booking = await booked_transfer_of(connection, finance, broken)
            booking_dispute = await booked_by_dispute(connection, finance, broken)
        return BreakHistory(
            broken,
            await newest_night(connection),
            await events_of(connection, break_id),
            decisions,
            await fitting_decisions(
                connection,
                finance,
                actions.rules,
                broken,
                decisions,
                is_bound=bool(changes or booking or booking_dispute),
            ),
            changes,
        )
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class WaitingProposal:
    """A decision that waits for its checkers, and the break that it is about."""

    resolution: Resolution
    broken: BreakRecord


async def waiting_proposals(finance: Finance) -> list[WaitingProposal]:
    """Every proposal that waits, the oldest first; raises NoNightError."""
    calendar = read_calendar(finance.config / "calendar.toml")
    connection = await finance.connect()
    try:
        return [
            WaitingProposal(resolution, await break_by(connection, resolution.break_id, calendar))
            for resolution in await waiting_resolutions(connection)
        ]
    finally:
        await connection.close()


async def ids_of(finance: Finance, table: str, texts: Sequence[str]) -> dict[UUID, str]:
    """The id of each `break` or `resolution` that somebody has typed, with what was typed first for it.

    Raises:
        UnknownIdError: a text names none of them, or several.
    """
    connection = await finance.connect()
    try:
        typed: dict[UUID, str] = {}
        for text in texts:
            typed.setdefault(await id_by_name(connection, table, text), text)
        return typed
    finally:
        await connection.close()


async def propose(
    finance: Finance,
    break_id: UUID,
    *,
    action: ResolutionAction,
    reason: str,
    maker: str,
    gains: bool = False,
    payouts: Sequence[str] = (),
    bank_reference: str = "",
) -> Resolution:
    """Propose an action with its reason and maker, see `ResolutionActions.propose`."""
    proposal = Proposal(
        break_id, action, reason, maker, gains=gains, payouts=tuple(payouts), bank_reference=bank_reference
    )
    return await ResolutionActions.of(finance).propose(proposal)


async def propose_reversal(finance: Finance, resolution_id: UUID, reason: str, maker: str) -> Resolution:
    """Propose to take a resolution back, see `ResolutionActions.propose`."""
    connection = await finance.connect()
    try:
        resolution = await existing_resolution(connection, resolution_id)
    finally:
        await connection.close()
    return await ResolutionActions.of(finance).propose(
        Proposal(resolution.break_id, resolution.action, reason, maker, reverses=resolution.id)
    )


async def check_resolution(
    finance: Finance, resolution_id: UUID, *, checker: str, verdict: CheckerVerdict, reason: str
) -> Resolution:
    """Write down what a checker says, see `ResolutionActions.check`."""
    return await ResolutionActions.of(finance).check(CheckOrder(resolution_id, checker, verdict, reason))


async def write_note(finance: Finance, break_id: UUID, words: str, by: str) -> None:
    """Keep a word about a break, see `ResolutionActions.note`."""
    await ResolutionActions.of(finance).note(break_id, words, by)


async def newest_night_of(finance: Finance) -> date:
    """The newest night that was run; raises NoNightError."""
    connection = await finance.connect()
    try:
        return await newest_night(connection)
    finally:
        await connection.close()


async def closings_with_proof(finance: Finance, night: date | None) -> tuple[list[ClosedDay], str | None]:
    """Closings of a night or of all, and the first closing of all that does not verify, else None."""
    connection = await finance.connect()
    try:
        return await closings_of(connection, night), await verify_closings(connection)
    finally:
        await connection.close()
