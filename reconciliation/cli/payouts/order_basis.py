"""What an order to pay rests on, for screens and programs: holdbacks, payout terms, tax, cover, override."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import typer

from ekpay_switch.cli.terminal import show_table, taka

if TYPE_CHECKING:
    from reconciliation.settlement.positions.withholding import TaxedPayout
    from reconciliation.settlement.store.payment_facts import UnreceivedPayment
    from reconciliation.settlement.store.payout_records import OrderCover, PayeeHoldback


_HEADINGS: Final = ("party", ">owed", ">instructed", ">resting", ">minimum", "why")


def basis_facts(
    holdbacks: "Sequence[PayeeHoldback]", cover: "OrderCover | None", taxes: "Sequence[TaxedPayout]" = ()
) -> dict[str, object]:
    """Holdbacks, withheld tax and cover by name, in paisa."""
    return {
        "held_back": [_holdback_facts(item) for item in holdbacks if item.holdback.unreceived],
        "waiting": [_waiting_facts(item) for item in holdbacks if _waiting_words(item)],
        "withheld": [tax_facts(item) for item in taxes],
        "cover": None if cover is None else asdict(cover) | {"against": cover.against},
    }


def tax_facts(item: "TaxedPayout") -> dict[str, object]:
    """The tax withheld of one payout by name, in paisa."""
    tax = item.withheld
    return {
        "party": str(item.payee),
        "gross": tax.gross,
        "section": tax.section,
        "basis_points": tax.basis_points,
        "tax": tax.tax,
        "net": tax.net,
    }


def show_taxes(taxes: "Sequence[TaxedPayout]") -> None:
    """What is withheld of the payouts, where anything is."""
    if taxes:
        show_table(
            "Tax withheld at source",
            ("party", ">gross", "section", ">rate, %", ">tax", ">net"),
            (
                [
                    str(item.payee), taka(item.withheld.gross), item.withheld.section,
                    taka(item.withheld.basis_points), taka(item.withheld.tax), taka(item.withheld.net),
                ]
                for item in taxes
            ),
        )  # fmt: skip


def _holdback_facts(item: "PayeeHoldback") -> dict[str, object]:
    held = item.holdback
    return {
        "party": str(item.payee),
        "owed": item.owed,
        "instructed": item.instructed,
        "not_matched": held.not_matched,
        "not_received": held.not_received,
        "at_risk": held.at_risk,
        "limit": held.limit.amount if held.limit else 0,
        "beyond_limit": held.beyond_limit,
        "reason": held.reason or "",
    }


def _waiting_facts(item: "PayeeHoldback") -> dict[str, object]:
    held = item.holdback
    return {
        "party": str(item.payee),
        "owed": item.owed,
        "instructed": item.instructed,
        "resting": held.resting,
        "minimum": held.minimum,
        "next_payout": held.next_payout,
        "why": _waiting_words(item),
    }


def _waiting_words(item: "PayeeHoldback") -> str:
    """Why the terms of a payee let something of what it is owed wait; empty where they do not."""
    held, words = item.holdback, []
    if held.next_payout is not None:
        words.append(f"next payout {held.next_payout}")
    if held.is_below_minimum(item.owed - held.total):
        words.append(f"below the minimum of {taka(held.minimum)}")
    if held.resting:
        words.append(f"{taka(held.resting)} rests")
    return "; ".join(words)


def show_basis(
    holdbacks: "Sequence[PayeeHoldback]", cover: "OrderCover | None", taxes: "Sequence[TaxedPayout]" = ()
) -> None:
    """The payees for whom money is not here yet or whose terms let it wait, their tax, and the cover."""
    rows = [_holdback_facts(item) for item in holdbacks if item.holdback.unreceived]
    if rows:
        headings = [name.replace("_", " ") for name in rows[0]]
        show_table(
            "Money that has not come yet",
            [headings[0], *(f">{heading}" for heading in headings[1:-1]), headings[-1]],
            (
                [taka(value) if isinstance(value, int) else str(value) for value in row.values()]
                for row in rows
            ),
        )
    waiting = [_waiting_facts(item) for item in holdbacks if _waiting_words(item)]
    if waiting:
        names = [heading.removeprefix(">") for heading in _HEADINGS]
        show_table(
            "Payouts that wait for their terms",
            _HEADINGS,
            (
                [taka(value) if isinstance(value := facts[name], int) else str(value) for name in names]
                for facts in waiting
            ),
        )
    show_taxes(taxes)
    if cover is None:
        return
    typer.echo(
        f"cover with receivables: {taka(cover.before)} before, {taka(cover.after)} after, reserve "
        f"{taka(cover.reserve)}; strict cover {taka(cover.strict)} before and after"
    )
    for reason in cover.against:
        typer.echo(f"against paying: {reason}")
    if cover.override:
        typer.echo(f"overridden by two persons: {cover.override}")


def show_unreceived(payments: "Sequence[UnreceivedPayment]") -> None:
    """The payments whose money is not here, of any value date, paid at our risk or not paid yet."""
    if payments:
        show_table(
            "Payments whose money has not come",
            ("payment", "connector", ">amount", "why"),
            ([str(item.payment_id), item.connector, taka(item.amount), item.missing] for item in payments),
        )
