"""The rows of the wallet matrix: one collected payment each, and what happens to it.

All of them are played side by side. The books are opened when everything has ended and bKash has nothing left
to tell, so that what comes late is seen as well.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.persistence.refunds.staff_actions import RefundRefusedError
from sandbox.callers.client.messages import ApiOrder
from sandbox.callers.client.opening import open_payment
from sandbox.callers.payer.payer import Payer, PayerDecision
from sandbox.providers.bkash.notifications import NotificationKind
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet
from sandbox.rehearsals.demo.admin_clients.admin_client import by_own_names
from tests.faults.installation import PATIENCE_SECONDS
from tests.faults.wallets.books import COLUMNS, Books, books_of, cells_of, disagreements
from tests.faults.wallets.scene import POLL_SECONDS, Scene, UnexpectedAnswerError
from tests.faults.wallets.stage import WalletSite

BEGIN_EVERY_SECONDS = 0.1
# Longer than the switch lets a callback wait that comes soon after a question.
QUIET_SECONDS = 6.0
TAKA = 500
PAISA = 100
WEEK = timedelta(days=7)
COMPLETED, EXPIRED, REFUNDED, IN_REVIEW = "completed", "expired", "refunded", "in_review"
PARTS = (10_000, 15_050, 24_950)
BUSY_TRIES = """
SELECT count(*) AS count FROM tries
WHERE is_woken OR lease_until IS NOT NULL OR next_action_at < now() + $1::interval
"""


async def _paid(scene: Scene) -> None:
    await scene.visits_page()
    await scene.until(COMPLETED)


async def _never_paid(scene: Scene, does: PayerDecision = PayerDecision.APPROVE) -> None:
    await scene.visits_page(does)
    await scene.until(EXPIRED)


async def _cancelled(scene: Scene) -> None:
    await _never_paid(scene, PayerDecision.CANCEL)


async def _left(scene: Scene) -> None:
    await _never_paid(scene, PayerDecision.LEAVE_AT_PIN)


async def _paid_by_another_try(scene: Scene) -> None:
    """The page that was left is agreed to as well, once the other one is paid and the first is done with."""
    first = scene.page_url
    await scene.visits_page(PayerDecision.LEAVE_AT_PIN)
    await scene.tries_again()
    await _paid(scene)
    await scene.visits_page(page_url=first)


async def _agreed_too_late(scene: Scene) -> None:
    await _left(scene)
    await scene.visits_page()


async def _browser_lost(scene: Scene) -> None:
    await scene.visits_page(follow=False)
    await scene.until(COMPLETED)


async def _second_execute(scene: Scene) -> None:
    scene.site.witness.doubled.add(scene.bkash_name)
    await _paid(scene)


async def _duplicate_callback(scene: Scene) -> None:
    visit = await scene.visits_page(follow=False)
    assert visit.sent_to is not None, "who has agreed is sent back"
    await asyncio.gather(*(scene.comes_back(visit.sent_to) for _ in range(5)))
    await scene.until(COMPLETED)
    await scene.comes_back(visit.sent_to)


async def _forged_callback(scene: Scene) -> None:
    """Nobody has agreed: it names the payment itself, and then one that bKash does not know."""
    await scene.comes_back(await scene.callback_url("success"))
    await scene.comes_back(await scene.callback_url("success", "TR0011AAAAAAAA1700000000000"))
    await scene.until(EXPIRED)


async def _week_late_callback(scene: Scene) -> None:
    visit = await scene.visits_page()
    await scene.until(COMPLETED)
    assert visit.sent_to is not None, "who has agreed is sent back"
    await scene.site.age(scene.payment_id, WEEK)
    await scene.comes_back(visit.sent_to)
    await scene.notifies(NotificationKind.WEEK_LATE)


async def _replayed_notice(scene: Scene) -> None:
    await _paid(scene)
    await scene.notifies(NotificationKind.NOTIFICATION, times=5)
    await scene.notifies(NotificationKind.SECOND_ID)


async def _untrue_notice(scene: Scene) -> None:
    await scene.notifies(NotificationKind.UNFOUNDED)
    await scene.until(EXPIRED)


async def _badly_signed_notice(scene: Scene) -> None:
    """First while nobody has paid, by a stranger; then by bKash's key over other bytes and another amount."""
    await scene.stranger_notifies(NotificationKind.NOTIFICATION)
    await _paid(scene)
    await scene.notifies(NotificationKind.BAD_SIGNATURE)
    await scene.notifies(NotificationKind.TAMPERED)


