"""`ekpay notifications`: the log of tries, and sending notifications again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.notifications import endpoints as notification_endpoints
from ekpay_switch.cli.notifications import ipns
from ekpay_switch.cli.notifications.replay_options import FORMS, read_id, read_range, shown_url
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.domain.notifications import EndpointKind
from ekpay_switch.persistence.notifications.delivery_log import (
    Line,
    ReplayRange,
    TryFilter,
    list_tries,
    replay_notification,
    replay_range,
)

app = typer.Typer(help="What partners were told, and their endpoints.", no_args_is_help=True)
app.add_typer(notification_endpoints.app, name="endpoints")
app.add_typer(ipns.app, name="ipns")

_OF_TRY = (
    "at", "number", "status", "why", "took_ms", "is_replay", "partner_id", "endpoint_id", "kind", "url",
    "notification_id", "payment_id", "event", "state", "next_try_at",
)  # fmt: skip


@app.command()
@prints_list
def log(
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    endpoint: Annotated[UUID | None, typer.Option(help="Only at this endpoint.")] = None,
    payment: Annotated[UUID | None, typer.Option(help="Only about this payment.")] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only tries without success.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
) -> PrintedList:
    """List tries, the newest first, with what was answered and how the delivery stands now."""
    selection = TryFilter(partner, endpoint, payment, is_failed_only=failed, count_max=limit)
    tries = open_session().run(lambda engine: list_tries(engine, selection))
    headings = (
        "at (Dhaka)", "partner", "notification", "event", "payment", "URL", ">try", "answer", ">ms", "now",
    )  # fmt: skip
    return PrintedList(
        "Tries", headings, (_for_people(line) for line in tries), (_for_programs(line) for line in tries)
    )


@app.command()
def replay(
    message: Annotated[
        str | None, typer.Argument(metavar="ID", help="A notification's id, or a webhook-id.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(formats=FORMS, help="From here, Dhaka time.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=FORMS, help="Before here; now by default.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="The partner of the range.")] = None,
    endpoint: Annotated[UUID | None, typer.Option(help="To this endpoint alone.")] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,
) -> None:
    """Send one notification again, or a partner's range of events: same id, new time; delivered ones too."""
    is_range = since is not None or until is not None or partner is not None or failed
    if (message is not None) == is_range:
        raise typer.BadParameter("give either an ID, or --since and --partner")
    if message is not None:
        notification_id, of_message = read_id(message)
        if endpoint is not None and of_message is not None and endpoint != of_message:
            raise typer.BadParameter("the ID is of a message to another endpoint")
        chosen = endpoint or of_message
        count = open_session().run(lambda engine: replay_notification(engine, notification_id, chosen))
    else:
        selection = _range(since, until, partner, endpoint, is_failed_only=failed)
        count = open_session().run(lambda engine: replay_range(engine, selection))
    typer.echo(f"{count} {'message is' if count == 1 else 'messages are'} on the way again.")


def _range(
    since: datetime | None,
    until: datetime | None,
    partner: str | None,
    endpoint: UUID | None,
    *,
    is_failed_only: bool,
) -> ReplayRange:
    if since is None or partner is None:
        raise typer.BadParameter("a range needs --since and --partner")
    begins, ends = read_range(since, until)
    return ReplayRange(partner, begins, ends, endpoint, is_failed_only, EndpointKind.WEBHOOK)


def _for_people(line: Line) -> tuple[str, ...]:
    state = str(line["state"]).replace("_", " ")
    number = f"{line['number']}{' (replay)' if line['is_replay'] else ''}"
    return (
        dhaka(line["at"]),
        line["partner_id"],
        str(line["notification_id"]),
        line["event"],
        str(line["payment_id"]),
        shown_url(line["url"]),
        number,
        line["why"],
        str(line["took_ms"]),
        f"{state}, again from {dhaka(line['next_try_at'])}" if line["next_try_at"] else state,
    )


def _for_programs(line: Line) -> dict[str, object]:
    notification, endpoint = line["notification_id"], line["endpoint_id"]
    fields = {name: line[name] for name in _OF_TRY} | {"url": shown_url(line["url"])}
    return fields | {"message_id": f"msg_{notification.hex}_{endpoint.hex}"}
