"""One payment and everybody around it: its shop, its payer, bKash, and strangers who write to us."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import aiohttp

from sandbox.callers.client.messages import ApiPayment
from sandbox.callers.payer.browser import Browser, PageView
from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.providers.bkash.notifications import (
    STRANGER,
    Composer,
    NotificationKind,
    Sender,
    SignedMessage,
    Signer,
)
from sandbox.providers.bkash.payment import BkashPayment
from tests.faults.finance import refund_at_our_loss
from tests.faults.installation import PATIENCE_SECONDS
from tests.faults.wallets.stage import WalletSite

POLL_SECONDS = 0.2
FORGED = 400
PARTS_MAX, DAYS_MAX = 10, 60
STATE = "SELECT state FROM payments WHERE id = $1"
OPEN_REFUNDS = """
SELECT count(*) AS all, count(*) FILTER (WHERE state <> 'done') AS open FROM refunds WHERE payment_id = $1
"""
UNDECIDED = (
    "SELECT count(*) AS count FROM attempts WHERE payment_id = $1 AND leg = 'funds' AND state <> 'closed'"
)


class UnexpectedAnswerError(Exception):
    """Somebody was answered otherwise than this play needs; the text says how."""


@dataclass(slots=True)
class Scene:
    """One payment as its shop was told it last, and who pays it."""

    site: WalletSite
    payment: ApiPayment
    payer: Payer

    @property
    def payment_id(self) -> UUID:
        return UUID(self.payment.id.removeprefix("pay_"))

    @property
    def page_url(self) -> str:
        assert self.payment.page_url is not None, "its page is open"
        return self.payment.page_url

    @property
    def bkash_name(self) -> str:
        """What bKash calls the payment whose page is open."""
        return parse_qs(urlsplit(self.page_url).query)["paymentId"][0]

    # ---- the payer

    async def visits_page(
        self,
        does: PayerDecision = PayerDecision.APPROVE,
        *,
        follow: bool = True,
        page_url: str | None = None,
    ) -> PayerVisit:
        """Be the payer at the page, and follow to wherever the browser is sent."""
        return await pay(page_url or self.page_url, self.payer, does, follow=follow)

    async def comes_back(self, url: str) -> PageView:
        """Open an address of ours as a browser does, and follow where it is sent."""
        async with Browser() as browser:
            return await browser.visit(url)

    async def callback_url(self, status: str, name: str | None = None) -> str:
        """Where bKash would send the browser with this word, which anybody can type."""
        line = await self._line()
        base = self.site.stage.setting.switch_address
        query = urlencode({"paymentID": name or self.bkash_name, "status": status})
        return f"{base}/pay/return/{line['invoice']}?{query}"

    # ---- the shop

    async def tries_again(self) -> None:
        self.payment = await self.site.client.try_again(self.payment.id)

    async def asks_refund(self, amount: int) -> None:
        """Its payer has a token, so finance gives it back, at our loss."""
        await refund_at_our_loss(self.site.finance, self.payment_id, amount, PARTS_MAX, DAYS_MAX)

    # ---- bKash

    async def notifies(self, kind: NotificationKind, times: int = 1) -> None:
        """Let bKash send such a notification about the payment whose page is open."""
        order = {"kind": kind, "paymentID": self.bkash_name, "times": times}
        await self.site.wallet.admin("POST", "sns", order)

    # ---- a stranger

    async def stranger_notifies(self, kind: NotificationKind) -> None:
        """Post a notification that says "Completed" and is signed by whoever wrote it.

        Raises:
            UnexpectedAnswerError: it was not refused as forged.
        """
        status = await self._posted(self._written_by_stranger(kind, await self._line()))
        if status != FORGED:
            raise UnexpectedAnswerError(f"a stranger's notification was answered {status}")

    def _written_by_stranger(self, kind: NotificationKind, line: dict[str, str]) -> SignedMessage:
        now = datetime.now(UTC)
        composer = Composer(Sender(self._topic, "ekPay", "50022"), Signer(now), Signer(now, STRANGER))
        paid = BkashPayment(
            payment_id=line["paymentID"],
            page_hash="",
            invoice=line["invoice"],
            amount_paisa=int(line["amount_paisa"]),
            payer_reference="",
            callback_url="",
            created_at=now.isoformat(),
            wallet=self.payer.wallet,
        )
        return composer.notification(paid, kind, str(uuid.uuid4()), now, "1")

    @property
    def _topic(self) -> str:
        return self.site.stage.tool.environment["EKPAY_BKASH_SNS_TOPIC_ARN"]

    async def _posted(self, letter: SignedMessage) -> int:
        headers = {
            "Content-Type": "text/plain; charset=UTF-8",
            "x-amz-sns-message-type": letter.message_type,
            "x-amz-sns-message-id": letter.message_id,
            "x-amz-sns-topic-arn": self._topic,
        }
        address = self.site.stage.callback_address
        async with (
            aiohttp.ClientSession() as session,
            session.post(address, data=letter.body, headers=headers) as answer,
        ):
            return answer.status

    # ---- waiting

    async def until(self, *states: str) -> None:
        """Wait until our payment is in one of these states and all its pages are dealt with.

        Raises:
            TimeoutError: it never was.
        """
        await self._wait(lambda state, undecided, _: state in states and not undecided)

    async def until_refunded(self, count: int) -> None:
        """Wait until so many refunds are done, and none is under way.

        Raises:
            TimeoutError: they never were.
        """
        await self._wait(lambda _, __, refunds: refunds == (count, 0))

    async def _wait(self, is_so: Callable[[str, int, tuple[int, int]], bool]) -> None:
        rows, payment_id = self.site.rows, self.payment_id
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                ((state,), (undecided,), refunds) = (
                    *await rows(STATE, payment_id),
                    *await rows(UNDECIDED, payment_id),
                    *await rows(OPEN_REFUNDS, payment_id),
                )
                if is_so(state, undecided, tuple(refunds)):
                    return
                await asyncio.sleep(POLL_SECONDS)

    async def _line(self) -> dict[str, str]:
        """The payment whose page is open, as bKash has it."""
        payments = (await self.site.wallet.admin("GET", "dump"))["payments"]
        (line,) = [one for one in payments if one["paymentID"] == self.bkash_name]
        return dict(line)
