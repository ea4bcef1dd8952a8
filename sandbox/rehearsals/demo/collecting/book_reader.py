"""Reads the books about collected money: the switch's export and ledger, the providers', the shop's."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sandbox.rehearsals.demo.admin_clients.bkash import BkashNotificationCounts
from sandbox.rehearsals.demo.admin_clients.provider_family import ProviderAdminClient
from sandbox.rehearsals.demo.collecting.load import CollectedPayment, PayerExperience
from sandbox.rehearsals.demo.collecting.participants import PayerSide
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, DemoProvider
from sandbox.rehearsals.demo.comparison.biller_books import Comparison, Disagreement, TheirLine
from sandbox.rehearsals.demo.comparison.bkash_books import (
    Collection,
    OurRefund,
    OurTry,
    ShopLine,
    WalletBooks,
    WalletMovement,
    compare_wallet,
)
from sandbox.rehearsals.demo.comparison.provider_books import ProviderBooks, ProviderOrder, compare_provider
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand

_BALANCES = (
    "SELECT coalesce(json_object_agg(account, balance), '{}') FROM "
    "(SELECT account, sum(amount)::bigint AS balance FROM postings "
    "WHERE account LIKE 'receivable:%' GROUP BY 1) AS sums"
)


@dataclass(frozen=True, slots=True)
class ProviderOutcome:
    """The outcome of one provider's payments; `ours` are those of the demo's own shop.

    `orders` is how many paid orders its own book has, and `refunds` how many refunds. `owed_paisa` is its
    debt to us by that book, `receivable_paisa` that by our ledger.
    """

    provider: DemoProvider
    ours: Sequence[Collection]
    orders: int
    refunds: int
    owed_paisa: int
    receivable_paisa: int
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class PayerOutcome:
    """Everything that a demo found out about its payers; `notifications` are bKash's.

    `missing` are connectors of the switch that the sandbox does not simulate, and `strays` are payments
    that belong to no provider.
    """

    providers: Sequence[ProviderOutcome]
    notifications: BkashNotificationCounts
    experience: PayerExperience
    missing: Sequence[str] = ()
    strays: Sequence[Disagreement] = ()

    @property
    def ours(self) -> list[Collection]:
        """Every payment of the demo's own shop, once."""
        lines = (line for provider in self.providers for line in provider.ours)
        return list({line.payment_id: line for line in lines}.values())

    def course_of(self, line: Collection) -> str:
        """The planned course of a payment, or None."""
        collected = self.experience.payments.get(line.payment_id)
        return "" if collected is None else collected.order.course.value


@dataclass(frozen=True, slots=True)
class ComparisonInputs:
    """The data read before: the switch's complete export, and the tokens in the billers' books."""

    exported: Sequence[Mapping[str, Any]]
    posted: Sequence[TheirLine]
    experience: PayerExperience


async def compare_payers(
    tool: EkpayCommand,
    side: PayerSide,
    providers: Sequence[DemoProvider],
    inputs: ComparisonInputs,
    *,
    unplayed_connectors: Sequence[str] = (),
) -> PayerOutcome:
    """Read all books about collected money and compare them, provider by provider.

    `providers` are those that collect; `unplayed_connectors` are active at the switch and not simulated here.
    """
    collections = [collection_of(line) for line in inputs.exported if line["tries"]]
    balances = await tool.read("db", "psql", "-XAtqc", _BALANCES)
    tokens = {line.bill_number: line.token for line in inputs.posted if line.token and line.bill_number}
    theirs = await _provider_family_books(side.gateways.values())
    outcomes = []
    for provider in providers:
        books = ProviderBooks(
            connector=provider.id,
            ours=[line for line in collections if provider.id in line.connectors],
            theirs=theirs.orders[provider.id],
            shop=[_shop_line(collected) for collected in _collected_by(inputs.experience, provider)],
            receivable_paisa=balances.get(f"receivable:{provider.id}", 0),
            kept_basis_points=provider.kept_basis_points,
            tokens=tokens,
            undelivered=theirs.undelivered[provider.id],
        )
        if provider.id == BKASH:
            outcomes.append(_bkash_outcome(provider, books, await side.bkash.book(), inputs.experience))
        else:
            outcomes.append(_outcome(provider, books, compare_provider(books), inputs.experience))
    notifications = await side.bkash.notification_counts()
    strays = [*_strays(collections, providers), *_notification_problems(notifications)]
    return PayerOutcome(outcomes, notifications, inputs.experience, unplayed_connectors, strays)


