"""`ekpay notifications`: what partners were told, how it went, and sending it again."""

import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli import notification_endpoints
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, show_json, show_table
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.persistence.notification_log import (
    Line,
    ReplayRange,
    TryFilter,
    list_tries,
    replay_one,
    replay_range,
)

app = typer.Typer(help="What partners were told, and their endpoints.", no_args_is_help=True)
app.add_typer(notification_endpoints.app, name="endpoints")

# `webhook-id` as receivers see it: the notification, then the endpoint.
_MESSAGE_ID = re.compile(r"msg_([0-9a-f]{32})_([0-9a-f]{32})")
_FORMS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
_OF_TRY = (
    "at", "number", "status", "why", "took_ms", "is_replay", "partner_id", "endpoint_id", "url",
    "notification_id", "payment_id", "event", "state", "next_try_at",
)  # fmt: skip


@app.command()
def log(
    partner: Annotated[str | None, typer.Option(help="Only this partner's.")] = None,
    endpoint: Annotated[UUID | None, typer.Option(help="Only at this endpoint.")] = None,
    payment: Annotated[UUID | None, typer.Option(help="Only about this payment.")] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only tries without success.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List tries, the newest first, with what was answered and how the delivery stands now."""
    wanted = TryFilter(partner, endpoint, payment, is_failed_only=failed, count_max=limit)
    found = open_session().run(lambda engine: list_tries(engine, wanted))
    if as_json:
        show_json([_for_programs(line) for line in found])
        return
    headings = (
        "at (Dhaka)", "partner", "notification", "event", "payment", "URL", ">try", "answer", ">ms", "now",
    )  # fmt: skip
    show_table("Tries", headings, (_for_people(line) for line in found))


@app.command()
def replay(
    message: Annotated[
        str | None, typer.Argument(metavar="ID", help="A notification's id, or a webhook-id.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(formats=_FORMS, help="From here, Dhaka time.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=_FORMS, help="Before here; now by default.")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="The partner of the range.")] = None,
    endpoint: Annotated[UUID | None, typer.Option(help="To this endpoint alone.")] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,
) -> None:
    """Send one notification again, or a partner's range: same id and body, new time; delivered ones too."""
    is_range = since is not None or until is not None or partner is not None or failed
    if (message is not None) == is_range:
        raise typer.BadParameter("give either an ID, or --since and --partner")
    if message is not None:
        notification_id, of_message = _read_id(message)
        if endpoint is not None and of_message is not None and endpoint != of_message:
            raise typer.BadParameter("the ID is of a message to another endpoint")
        chosen = endpoint or of_message
        count = open_session().run(lambda engine: replay_one(engine, notification_id, chosen))
    else:
        wanted = _range(since, until, partner, endpoint, is_failed_only=failed)
        count = open_session().run(lambda engine: replay_range(engine, wanted))
    typer.echo(f"{count} {'message is' if count == 1 else 'messages are'} on the way again.")


def _read_id(text: str) -> tuple[UUID, UUID | None]:
    found = _MESSAGE_ID.fullmatch(text)
    if found:
        return UUID(found[1]), UUID(found[2])
    try:
        return UUID(text), None
    except ValueError as problem:
        raise typer.BadParameter("this is no id of a notification and no webhook-id") from problem


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
    begins, ends = _in_dhaka(since), _in_dhaka(until) if until else datetime.now(UTC)
    if begins >= ends:
        raise typer.BadParameter("the range ends before it begins")
    return ReplayRange(partner, begins, ends, endpoint, is_failed_only)


def _in_dhaka(instant: datetime) -> datetime:
    """The instant; a time without an offset is one of a Dhaka clock."""
    if instant.tzinfo is not None:
        return instant
    return instant.replace(tzinfo=in_dhaka(datetime.now(UTC)).tzinfo)


def _for_people(line: Line) -> tuple[str, ...]:
    state = str(line["state"]).replace("_", " ")
    number = f"{line['number']}{' (replay)' if line['is_replay'] else ''}"
    return (
        dhaka(line["at"]),
        line["partner_id"],
        str(line["notification_id"]),
        line["event"],
        str(line["payment_id"]),
        line["url"],
        number,
        line["why"],
        str(line["took_ms"]),
        f"{state}, again from {dhaka(line['next_try_at'])}" if line["next_try_at"] else state,
    )


def _for_programs(line: Line) -> dict[str, object]:
    notification, endpoint = line["notification_id"], line["endpoint_id"]
    return {name: line[name] for name in _OF_TRY} | {"message_id": f"msg_{notification.hex}_{endpoint.hex}"}
