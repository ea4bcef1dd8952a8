"""Reading what is compared about collected money: the switch's export and ledger, each provider, the shop."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sandbox.rehearsals.demo.admin_clients.bkash import Told
from sandbox.rehearsals.demo.admin_clients.provider_family import GatewayDesk
from sandbox.rehearsals.demo.collecting.load import Collected, PayerExperience
from sandbox.rehearsals.demo.collecting.participants import PayerSide
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, Provider
from sandbox.rehearsals.demo.comparison.biller_books import Comparison, Disagreement, TheirLine
from sandbox.rehearsals.demo.comparison.bkash_books import (
    Collection,
    Movement,
    OurRefund,
    OurTry,
    ShopLine,
    WalletBooks,
    compare_wallet,
)
from sandbox.rehearsals.demo.comparison.provider_books import ProviderBooks, ProviderOrder, compare_provider
from sandbox.rehearsals.installation.ekpay_command import Tool

_BALANCES = (
    "SELECT coalesce(json_object_agg(account, balance), '{}') FROM "
    "(SELECT account, sum(amount)::bigint AS balance FROM postings "
    "WHERE account LIKE 'receivable:%' GROUP BY 1) AS sums"
)


@dataclass(frozen=True, slots=True)
class ProviderOutcome:
    """What came of one provider's payments; `ours` are those of the demo's own shop.

    `orders` is how many paid orders stand in its own book and `refunds` how many refunds. `owed_paisa` is
    what it owes us by that, `receivable_paisa` what it does by our ledger.
    """

    provider: Provider
    ours: Sequence[Collection]
    orders: int
    refunds: int
    owed_paisa: int
    receivable_paisa: int
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class PayerOutcome:
    """Everything that a demo found out about its payers; `told` are bKash's notifications.

    `missing` are connectors of the switch that nobody here plays, and `strays` are payments collected by
    nobody who was asked.
    """

    providers: Sequence[ProviderOutcome]
    told: Told
    experience: PayerExperience
    missing: Sequence[str] = ()
    strays: Sequence[Disagreement] = ()

    @property
    def ours(self) -> list[Collection]:
        """Every payment of the demo's own shop, once."""
        lines = (line for one in self.providers for line in one.ours)
        return list({line.payment_id: line for line in lines}.values())

    def course_of(self, line: Collection) -> str:
        """What was to happen to a payment, or nothing."""
        one = self.experience.payments.get(line.payment_id)
        return "" if one is None else one.order.course.value


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What everybody else has said already: the switch's whole export, and what the billers' books hold."""

    exported: Sequence[Mapping[str, Any]]
    posted: Sequence[TheirLine]
    experience: PayerExperience


async def prove_payers(
    tool: Tool, side: PayerSide, providers: tuple[Sequence[Provider], Sequence[str]], seen: Witnesses
) -> PayerOutcome:
    """Read all that anybody believes about collected money and compare it, provider by provider.

    `providers` are those who collect, and the ids of connectors whom nobody plays.
    """
    collecting, missing = providers
    collections = [collection_of(line) for line in seen.exported if line["tries"]]
    balances = await tool.read("db", "psql", "-XAtqc", _BALANCES)
    tokens = {line.bill_number: line.token for line in seen.posted if line.token and line.bill_number}
    theirs = await _gateway_books(side.gateways.values())
    outcomes = []
    for provider in collecting:
        books = ProviderBooks(
            connector=provider.id,
            ours=[line for line in collections if provider.id in line.connectors],
            theirs=theirs.orders[provider.id],
            shop=[_shop_line(one) for one in _of(seen.experience, provider)],
            receivable_paisa=balances.get(f"receivable:{provider.id}", 0),
            kept_basis_points=provider.kept_basis_points,
            tokens=tokens,
            untaken=theirs.untaken[provider.id],
        )
        if provider.id == BKASH:
            outcomes.append(_bkash_outcome(provider, books, await side.bkash.book(), seen.experience))
        else:
            outcomes.append(_outcome(provider, books, compare_provider(books), seen.experience))
    told = await side.bkash.told()
    strays = [*_strays(collections, collecting), *_notice_faults(told)]
    return PayerOutcome(outcomes, told, seen.experience, missing, strays)


@dataclass(frozen=True, slots=True)
class _GatewayBooks:
    orders: Mapping[str, list[ProviderOrder]]
    untaken: Counter[str]


async def _gateway_books(desks: Iterable[GatewayDesk]) -> _GatewayBooks:
    """Every family's book, by connector; a desk may stand for several."""
    orders: defaultdict[str, list[ProviderOrder]] = defaultdict(list)
    untaken: Counter[str] = Counter()
    for desk in dict.fromkeys(desks):
        for order in await desk.book():
            orders[order.connector].append(order)
        untaken.update(await desk.untaken())
    return _GatewayBooks(orders, untaken)


def _bkash_outcome(
    provider: Provider, books: ProviderBooks, moved: Sequence[Movement], experience: PayerExperience
) -> ProviderOutcome:
    wallet = WalletBooks(
        ours=books.ours,
        theirs=moved,
        shop=books.shop,
        receivable_paisa=books.receivable_paisa,
        kept_basis_points=books.kept_basis_points,
        tokens=books.tokens,
    )
    outcome = _outcome(provider, books, compare_wallet(wallet), experience)
    collected = [one for one in moved if one.refund_of is None]
    refunds = [one for one in moved if one.refund_of is not None]
    owed = sum(one.amount_paisa - one.fee_paisa for one in collected)
    owed -= sum(one.amount_paisa for one in refunds)
    return replace(outcome, orders=len(collected), refunds=len(refunds), owed_paisa=owed)


def _outcome(
    provider: Provider, books: ProviderBooks, compared: Comparison, experience: PayerExperience
) -> ProviderOutcome:
    return ProviderOutcome(
        provider=provider,
        ours=[line for line in books.ours if line.payment_id in experience.payments],
        orders=sum(one.is_paid for one in books.theirs),
        refunds=sum(back.is_done for one in books.theirs for back in one.refunds),
        owed_paisa=books.owed_paisa,
        receivable_paisa=books.receivable_paisa,
        comparison=compared,
    )


def _strays(lines: Iterable[Collection], providers: Iterable[Provider]) -> Iterator[Disagreement]:
    """Payments that no provider's comparison has looked at."""
    known = {provider.id for provider in providers}
    for line in lines:
        if not line.connectors & known:
            yield Disagreement(f"payment {line.payment_id}", f"collected by {sorted(line.connectors)}")


def _notice_faults(told: Told) -> Iterator[Disagreement]:
    """Where the switch does not take what bKash notifies."""
    where = "notifications of bkash"
    if not told.is_confirmed:
        yield Disagreement(where, "the switch has never confirmed that it wants them")
    if told.untaken:
        yield Disagreement(where, f"{told.untaken} of {told.owed} were not taken")


def _of(experience: PayerExperience, provider: Provider) -> Iterator[Collected]:
    return (one for one in experience.payments.values() if one.order.connector == provider.id)


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
                connector=one["connector_id"],
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
                connector=one["connector_id"],
                is_by_hand=one["bank_reference"] is not None,
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
