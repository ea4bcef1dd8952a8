"""Client of the simulated bKash's admin API: its book from its settlement files, and its notifications."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sandbox.kit.institution.amounts import paisa
from sandbox.kit.institution.clock import dhaka_day
from sandbox.providers.bkash.notifications import NotificationKind
from sandbox.providers.bkash.settlement_file import COLUMNS
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminCallRefusedError, AdminClient, Document
from sandbox.rehearsals.demo.comparison.bkash_books import WalletMovement

_REFUND = "Refund"


@dataclass(frozen=True, slots=True)
class BkashNotificationCounts:
    """Whether an endpoint has confirmed its subscription, and its created and undelivered notifications."""

    is_confirmed: bool
    created: int
    undelivered: int


class BkashAdminClient(AdminClient):
    """Admin calls of the simulator; the switch sees none of them."""

    async def subscribe(self, endpoint: str) -> None:
        """Subscribe this address to notifications; the endpoint must confirm it."""
        await self.admin("POST", "sns-endpoint", {"url": endpoint})

    async def notification_counts(self) -> BkashNotificationCounts:
        """The numbers of created and undelivered notifications."""
        dump = await self.admin("GET", "dump")
        are_delivered = [notice["delivered_at"] is not None for notice in dump["notices"]]
        return BkashNotificationCounts(
            bool(dump["subscription"]["is_confirmed"]), len(are_delivered), are_delivered.count(False)
        )

    async def notify(self, payment_id: str) -> None:
        """Send a correctly signed notification that the payment was paid, whether true or not."""
        await self.admin("POST", "sns", {"kind": NotificationKind.UNFOUNDED, "paymentID": payment_id})

    async def book(self) -> list[WalletMovement]:
        """Every movement of money, in the order of the settlement files.

        Raises:
            AdminCallRefusedError: a file holds a line that cannot be read.
        """
        dump = await self.admin("GET", "dump")
        stated_paisa = {line["trxID"]: line["told_paisa"] for line in dump["payments"] if line["trxID"]}
        movements = []
        today = date.fromisoformat((await self.admin("GET", "unpaid?count=1"))["today"])
        for day in _days(dump, today):
            text = await self.admin_text(f"settlement?date={day.isoformat()}")
            movements += [_movement(row, stated_paisa) for row in csv.DictReader(io.StringIO(text))]
        return movements


def _days(dump: Document, today: date) -> Iterator[date]:
    """The days in Dhaka on which money can have moved: from the first payment to today."""
    executed = [line["executed_at"] for line in dump["payments"] if line["executed_at"]]
    if not executed:
        return
    day = min(dhaka_day(datetime.fromisoformat(instant)) for instant in executed)
    while day <= today:
        yield day
        day += timedelta(days=1)


def _movement(row: dict[str, str], stated_paisa: dict[str, int]) -> WalletMovement:
    if tuple(row) != COLUMNS or row["transactionStatus"] != "Completed" or row["currency"] != "BDT":
        raise AdminCallRefusedError(f"an unknown kind of line in the settlement file: {row}")
    amount, fee, credited = (_signed_paisa(row[name]) for name in ("amount", "serviceFee", "creditedAmount"))
    is_refund = row["transactionType"] == _REFUND
    if credited != (-amount if is_refund else amount - fee):
        raise AdminCallRefusedError(f"a line of the settlement file that does not add up: {row}")
    return WalletMovement(
        transaction=row["trxID"],
        payment=row["paymentID"],
        invoice=row["merchantInvoiceNumber"],
        amount_paisa=amount,
        fee_paisa=fee,
        refund_of=row["originalTrxID"] if is_refund else None,
        stated_paisa=amount if is_refund else stated_paisa[row["trxID"]],
    )


def _signed_paisa(text: str) -> int:
    amount = paisa(text.removeprefix("-"))
    if amount is None:
        raise AdminCallRefusedError(f"an unreadable amount in the settlement file: {text}")
    return -amount if text.startswith("-") else amount
