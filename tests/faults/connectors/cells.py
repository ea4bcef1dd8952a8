"""The columns of the connector matrix: twelve things that can happen to money, wherever it is collected.

All cells are played side by side. The books are opened when everything has ended, so that what comes late is
seen as well.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from sandbox.callers.payer.payer import PayerDecision
from tests.faults.connectors.providers import BKASH, Acts, Provider
from tests.faults.connectors.scene import Payments, Scene, UnexpectedAnswerError, fields_of
from tests.faults.connectors.stage import Site

BEGIN_EVERY_SECONDS = 0.25
# Longer than the switch lets a callback wait that comes soon after a question.
QUIET_SECONDS = 6.0
WEEK = timedelta(days=7)
COMPLETED, EXPIRED, REFUNDED, IN_REVIEW = "completed", "expired", "refunded", "in_review"
WHOLE, PART = 50_000, 20_000
CHEAP_TAKA = 100
OTHERWISE = "nagad"
"""By which instrument somebody pays who has left bKash's page; who has left another one pays by bKash."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One connector and one column, with numbers that no other cell has."""

    provider: Provider
    others: Mapping[str, Provider]
    payments: Payments
    nth: int

    async def opened(self, acts: Acts = Acts.PAYS) -> Scene:
        """Its payment, whose page waits for a payer of a kind."""
        return await self.payments.opened(self.provider, self.provider.payer(acts, self.nth), self.nth)

    async def paid(self) -> Scene:
        """Its payment, paid and delivered."""
        scene = await self.opened()
        await scene.visits()
        await scene.until(COMPLETED)
        return scene


async def _paid(cell: Cell) -> Scene:
    return await cell.paid()


async def _never_paid(
    cell: Cell, acts: Acts = Acts.PAYS, does: PayerDecision = PayerDecision.APPROVE
) -> Scene:
    """Nobody pays at the page; another try may begin until the quote is dead."""
    scene = await cell.opened(acts)
    await scene.visits(does)
    await scene.until_never_paid()
    return scene


async def _refused(cell: Cell) -> Scene:
    return await _never_paid(cell, Acts.IS_REFUSED)


async def _cancelled(cell: Cell) -> Scene:
    return await _never_paid(cell, does=PayerDecision.CANCEL)


async def _left(cell: Cell) -> Scene:
    """The page is left open, another instrument pays, and then the old page is paid too if it can be."""
    scene = await cell.opened()
    first, payer = scene.payment.page_url, scene.payer
    await scene.visits(PayerDecision.LEAVE_AT_PIN)
    other = cell.others[OTHERWISE if cell.provider.id == BKASH else BKASH]
    await scene.tries_again(other, other.payer(Acts.PAYS, cell.nth))
    await scene.visits()
    await scene.until(COMPLETED)
    scene.payer = payer
    visit = await scene.visits(page_url=first)
    if visit.sent_to is None:
        scene.last.append("the old page has ended")
    elif not cell.provider.manifest["executes"]:
        await scene.until_given_back()
    return scene


async def _late(cell: Cell, *, is_moved: bool) -> Scene:
    payer = cell.provider.late_payer(cell.nth, is_moved=is_moved)
    scene = await cell.payments.opened(cell.provider, payer, cell.nth)
    names = await scene.names()
    await cell.provider.hang(names.ours, is_moved=is_moved)
    await scene.visits()
    await scene.until(COMPLETED, EXPIRED)
    if not (await cell.provider.book())[names.ours].was_asked_again:
        raise UnexpectedAnswerError("no call was left unanswered and asked about again")
    return scene


async def _late_and_paid(cell: Cell) -> Scene:
    return await _late(cell, is_moved=True)


async def _late_and_unpaid(cell: Cell) -> Scene:
    return await _late(cell, is_moved=False)


async def _duplicated(cell: Cell) -> Scene:
    """Five browsers at once, one more and five notifications when all is over, and both a week later."""
    scene = await cell.opened()
    visit = await scene.visits(follow=False)
    reference = (await scene.names()).ours
    await asyncio.gather(*(scene.comes_back(visit) for _ in range(5)))
    await scene.until(COMPLETED)
    await scene.comes_back(visit)
    await cell.provider.tell_again(reference)
    await scene.site.age(scene.payment_id, WEEK)
    await scene.comes_back(visit)
    await cell.provider.tell_again(reference, is_late=True)
    return scene