async def _foreign_certificate(scene: Scene) -> None:
    """First while nobody has paid, by a stranger; then rightly signed by bKash's own key."""
    await scene.stranger_notifies(NotificationKind.FOREIGN_HOST)
    await _paid(scene)
    await scene.notifies(NotificationKind.FOREIGN_HOST)


async def _reviewed(scene: Scene) -> None:
    """Told of it once more, we ask once more."""
    await scene.visits_page()
    await scene.until(IN_REVIEW)
    await scene.notifies(NotificationKind.SECOND_ID)


async def _given_back(scene: Scene) -> None:
    await scene.visits_page()
    await scene.until(REFUNDED)


async def _refunded(scene: Scene) -> None:
    await _paid(scene)
    await scene.asks_refund(TAKA * PAISA)
    await scene.until_refunded(1)


async def _refunded_in_parts(scene: Scene) -> None:
    """All parts at once, and a paisa more than there is."""
    await _paid(scene)
    await asyncio.gather(*(scene.asks_refund(part) for part in PARTS))
    try:
        await scene.asks_refund(1)
    except RefundRefusedError as refused:
        if refused.refusal is not RefundRefusal.EXCEEDS_REMAINING:
            raise
    else:
        raise UnexpectedAnswerError("a paisa more than was paid may be refunded")
    await scene.until_refunded(len(PARTS))


@dataclass(frozen=True, slots=True)
class Play:
    """What happens in a row, from which wallet.

    Where `is_unpaid`, it is to pay a DESCO bill, whose promise ends soon; else to buy 500 taka of NESCO.
    Where `inquiries_vary`, the clock and what comes unasked decide between them how often we ask.
    """

    act: Callable[[Scene], Awaitable[None]]
    wallet: WalletKind = WalletKind.NORMAL
    is_unpaid: bool = False
    biller_fault: str = ""
    inquiries_vary: bool = False


AMOUNT_CHANGED = "amount changed"
PLAYS: Mapping[str, Play] = MappingProxyType(
    {
        "nothing: it is paid": Play(_paid),
        "refused by the wallet": Play(_never_paid, WalletKind.INSUFFICIENT_BALANCE, is_unpaid=True),
        "cancelled by the payer": Play(_cancelled, is_unpaid=True),
        "left": Play(_left, is_unpaid=True, inquiries_vary=True),
        "left, and paid by another try": Play(_paid_by_another_try, inquiries_vary=True),
        "agreed after the time to pay": Play(_agreed_too_late, is_unpaid=True, inquiries_vary=True),
        "browser never comes back": Play(_browser_lost),
        "execute times out, done": Play(_paid, WalletKind.EXECUTE_HANGS_DONE),
        "execute times out, not done": Play(_paid, WalletKind.EXECUTE_HANGS_UNDONE),
        "second execute": Play(_second_execute),
        "duplicate callback": Play(_duplicate_callback),
        "forged callback": Play(_forged_callback, is_unpaid=True, inquiries_vary=True),
        "week-late callback": Play(_week_late_callback),
        "SNS replay": Play(_replayed_notice),
        "SNS untrue": Play(_untrue_notice, is_unpaid=True, inquiries_vary=True),
        "SNS bad signature": Play(_badly_signed_notice),
        "SNS foreign certificate host": Play(_foreign_certificate),
        AMOUNT_CHANGED: Play(_reviewed, WalletKind.OTHER_AMOUNT, inquiries_vary=True),
        "biller refuses after collect": Play(_given_back, biller_fault="refuse"),
        "refund": Play(_refunded),
        "partial refunds": Play(_refunded_in_parts),
        "refund times out, done": Play(_refunded, WalletKind.REFUND_HANGS_DONE),
        "refund times out, not done": Play(_refunded, WalletKind.REFUND_HANGS_UNDONE),
    }
)
ROWS = tuple(PLAYS)


