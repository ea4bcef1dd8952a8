"""What a restored database has lost: read from sends journals, asked at far sides (docs/adr/0088)."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.composition.positions import place_of, position_keeper, refuse_if_restored
from ekpay_switch.composition.switch import SEND_CODES, open_switch, send_sealer
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.payments.lost_sends import LostSend
from ekpay_switch.flows.payments.ask_lost_sends import ask_lost_sends
from ekpay_switch.flows.payments.book_lost_sends import book_lost_sends
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.positions.keeper import RestoredDatabaseError
from ekpay_switch.persistence.positions.restores import record_check
from ekpay_switch.persistence.sends.journal import holds_journal, read_journal
from ekpay_switch.persistence.sends.lost import PostgresLostSends
from ekpay_switch.persistence.sends.lost_decisions import LostDecisions
from ekpay_switch.persistence.sends.parts import JournalLine
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings


class NoJournalError(SwitchError):
    """A folder holds no sends journal, so that nothing could be asked back."""


@dataclass(frozen=True, slots=True)
class CheckedSends:
    """All lost sends after a check; so many were new, of so many lines, of which so many were unreadable."""

    lost: Sequence[LostSend]
    new: int
    lines: int
    unreadable: int


class _Lines:
    """The lines of some journals, counted while they are read; what cannot be read was never sent."""

    def __init__(self, folders: Sequence[Path], code_key: bytes) -> None:
        self._folders, self._code_key = folders, code_key
        self.count = self.unreadable = 0

    def __iter__(self) -> Iterator[JournalLine]:
        for folder in self._folders:
            for line in read_journal(folder, self._code_key):
                self.count += 1
                if line is None:
                    self.unreadable += 1
                else:
                    yield line


async def check_lost_sends(settings: Settings, database: Database, folders: Sequence[Path]) -> CheckedSends:
    """Keep what the database does not know of these journals, and ask about all that is not proven.

    Without folders only what was found before is asked about: the journals are lost as well. Moves no money,
    and may be repeated: what was found stays found.

    Raises:
        NoJournalError: a folder holds no journal, or none of this installation; nothing was done.
    """
    for folder in folders:
        if not holds_journal(folder):
            raise NoJournalError(f"{folder}: it holds no sends journal, so nothing can be asked back")
    async with (
        open_switch(settings, database, may_be_restored=True) as switch,
        open_lost_sends(database, switch.keys) as lost_sends,
    ):
        with contextlib.suppress(RestoredDatabaseError):
            await refuse_if_restored(position_keeper(settings, database, switch.keys))
        lines = _Lines(folders, switch.keys.sub_key(SEND_CODES))
        new = await lost_sends.keep_unknown(lines)
        if lines.count and lines.count == lines.unreadable:
            raise NoJournalError("no line can be read: journal or master key are another installation's")
        await ask_lost_sends(lost_sends, switch.world)
        found = await lost_sends.all()
        await record_differences(switch.engine, settings, found)
        return CheckedSends(found, new, lines.count, lines.unreadable)


async def book_all(settings: Settings, database: Database) -> Sequence[LostSend]:
    """Book every lost payment that may be posted; all lost sends after it. May be repeated."""
    async with (
        open_switch(settings, database, may_be_restored=True) as switch,
        open_lost_sends(database, switch.keys) as lost_sends,
    ):
        await book_lost_sends(lost_sends, switch.world)
        found = await lost_sends.all()
        await record_differences(switch.engine, settings, found)
        return found


async def record_differences(engine: AsyncEngine, settings: Settings, lost: Sequence[LostSend]) -> None:
    """Say at the open restore of this place, if there is one, how many lost sends are not settled yet."""
    await record_check(engine, place_of(settings), sum(line.is_open for line in lost))


async def read_lost_sends(database: Database, keys: KeyRing) -> Sequence[LostSend]:
    """Every lost send, the oldest first."""
    async with open_lost_sends(database, keys) as lost_sends:
        return await lost_sends.all()


@asynccontextmanager
async def open_lost_sends(database: Database, keys: KeyRing) -> AsyncIterator[PostgresLostSends]:
    """The lost sends of a database, over connections of their own."""
    async with ShortTransactions(database.connect_hot) as transactions:
        yield PostgresLostSends(transactions, send_sealer(keys))


@asynccontextmanager
async def open_decisions(database: Database) -> AsyncIterator[LostDecisions]:
    """Decisions about lost sends, over connections of their own."""
    async with ShortTransactions(database.connect_hot) as transactions:
        yield LostDecisions(transactions)
