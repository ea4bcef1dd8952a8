"""The cells of the fault matrix: one payment each, spoiled at one moment and followed to its end.

All cells wait side by side; only a refusal concerns a whole far side, so those go first and by themselves.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sandbox.network.proxy.faults import NetworkFault
from sandbox.rehearsals.demo.paying.partner import PartnerSide, Reference
from tests.faults.billers.books import (
    COMPLETED,
    HALF_DONE,
    IN_REVIEW,
    REFUNDED,
    Ours,
    Theirs,
    disagreements,
    ours_of,
    theirs_of,
)
from tests.faults.billers.stage import Site
from tests.faults.installation import PATIENCE_SECONDS
from tests.faults.matrix_table import End

# Ten times faster than life: 1 s to send, 2 s to answer. A doubt is asked about after 1, 2 and 3 s and then
# every second; "not found" is final 1 + 9 + 0.5 s after the payment was begun.
DIVISOR = 10
HURRY = {
    "ask_after_seconds": "[10, 20, 30]",
    "ask_every_seconds": "10",
    "not_found_settle_seconds": "90",
    "settle_margin_seconds": "5",
    "inquiries_per_second": "50",
}
# Asked about 3 s after it was sent, when its time was up; arrives here; "not found" is final after 10.5 s.
TOO_EARLY_SECONDS = 6.5
# The acknowledge meets the refusal that was ordered while the save was being answered.
ANSWER_DELAY_SECONDS = 1.0
IDLE_CLOSE_SECONDS = 0.3
ROW_PAUSE_SECONDS = 0.4
POLL_SECONDS = 0.2
TARIFF_CHANGE = 84_000_000
ENDS = (COMPLETED, REFUNDED, IN_REVIEW)


@dataclass(frozen=True, slots=True)
class Column:
    """One exchange of one biller: `path` is how its request is told from the others of the same payment.

    `echoes_for` is what the simulator aims a wrong echo at, empty where the biller echoes no amount.
    """

    name: str
    far_side: str
    biller: str
    path: str
    echoes_for: str = ""


DESCO = Column("DESCO", "desco", "b025", "/payment ", "bill")
BREB_SAVE = Column("BREB save", "breb", "b9001", "/payment ")
BREB_ACKNOWLEDGE = Column("BREB acknowledge", "breb", "b9001", "/acknowledge ")
NESCO = Column("NESCO vend", "nesco", "b9002", "/remote-charge ", "quote")
COLUMNS = (DESCO, BREB_SAVE, BREB_ACKNOWLEDGE, NESCO)

REFUSED, LATE, DUPLICATE, WRONG_AMOUNT, TOO_EARLY = (
    "refused connection", "late success after give-back", "duplicate", "wrong amount echoed",
    '"not found" too early',
)  # fmt: skip
STRUCK = {
    "reset before the request": NetworkFault.RESET_BEFORE,
    "reset after the request": NetworkFault.RESET_AFTER,
    "half an answer": NetworkFault.HALF_ANSWER,
    "HTML with 200": NetworkFault.HTML,
    "time-out and done": NetworkFault.BLACK_HOLE_AFTER,
    "time-out and not done": NetworkFault.BLACK_HOLE_BEFORE,
}
ROWS = (REFUSED, *STRUCK, LATE, DUPLICATE, WRONG_AMOUNT, TOO_EARLY)


@dataclass(frozen=True, slots=True)
class Paying:
    """A payment on its way: what was fetched, and what its partner has heard."""

    row: str
    column: Column
    fetched: Mapping[str, Any]
    reference: Reference


class Player:
    """Plays the cells with one partner."""

    def __init__(
        self, site: Site, side: PartnerSide, bills: Mapping[str, Sequence[Mapping[str, str]]]
    ) -> None:
        """`bills` are unpaid ones by far side, as a partner names them; each cell takes one."""
        self._site = site
        self._side = side
        self._bills = {far_side: iter(named) for far_side, named in bills.items()}
        self._rest_is_over, self._released = asyncio.Event(), asyncio.Event()
        self._held = {column.name: asyncio.Event() for column in COLUMNS}

    async def play(self) -> list[End]:
        """Every cell, whatever becomes of the others."""
        ends: list[End] = []
        for alone in ((DESCO, BREB_SAVE, NESCO), (BREB_ACKNOWLEDGE,)):
            ends += await asyncio.gather(*(self._cell(REFUSED, column) for column in alone))
        late = asyncio.create_task(self._late())
        cells = []
        for row in (TOO_EARLY, *reversed(STRUCK), DUPLICATE, WRONG_AMOUNT):
            # A breaker opens after five failures in a row: the fetches of the next row stand between them.
            await asyncio.sleep(ROW_PAUSE_SECONDS)
            cells += [asyncio.create_task(self._cell(row, column)) for column in COLUMNS]
        ends += await asyncio.gather(*cells)
        self._rest_is_over.set()
        return ends + await late

    async def _cell(self, row: str, column: Column) -> End:
        try:
            paying = await self._fetched(row, column)
            await self._spoil(paying)
            await self._until(paying, lambda ours: ours.state in ENDS)
            return await self._end(paying)
        except Exception as error:  # noqa: BLE001 - one broken cell must not hide the others
            return _broken(row, column, error)

    async def _fetched(self, row: str, column: Column) -> Paying:
        fetched = await self._side.fetch(column.biller, **next(self._bills[column.far_side]))
        return Paying(row, column, fetched, self._side.new_reference_for(fetched))

    async def _spoil(self, paying: Paying) -> None:
        """Pay while it goes wrong."""
        match paying.row:
            case row if row in STRUCK:
                await self._strike(paying, STRUCK[row])
            case row if row == DUPLICATE:
                await self._strike(paying, NetworkFault.DUPLICATE)
            case row if row == TOO_EARLY:
                await self._strike(paying, NetworkFault.DELAY_REQUEST, seconds=TOO_EARLY_SECONDS)
            case row if row == WRONG_AMOUNT:
                await self._echo_other_amount(paying)
            case _:
                await self._refuse(paying)
                return
        await self._pay(paying)

    async def _pay(self, paying: Paying) -> str:
        return await self._side.pay(paying.fetched, paying.reference)

    async def _strike(self, paying: Paying, fault: NetworkFault, **order: object) -> None:
        column = paying.column
        which = {"match": paying.reference.bill_number, "also": column.path, "times": 1}
        await self._site.proxy.arm(column.far_side, fault, **which | order)

    async def _echo_other_amount(self, paying: Paying) -> None:
        column = paying.column
        if column.echoes_for:
            order = {column.echoes_for: paying.reference.bill_number, "fault": "echo_other_amount"}
            await self._site.desks[column.far_side].admin("POST", "faults", order)

    async def _refuse(self, paying: Paying) -> None:
        """Nobody can be connected to; an acknowledge meets that once its save was answered."""
        far_side, proxy = paying.column.far_side, self._site.proxy
        if paying.column is not BREB_ACKNOWLEDGE:
            await proxy.arm(far_side, NetworkFault.REFUSE)
            await asyncio.sleep(IDLE_CLOSE_SECONDS)
            await self._pay(paying)
        else:
            save = {"also": BREB_SAVE.path, "seconds": ANSWER_DELAY_SECONDS}
            await self._strike(paying, NetworkFault.DELAY_ANSWER, **save)
            paid = asyncio.create_task(self._pay(paying))
            await proxy.has_struck(far_side, NetworkFault.DELAY_ANSWER)
            await proxy.arm(far_side, NetworkFault.REFUSE)
            await paid
        await proxy.lift(far_side)

    async def _late(self) -> list[End]:
        """Requests that are held until we have given up, and arrive then; all are released together."""
        cells = [asyncio.create_task(self._late_cell(column)) for column in COLUMNS]
        await self._rest_is_over.wait()
        await asyncio.gather(*(event.wait() for event in self._held.values()))
        for far_side in self._site.desks:
            await self._site.proxy.lift(far_side)
            await self._site.proxy.release(far_side)
        self._released.set()
        return list(await asyncio.gather(*cells))

    async def _late_cell(self, column: Column) -> End:
        try:
            try:
                paying = await self._hold(column)
            finally:
                self._held[column.name].set()
            await self._released.wait()
            if column is BREB_SAVE:
                await self._until(paying, lambda ours: HALF_DONE in self._alarms(ours))
            else:
                await self._until(paying, lambda ours: ours.state in {COMPLETED, IN_REVIEW})
            return await self._end(paying)
        except Exception as error:  # noqa: BLE001 - one broken cell must not hide the others
            return _broken(LATE, column, error)

    async def _hold(self, column: Column) -> Paying:
        """Both sends are held, or all acknowledges; ends when the money is back, or plainly never will be."""
        paying = await self._fetched(LATE, column)
        is_last_step = column is BREB_ACKNOWLEDGE
        await self._strike(paying, NetworkFault.HOLD_REQUEST, times=None if is_last_step else 2)
        await self._pay(paying)
        if is_last_step:
            await asyncio.gather(*(self._held[other.name].wait() for other in COLUMNS if other is not column))
            await self._until(paying, lambda ours: ours.state == "delivering")
        else:
            await self._until(paying, lambda ours: ours.state == REFUNDED)
            await self._side.ask(paying.reference)
        return paying

    async def _until(self, paying: Paying, is_so: Callable[[Ours], bool]) -> Ours:
        """The payment as soon as this is true of it.

        Raises:
            TimeoutError: it did not become true.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                ours = await ours_of(self._site, paying.reference.text)
                if ours is not None and is_so(ours):
                    return ours
                await asyncio.sleep(POLL_SECONDS)

    def _alarms(self, ours: Ours) -> tuple[str, ...]:
        return tuple(
            sorted({reason for payment, reason in self._site.alarms() if payment == ours.payment_id})
        )

    async def _end(self, paying: Paying) -> End:
        """What stands everywhere, once the partner has sent its order again and asked about it."""
        reference, column = paying.reference, paying.column
        await self._pay(paying)
        await self._side.ask(reference)
        # The alarm is raised after the review has begun.
        ours = await self._until(paying, lambda ours: ours.state != IN_REVIEW or bool(self._alarms(ours)))
        alarms = self._alarms(ours)
        theirs = theirs_of(column.far_side, await self._site.book(column.far_side), reference.bill_number)
        faults = [*disagreements(ours, theirs, reference, alarms), *_not_struck(paying, ours, theirs)]
        told = tuple(code for code, _ in groupby(reference.codes))
        return End(paying.row, column.name, ours.state, told, theirs.text, ours.sends, alarms, tuple(faults),
                   _remark(paying, ours))  # fmt: skip


def _remark(paying: Paying, ours: Ours) -> str:
    if "suspense" in ours.nets:
        return "owed out of suspense"
    return "echoes no amount" if paying.row == WRONG_AMOUNT and not paying.column.echoes_for else ""


def _not_struck(paying: Paying, ours: Ours, theirs: Theirs) -> list[str]:
    """Where a payment came through without meeting what was to go wrong with it."""
    is_acknowledge = paying.column is BREB_ACKNOWLEDGE
    if paying.row == DUPLICATE and theirs.calls < 2:
        return ["it arrived once"]
    if paying.row == TOO_EARLY and not is_acknowledge and not _is_among(ours.whys, "too early to be final"):
        return [f"nobody was told too early that it is not there: {ours.whys}"]
    if paying.row == REFUSED and is_acknowledge and not _is_among(ours.whys, "step was not sent"):
        return [f"its acknowledge was not refused: {ours.whys}"]
    return []


def _is_among(whys: Sequence[str], words: str) -> bool:
    return any(words in why for why in whys)


def _broken(row: str, column: Column, error: Exception) -> End:
    return End(row, column.name, f"{type(error).__name__}: {error}", (), "", 0, (), ("not played",))