async def _forged(cell: Cell) -> Scene:
    """A browser and, where the provider sends any, notifications say that it was paid, and nobody has."""
    scene = await cell.opened(Acts.CLAIMS)
    visit = await scene.visits()
    await scene.is_brought(fields_of(visit), is_post=visit.carries is not None)
    await cell.provider.tell_lies((await scene.names()).ours, scene.payment.total)
    await scene.until(EXPIRED)
    return scene


async def _replayed(cell: Cell) -> Scene:
    """What the payer of a cheap payment brings back is brought for a dear one: as it is, and renamed."""
    scene = await cell.opened()
    await scene.visits(PayerDecision.LEAVE)
    payer = cell.provider.payer(Acts.PAYS, cell.nth)
    cheap = await cell.payments.opened(cell.provider, payer, cell.nth, taka=CHEAP_TAKA)
    visit = await cheap.visits(follow=False)
    await cheap.comes_back(visit)
    await cheap.until(COMPLETED)
    told, is_post = fields_of(visit), visit.carries is not None
    await scene.is_brought(told, is_post=is_post)
    renamed = (await cheap.names()).as_those_of(await scene.names(), told)
    await scene.is_brought(renamed, is_post=is_post)
    await scene.until(EXPIRED)
    scene.also.append(cheap)
    return scene


async def _changed(cell: Cell) -> Scene:
    scene = await cell.opened(Acts.OTHER_AMOUNT)
    await scene.visits()
    await scene.until(IN_REVIEW)
    return scene


async def _given_back(cell: Cell) -> Scene:
    """All of it; where the provider has no call for that, also a payment whose biller refuses."""
    scene = await cell.paid()
    await scene.asks_refund(WHOLE)
    if not cell.provider.gives_back:
        payer = cell.provider.payer(Acts.PAYS, cell.nth)
        refused = await cell.payments.opened(cell.provider, payer, cell.nth, fault="refuse")
        await refused.visits()
        await refused.until_given_back()
        await refused.until(REFUNDED)
        scene.also.append(refused)
    return scene


async def _given_back_in_parts(cell: Cell) -> Scene:
    """Two parts, and then more than is left."""
    scene = await cell.paid()
    for _ in range(3):
        if not await scene.asks_refund(PART):
            break
    return scene


CHANGED = "amount changed"
# Those that take longest are begun first.
PLAYS: Mapping[str, Callable[[Cell], Awaitable[Scene]]] = MappingProxyType(
    {
        "leaves and pays by another": _left,
        "refused": _refused,
        "payer cancels": _cancelled,
        "time-out, not paid": _late_and_unpaid,
        "forged callback": _forged,
        "cheaper payment replayed": _replayed,
        "time-out, paid": _late_and_paid,
        "duplicate callback": _duplicated,
        "refund": _given_back,
        "partial refunds": _given_back_in_parts,
        CHANGED: _changed,
        "paid": _paid,
    }
)
COLUMNS = (
    "paid", "refused", "payer cancels", "leaves and pays by another", "time-out, paid", "time-out, not paid",
    "duplicate callback", "forged callback", "cheaper payment replayed", CHANGED, "refund", "partial refunds",
)  # fmt: skip


class Player:
    """Plays every cell for one shop."""

    def __init__(self, site: Site, providers: Mapping[str, Provider], meters: Iterator[str]) -> None:
        """`meters` are customers of the biller; each payment takes one."""
        self._providers = providers
        self._payments = Payments(site, meters)

    async def play(self, rows: Sequence[str]) -> Mapping[tuple[str, str], Scene | Exception]:
        """Every column of these connectors, whatever becomes of the others."""
        wanted = [(row, column) for column in PLAYS for row in rows]
        played = await asyncio.gather(*(self._played(place, *one) for place, one in enumerate(wanted)))
        await asyncio.sleep(QUIET_SECONDS)
        return dict(zip(wanted, played, strict=True))

    async def _played(self, place: int, row: str, column: str) -> Scene | Exception:
        await asyncio.sleep(place * BEGIN_EVERY_SECONDS)
        try:
            cell = Cell(self._providers[row], self._providers, self._payments, place)
            return await PLAYS[column](cell)
        except Exception as error:  # noqa: BLE001 - one broken cell must not hide the others
            return error
