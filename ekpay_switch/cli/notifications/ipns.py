"""`ekpay notifications ipns`: the IPNs of merchants and their tries, and sending them again."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.notifications.replay_options import FORMS, bar_when_slow, read_id, read_range, shown_url
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, show_json, show_table
from ekpay_switch.domain.notifications import EndpointKind
from ekpay_switch.persistence.merchants.directory import partner_of_merchant
from ekpay_switch.persistence.notifications.delivery_log import (
    ReplayRange,
    TryFilter,
    count_range,
    list_tries,
    replay_ipn_of,
    replay_notification,
    replay_range,
)
from ekpay_switch.persistence.notifications.ipn_log import (
    STATES,
    IpnFilter,
    Line,
    list_ipns,
    payment_of_ipn,
)

app = typer.Typer(help="IPNs of merchants.", no_args_is_help=True)

TRIES_SHOWN_MAX = 1_000
_HEADINGS = (
    "at (Dhaka)", "merchant", "trnx_id", "payment", "notification", "code", "URL", ">tries", "answer", "now",
)  # fmt: skip
_OF_TRY = ("at", "number", "status", "why", "took_ms", "is_replay", "notification_id")


class IpnStateOption(StrEnum):
    """The states of an IPN, as options."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"
    UNWANTED = "unwanted"


class ReplayOption(StrEnum):
    """What a range to replay may be narrowed to."""

    GIVEN_UP = "given-up"


Merchant = Annotated[str | None, typer.Option(help="Partner id or mer_reg_id of a merchant.")]


@app.command("list")
@prints_list
def list_(
    merchant: Merchant = None,
    payment: Annotated[UUID | None, typer.Option(help="Only of this payment.")] = None,
    only: Annotated[list[IpnStateOption] | None, typer.Option(help="Only those; may be repeated.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
) -> PrintedList:
    """List IPNs, the newest first: how each stands, and why one is not sent."""

    async def find(engine: AsyncEngine) -> Sequence[Line]:
        partner_id = None if merchant is None else await partner_of_merchant(engine, merchant)
        states = [word.value.replace("-", "_") for word in only] if only else STATES
        return await list_ipns(engine, IpnFilter(partner_id, payment, states, limit))

    ipns_found = open_session().run(find)
    return PrintedList(
        "IPNs",
        _HEADINGS,
        (_for_people(line) for line in ipns_found),
        (_for_programs(line) for line in ipns_found),
    )


@app.command()
def show(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="Of a payment, a notification, or a webhook-id.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show every IPN of one payment and each of its tries, the newest first."""
    requested_id, _ = read_id(identifier)

    async def find(engine: AsyncEngine) -> tuple[Sequence[Line], Sequence[Line]]:
        payment_id, _ = await payment_of_ipn(engine, requested_id)
        tries = TryFilter(payment_id=payment_id, kind=EndpointKind.IPN, count_max=TRIES_SHOWN_MAX)
        ipns = await list_ipns(engine, IpnFilter(payment_id=payment_id, count_max=TRIES_SHOWN_MAX))
        return ipns, await list_tries(engine, tries)

    ipns, tries = open_session().run(find)
    if as_json:
        try_fields = [{name: line[name] for name in _OF_TRY} for line in tries]
        show_json({"ipns": [_for_programs(line) for line in ipns], "tries": try_fields})
        return
    show_table("IPNs", _HEADINGS, (_for_people(line) for line in ipns))
    headings = ("at (Dhaka)", "notification", ">try", "answer", ">ms")
    show_table("Tries", headings, (_try_for_people(line) for line in tries))


@app.command()
def replay(
    identifier: Annotated[
        str | None, typer.Argument(metavar="ID", help="Of a payment, a notification, or a webhook-id.")
    ] = None,
    merchant: Merchant = None,
    since: Annotated[datetime | None, typer.Option("--since", formats=FORMS, help="Dhaka time.")] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=FORMS, help="Before here; now by default.")
    ] = None,
    only: Annotated[ReplayOption | None, typer.Option(help="Only what was not taken.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and send nothing.")] = False,
) -> None:
    """Send the IPN of one payment again, or a merchant's range: the document of now, delivered ones too."""
    is_range = not (merchant is None and since is None and until is None and only is None and not dry_run)
    if (identifier is not None) == is_range:
        raise typer.BadParameter("give either an ID, or --merchant and --since")
    if identifier is not None:
        requested_id, endpoint_id = read_id(identifier)
        _replay_one(requested_id, endpoint_id)
        return
    if merchant is None or since is None:
        raise typer.BadParameter("a range needs --merchant and --since")
    begins, ends = read_range(since, until)

    async def send(engine: AsyncEngine) -> str:
        partner_id = await partner_of_merchant(engine, merchant)
        selection = ReplayRange(partner_id, begins, ends, None, only is not None, EndpointKind.IPN)
        count = await count_range(engine, selection)
        if dry_run:
            return f"{_ipns(count.deliveries)} would be sent; {count.notifications} notifications looked at."
        with bar_when_slow("sending again", count.notifications) as looked_at:
            return _resent_wording(await replay_range(engine, selection, looked_at))

    typer.echo(open_session().run(send))


def _replay_one(requested_id: UUID, endpoint_id: UUID | None) -> None:
    async def send(engine: AsyncEngine) -> int:
        payment_id, notification_id = await payment_of_ipn(engine, requested_id)
        if notification_id is None:
            return await replay_ipn_of(engine, payment_id)
        return await replay_notification(engine, notification_id, endpoint_id, EndpointKind.IPN)

    typer.echo(_resent_wording(open_session().run(send)))


def _ipns(count: int) -> str:
    return "1 IPN" if count == 1 else f"{count} IPNs"


def _resent_wording(count: int) -> str:
    return f"{_ipns(count)} {'is' if count == 1 else 'are'} on the way again."


def _for_people(line: Line) -> tuple[str, ...]:
    state = str(line["state"]).replace("_", " ")
    due = f", again from {dhaka(line['next_try_at'])}" if line["next_try_at"] and line["tries"] else ""
    return (
        dhaka(line["created_at"]),
        line["mer_reg_id"],
        line["trnx_id"],
        str(line["payment_id"]),
        str(line["notification_id"]),
        line["code"],
        shown_url(line["url"]),
        f"{line['tries']}{' (replay)' if line['is_replay'] else ''}",
        line["why"],
        f"{state}{due}",
    )


def _try_for_people(line: Line) -> tuple[str, ...]:
    number = f"{line['number']}{' (replay)' if line['is_replay'] else ''}"
    return dhaka(line["at"]), str(line["notification_id"]), number, line["why"], str(line["took_ms"])


def _for_programs(line: Line) -> dict[str, object]:
    endpoint_id = line["endpoint_id"]
    message_id = f"msg_{line['notification_id'].hex}_{endpoint_id.hex}" if endpoint_id else None
    return {**line, "url": shown_url(line["url"]), "message_id": message_id}
