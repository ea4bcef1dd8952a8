"""`ekpay bills issuers`: which partners raise bills of an office over REST v1 (docs/adr/0138)."""

from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.acting import ASKER_VARIABLE, act_as
from ekpay_switch.cli.billers.profiles import profile_of
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.parties.access import ApprovedBy, AskedBy, ask_for
from ekpay_switch.cli.scrolls.bill_files import naming_of
from ekpay_switch.cli.scrolls.raise_bills import BillerId
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.persistence.access.client_access import issuer_order
from ekpay_switch.persistence.bill_notices.issuers import BillIssuers, IssuerLine

_IssuerId = Annotated[UUID, typer.Argument(metavar="ISSUER", help="As `bills issuers` names it.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `ekpay bills`."""
    app.command("add-issuer")(add_issuer)
    app.command("remove-issuer")(remove_issuer)
    app.command("issuers")(issuers)


def add_issuer(
    partner_id: Annotated[str, typer.Argument(metavar="PARTNER", help="The client with an API key.")],
    biller_id: BillerId,
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask that a partner may raise bills of an office over REST v1; a second person approves it."""
    profile = profile_of(open_session().settings, biller_id)
    naming_of(profile)
    ask_for(issuer_order(partner_id, profile.id), asked_by, approved_by, as_json=as_json)


def remove_issuer(
    issuer_id: _IssuerId,
    by: Annotated[str, typer.Option("--by", help="Who does it, of finance; one person is enough.")],
) -> None:
    """End an issuer with its next call; the bills that it has raised stay."""
    is_ended = act_as(by, ASKER_VARIABLE, lambda _, engine: BillIssuers(engine).remove(issuer_id, by))
    typer.echo(f"Issuer {issuer_id} {'is removed' if is_ended else 'was removed before'}.")


@prints_list
def issuers(
    *, is_all: Annotated[bool, typer.Option("--all", help="Also who is an issuer no more.")] = False
) -> PrintedList:
    """List which partners may raise bills of which office."""
    lines = open_session().run(lambda engine: BillIssuers(engine).list(is_all=is_all))
    headings = ("office", "partner", "since (Dhaka)", "removed (Dhaka)", "removed by", "id")
    return PrintedList("Issuers of bills", headings, map(_for_people, lines), map(_for_programs, lines))


def _for_people(line: IssuerLine) -> tuple[str, ...]:
    return (
        line.biller_id,
        line.partner_id,
        dhaka(line.added_at),
        dhaka(line.removed_at),
        line.removed_by or "",
        str(line.issuer_id),
    )


def _for_programs(line: IssuerLine) -> dict[str, object]:
    return {
        "issuer_id": line.issuer_id,
        "biller_id": line.biller_id,
        "partner_id": line.partner_id,
        "added_at": line.added_at,
        "removed_at": line.removed_at,
        "removed_by": line.removed_by,
    }
