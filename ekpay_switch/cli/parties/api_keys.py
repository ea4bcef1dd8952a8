"""`ekpay partners add-key`, `keys` and `revoke-key`: what makes a partner a client of REST v1."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from ekpay_switch.cli.acting import ASKER_VARIABLE, act_as
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.parties.access import ApprovedBy, AskedBy, ask_for
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka
from ekpay_switch.edge_kit.return_urls import is_return_host
from ekpay_switch.persistence.access.client_access import api_key_order
from ekpay_switch.persistence.parties.api_keys import ApiKeyLine, ApiKeys

_PartnerId = Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's id.")]


def _return_hosts(texts: list[str]) -> list[str]:
    hosts = [text.lower() for text in texts]
    for host in hosts:
        if not is_return_host(host):
            raise typer.BadParameter(
                "a return host is a name, perhaps with a port, such as shop.example or localhost:3000"
            )
    return hosts


def register(app: typer.Typer) -> None:
    """Add the commands to those of partners."""
    app.command("add-key")(add_key)
    app.command("keys")(list_keys)
    app.command("revoke-key")(revoke_key)


def add_key(
    partner_id: _PartnerId,
    return_host: Annotated[
        list[str],
        typer.Option(
            callback=_return_hosts,
            help="Payers may be sent back there: HOST for https, HOST:PORT for that port, http too. "
            "May be repeated.",
        ),
    ],
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask for an API key of REST v1 for a partner; the approval prints it, once."""
    ask_for(api_key_order(partner_id, return_host), asked_by, approved_by, as_json=as_json)


@prints_list
def list_keys(partner_id: _PartnerId) -> PrintedList:
    """List a partner's API keys; the keys themselves are not kept."""
    lines: Sequence[ApiKeyLine] = open_session().run(lambda engine: ApiKeys(engine).list(partner_id))
    headings = ("key id", "return hosts", "since (Dhaka)", "revoked (Dhaka)", "revoked by")
    return PrintedList(
        f"API keys of {partner_id}",
        headings,
        (_for_people(line) for line in lines),
        (_for_programs(line) for line in lines),
    )


def revoke_key(
    key_id: Annotated[UUID, typer.Argument(metavar="KEY_ID", help="The key's id, as `keys` lists it.")],
    by: Annotated[str, typer.Option("--by", help="Who does it, of finance; one person is enough.")],
) -> None:
    """Take an API key back; it is dead with the next call."""
    act_as(by, ASKER_VARIABLE, lambda _, engine: ApiKeys(engine).revoke(key_id, by))
    typer.echo(f"Key {key_id} is revoked.")


def _for_people(line: ApiKeyLine) -> tuple[str, ...]:
    return (
        str(line.id),
        ", ".join(line.return_hosts),
        dhaka(line.created_at),
        dhaka(line.revoked_at),
        line.revoked_by or "",
    )


def _for_programs(line: ApiKeyLine) -> dict[str, object]:
    return {
        "id": line.id,
        "return_hosts": list(line.return_hosts),
        "created_at": line.created_at,
        "revoked_at": line.revoked_at,
        "revoked_by": line.revoked_by,
    }
