"""What an order to pay rests on, for screens and programs: holdbacks, cover, override."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from ekpay_switch.cli.terminal import taka
from reconciliation.cli.money_tables import show_fitting

if TYPE_CHECKING:
    from reconciliation.settlement.store.payment_facts import UnreceivedPayment
    from reconciliation.settlement.store.payout_records import OrderCover, PayeeHoldback


def basis_facts(holdbacks: "Sequence[PayeeHoldback]", cover: "OrderCover | None") -> dict[str, object]:
    """Holdbacks and cover by name, in paisa."""
    return {
        "held_back": [_holdback_facts(item) for item in holdbacks if item.holdback.unreceived],
        "cover": None if cover is None else asdict(cover) | {"against": cover.against},
    }


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


def show_basis(holdbacks: "Sequence[PayeeHoldback]", cover: "OrderCover | None") -> None:
    """The payees for whom money is not here yet, and the cover before and after the order."""
    rows = [_holdback_facts(item) for item in holdbacks if item.holdback.unreceived]
    if rows:
        headings = [name.replace("_", " ") for name in rows[0]]
        show_fitting(
            "Money that has not come yet",
            [headings[0], *(f">{heading}" for heading in headings[1:-1]), headings[-1]],
            (
                [taka(value) if isinstance(value, int) else str(value) for value in row.values()]
                for row in rows
            ),
        )
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
        show_fitting(
            "Payments whose money has not come",
            ("payment", "connector", ">amount", "why"),
            ([str(item.payment_id), item.connector, taka(item.amount), item.missing] for item in payments),
        )