@dataclass(frozen=True, slots=True)
class _ProviderFamilyBooks:
    orders: Mapping[str, list[ProviderOrder]]
    undelivered: Counter[str]


async def _provider_family_books(admin_clients: Iterable[ProviderAdminClient]) -> _ProviderFamilyBooks:
    """Every family's book, by connector; a client may serve several."""
    orders: defaultdict[str, list[ProviderOrder]] = defaultdict(list)
    undelivered: Counter[str] = Counter()
    for admin_client in dict.fromkeys(admin_clients):
        for order in await admin_client.book():
            orders[order.connector].append(order)
        undelivered.update(await admin_client.undelivered())
    return _ProviderFamilyBooks(orders, undelivered)


def _bkash_outcome(
    provider: DemoProvider,
    books: ProviderBooks,
    movements: Sequence[WalletMovement],
    experience: PayerExperience,
) -> ProviderOutcome:
    wallet = WalletBooks(
        ours=books.ours,
        theirs=movements,
        shop=books.shop,
        receivable_paisa=books.receivable_paisa,
        kept_basis_points=books.kept_basis_points,
        tokens=books.tokens,
    )
    outcome = _outcome(provider, books, compare_wallet(wallet), experience)
    collected = [movement for movement in movements if movement.refund_of is None]
    refunds = [movement for movement in movements if movement.refund_of is not None]
    owed_paisa = sum(movement.amount_paisa - movement.fee_paisa for movement in collected)
    owed_paisa -= sum(movement.amount_paisa for movement in refunds)
    return replace(outcome, orders=len(collected), refunds=len(refunds), owed_paisa=owed_paisa)


def _outcome(
    provider: DemoProvider, books: ProviderBooks, comparison: Comparison, experience: PayerExperience
) -> ProviderOutcome:
    return ProviderOutcome(
        provider=provider,
        ours=[line for line in books.ours if line.payment_id in experience.payments],
        orders=sum(order.is_paid for order in books.theirs),
        refunds=sum(back.is_done for order in books.theirs for back in order.refunds),
        owed_paisa=books.owed_paisa,
        receivable_paisa=books.receivable_paisa,
        comparison=comparison,
    )


def _strays(lines: Iterable[Collection], providers: Iterable[DemoProvider]) -> Iterator[Disagreement]:
    """Payments that no provider's comparison has covered."""
    known = {provider.id for provider in providers}
    for line in lines:
        if not line.connectors & known:
            yield Disagreement(f"payment {line.payment_id}", f"collected by {sorted(line.connectors)}")


def _notification_problems(notifications: BkashNotificationCounts) -> Iterator[Disagreement]:
    """Where the switch does not accept bKash's notifications."""
    subject = "notifications of bkash"
    if not notifications.is_confirmed:
        yield Disagreement(subject, "the switch has never confirmed that it wants them")
    if notifications.undelivered:
        yield Disagreement(subject, f"{notifications.undelivered} of {notifications.created} were not taken")


def _collected_by(experience: PayerExperience, provider: DemoProvider) -> Iterator[CollectedPayment]:
    return (
        collected for collected in experience.payments.values() if collected.order.connector == provider.id
    )


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
                reference=collection_try["reference"],
                outcome=collection_try["outcome"],
                payment=collection_try["provider_reference"],
                transaction=collection_try["provider_transaction"],
                collected_paisa=collection_try["collected"],
                connector=collection_try["connector_id"],
            )
            for collection_try in line["tries"]
        ],
        refunds=[
            OurRefund(
                refund_id=refund["id"],
                kind=refund["kind"],
                state=refund["state"],
                amount_paisa=refund["amount"],
                transaction=refund["provider_refund"],
                connector=refund["connector_id"],
                is_by_hand=refund["bank_reference"] is not None,
            )
            for refund in line["refunds"]
        ],
    )


def _shop_line(collected: CollectedPayment) -> ShopLine:
    payment = collected.payment
    return ShopLine(
        payment_id=payment.id,
        status=payment.status,
        total_paisa=payment.total,
        refunded_paisa=payment.refunded,
        token=",".join(line.digits for line in payment.tokens),
    )