@dataclass(frozen=True, slots=True)
class End:
    """How a row ended: its cells by column, and what the books have against each other, in words.

    `books` is None where it could not be played to its end.
    """

    row: str
    cells: Mapping[str, str]
    faults: Sequence[str] = ()
    books: Books | None = field(default=None, repr=False)
    wallet: str = ""


class Player:
    """Plays the rows for one shop."""

    def __init__(self, site: WalletSite, bills: Iterator[ApiOrder], meters: Iterator[str]) -> None:
        """`bills` are orders to pay DESCO, `meters` customers of NESCO; each row takes one of either."""
        self._site = site
        self._bills = bills
        self._meters = meters

    async def play(self) -> list[End]:
        """Every row, whatever becomes of the others; those that take longest come first."""
        rows = sorted(ROWS, key=lambda row: not PLAYS[row].is_unpaid)
        played = dict(await asyncio.gather(*(self._played(place, row) for place, row in enumerate(rows))))
        await self._all_is_quiet()
        return [await self._end(row, played[row]) for row in ROWS]

    async def _played(self, place: int, row: str) -> tuple[str, Scene | Exception]:
        await asyncio.sleep(place * BEGIN_EVERY_SECONDS)
        try:
            scene = await self._opened(place, PLAYS[row])
            await PLAYS[row].act(scene)
        except Exception as error:  # noqa: BLE001 - one broken row must not hide the others
            return row, error
        return row, scene

    async def _opened(self, place: int, play: Play) -> Scene:
        """A payment whose page waits for its payer."""
        normal = f"{FIRST_NORMAL_WALLET + place:0{WALLET_LENGTH}d}"
        wallet = normal if play.wallet is WalletKind.NORMAL else magic_wallet(play.wallet, place)
        order = next(self._bills) if play.is_unpaid else await self._recharge(place, play.biller_fault)
        return Scene(self._site, await open_payment(self._site.client, order), Payer(wallet))

    async def _recharge(self, place: int, fault: str) -> ApiOrder:
        """The order of 500 taka for a meter, whose biller may then have a fault."""
        desk, meter = self._site.desks["nesco"], next(self._meters)
        if fault:
            await desk.set_fault(meter, fault)
        named = by_own_names(desk.parameters, {"bllr_accno": meter, "amount": str(TAKA)})
        return ApiOrder(desk.biller, named, TAKA * PAISA, self._site.page.url(f"row{place}"))

    async def _all_is_quiet(self) -> None:
        """Until bKash owes us no notification, and no try of ours has anything to do.

        Raises:
            TimeoutError: that never came.
        """
        async with asyncio.timeout(PATIENCE_SECONDS):
            await _until(self._is_told)
            await asyncio.sleep(QUIET_SECONDS)
            # A woken try may wait longer than that on a slow machine, and its inquiry is a cell of its row.
            await _until(self._is_idle)

    async def _is_told(self) -> bool:
        notices = (await self._site.wallet.admin("GET", "dump"))["notices"]
        return all(notice["delivered_at"] for notice in notices)

    async def _is_idle(self) -> bool:
        ((count,),) = await self._site.rows(BUSY_TRIES, timedelta(seconds=QUIET_SECONDS))
        return bool(count == 0)

    async def _end(self, row: str, played: Scene | Exception) -> End:
        if isinstance(played, Exception):
            return _broken(row, played)
        try:
            told = await self._site.client.get(played.payment.id)
            books = await books_of(self._site, played.payment_id, told)
        except Exception as error:  # noqa: BLE001 - one broken row must not hide the others
            return _broken(row, error)
        faults = [*disagreements(books, contradicts=row == AMOUNT_CHANGED)]
        broken = await self._site.audited()
        alarms = self._site.alarms().get(str(played.payment_id), [])
        cells = cells_of(books, alarms, inquiries_vary=PLAYS[row].inquiries_vary)
        return End(row, cells, [*faults, *([broken] if broken else [])], books, played.payer.wallet)


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    while True:
        if await is_so():
            return
        await asyncio.sleep(POLL_SECONDS)


def _broken(row: str, error: Exception) -> End:
    return End(row, dict.fromkeys(COLUMNS, f"{type(error).__name__}: {error}"), ["not played"])
