"""Reading what is compared about collected money: the switch's export and ledger, the wallet, the shop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sandbox.bkash.settings import BkashSettings
from sandbox.demo.bkash_desk import Told
from sandbox.demo.compare import Comparison, Disagreement, TheirLine
from sandbox.demo.stage import WALLET
from sandbox.demo.tool import Tool
from sandbox.demo.wallet_books import (
    Collection,
    Movement,
    OurRefund,
    OurTry,
    ShopLine,
    WalletBooks,
    compare_wallet,
)
from sandbox.demo.wallet_load import Collected, WalletExperience, WalletSide

_BALANCE = "SELECT coalesce(sum(amount), 0) FROM postings WHERE account = 'receivable:{}'"


@dataclass(frozen=True, slots=True)
class WalletOutcome:
    """Everything that a demo found out about its payers; `ours` are the payments of its own shop.

    `theirs` are the wallet's movements and `told` its notifications, `receivable_paisa` what the ledger says
    that it owes us.
    """

    ours: Sequence[Collection]
    theirs: Sequence[Movement]
    told: Told
    receivable_paisa: int
    experience: WalletExperience
    comparison: Comparison

    def course_of(self, line: Collection) -> str:
        """What was to happen to a payment, or nothing."""
        one = self.experience.payments.get(line.payment_id)
        return "" if one is None else one.order.course.value


async def prove_wallet(
    tool: Tool,
    side: WalletSide,
    exported: Sequence[Mapping[str, Any]],
    posted: Sequence[TheirLine],
    experience: WalletExperience,
) -> WalletOutcome:
    """Read all that anybody believes about collected money and compare it.

    `exported` is the switch's whole export, `posted` what the billers' books hold.
    """
    collections = [collection_of(line) for line in exported if line["tries"]]
    books = WalletBooks(
        ours=collections,
        theirs=await side.desk.book(),
        shop=[_shop_line(one) for one in experience.payments.values()],
        receivable_paisa=await _receivable_paisa(tool),
        kept_basis_points=BkashSettings.model_fields["fee_basis_points"].default,
        tokens={line.bill_number: line.token for line in posted if line.token and line.bill_number},
    )
    told, compared = await side.desk.told(), compare_wallet(books)
    return WalletOutcome(
        ours=[one for one in collections if one.payment_id in experience.payments],
        theirs=books.theirs,
        told=told,
        receivable_paisa=books.receivable_paisa,
        experience=experience,
        comparison=replace(compared, unexplained=[*compared.unexplained, *_notice_faults(told)]),
    )


def _notice_faults(told: Told) -> Iterator[Disagreement]:
    """Where the switch does not take what the wallet notifies."""
    where = "notifications of the wallet"
    if not told.is_confirmed:
        yield Disagreement(where, "the switch has never confirmed that it wants them")
    if told.untaken:
        yield Disagreement(where, f"{told.untaken} of {told.owed} were not taken")


async def _receivable_paisa(tool: Tool) -> int:
    """What stands on the wallet's account in the ledger: what the rows sum to, read past the switch."""
    printed = await tool.run("db", "psql", "-XAtqc", _BALANCE.format(WALLET))
    return int(printed.strip())


def collection_of(line: Mapping[str, Any]) -> Collection:
    """A collected payment as the switch exports it."""
    parts = ("amount", "rounding", "charge", "fee", "vat")
    return Collection(
        payment_id=f"pay_{UUID(line['id']).hex}",
        state=line["state"],
        bill_number=line["bill_number"] or line["bill_key"],
        total_paisa=sum(line[part] for part in parts),
        tries=[
            OurTry(
                reference=one["reference"],
                outcome=one["outcome"],
                payment=one["provider_reference"],
                transaction=one["provider_transaction"],
                collected_paisa=one["collected"],
            )
            for one in line["tries"]
        ],
        refunds=[
            OurRefund(
                refund_id=one["id"],
                kind=one["kind"],
                state=one["state"],
                amount_paisa=one["amount"],
                transaction=one["provider_refund"],
            )
            for one in line["refunds"]
        ],
    )


def _shop_line(one: Collected) -> ShopLine:
    payment = one.payment
    return ShopLine(
        payment_id=payment.id,
        status=payment.status,
        total_paisa=payment.total,
        refunded_paisa=payment.refunded,
        token=",".join(line.digits for line in payment.tokens),
    )
