"""`ekpay access`: partners, merchants and their keys that one person asked for and another approves."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.api.webhook_keys import PATH
from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as, visible_text
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.parties.staff_wording import change_for_programs
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, passphrase, show_json, show_table
from ekpay_switch.domain.parties.access import AccessKind
from ekpay_switch.persistence.access.client_access import ClientAccess, Shown
from ekpay_switch.persistence.parties.access_changes import AccessChange, AccessOrder
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.persistence.parties.top_ups import OnePersonError

app = typer.Typer(
    help="Partners, merchants and keys: asked for by one person, approved by another.", no_args_is_help=True
)

Result = TypeVar("Result")
AskedBy = Annotated[str, typer.Option("--by", help="Who asks, of finance.")]
ApprovedBy = Annotated[
    str | None,
    typer.Option("--approved-by", help="Who approves, if here already; else see `ekpay access approve`."),
]
_ChangeId = Annotated[UUID, typer.Argument(metavar="ID", help="As `access list` names it.")]
# What only results have that give no secret.
_WITHOUT_SECRET = {"fee_plan", "operator_id", "issuer_id"}
_WORDS: Mapping[AccessKind, str] = {
    AccessKind.PARTNER_ADDED: "new partner",
    AccessKind.PARTNER_SECRET: "new shared secret",
    AccessKind.API_KEY_ADDED: "API key",
    AccessKind.MERCHANT_ADDED: "new merchant",
    AccessKind.MERCHANT_KEY: "new pass key",
    AccessKind.MERCHANT_TERMS: "other terms",
    AccessKind.CHALLAN_ACCESS: "challan access",
    AccessKind.CHALLAN_KEY: "new challan key",
    AccessKind.ENDPOINT_ADDED: "webhook endpoint",
    AccessKind.ENDPOINT_KEY: "new webhook key",
    AccessKind.ENDPOINT_SECRET: "shared webhook secret",
    AccessKind.AGENT_OPERATOR: "operator",
    AccessKind.BILL_ISSUER: "issuer of bills",
}


def ask_for(order: AccessOrder, asked_by: str, approved_by: str | None, *, as_json: bool) -> None:
    """Ask for a change; where the second person is here as well, approve it and show its secrets once.

    Raises:
        OnePersonError: both are one person; nothing was done.
        NotAllowedError: a passphrase is wrong or a role missing; nothing was done.
    """
    if approved_by == asked_by:
        raise OnePersonError
    asking = passphrase(ASKER_VARIABLE, f"Passphrase of {asked_by}")
    approving = passphrase(APPROVER_VARIABLE, f"Passphrase of {approved_by}") if approved_by else ""
    session = open_session()
    keys = session.keys()

    async def _ask(engine: AsyncEngine) -> tuple[UUID, Shown | None]:
        # Both persons first: a request that cannot be approved here would only wait.
        await Staff(engine).verify(asked_by, asking, Role.FINANCE)
        if approved_by:
            await Staff(engine).verify(approved_by, approving, Role.FINANCE)
        access = ClientAccess(engine, keys)
        change_id = await access.ask(order, asked_by)
        return change_id, await access.approve(change_id, approved_by) if approved_by else None

    change_id, shown = session.run(_ask)
    if shown is not None:
        _show_once(shown, as_json=as_json)
    elif as_json:
        show_json({"id": change_id, "kind": order.kind, "subject": order.subject, "state": "waits"})
    else:
        typer.echo(f"{_wording(order)} waits: ekpay access approve {change_id} --by SOMEBODY")


@app.command("list")
@prints_list
def list_(
    *, is_all: Annotated[bool, typer.Option("--all", help="Also what was decided.")] = False
) -> PrintedList:
    """List what was asked for and waits, or has lapsed because who asked may decide nothing any more."""
    session = open_session()
    keys = session.keys()
    changes = session.run(lambda engine: ClientAccess(engine, keys).list(is_all=is_all))
    headings = ("what", "state", "asked by", "asked (Dhaka)", "decided by", "terms", "id")
    return PrintedList(
        "Changes of access",
        headings,
        (_for_people(change) for change in changes),
        (change_for_programs(change) for change in changes),
    )


@app.command()
def approve(
    change_id: _ChangeId,
    approved_by: Annotated[str, typer.Option("--by", help="Who approves; not who asked.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Approve what somebody else has asked for, and print its secrets this once."""
    shown = _carry_out(approved_by, APPROVER_VARIABLE, lambda access: access.approve(change_id, approved_by))
    _show_once(shown, as_json=as_json)


@app.command()
def reject(
    change_id: _ChangeId,
    reason: Annotated[str, typer.Option(callback=visible_text, help="Why; kept with it for good.")],
    rejected_by: Annotated[str, typer.Option("--by", help="Who rejects; also who asked.")],
) -> None:
    """Reject what waits or has lapsed, also one's own request; nothing is given."""
    change = _carry_out(
        rejected_by, APPROVER_VARIABLE, lambda access: access.reject(change_id, reason, rejected_by)
    )
    typer.echo(f"{_wording(change)} was rejected; nothing was given.")


def _carry_out(name: str, variable: str, work: Callable[[ClientAccess], Awaitable[Result]]) -> Result:
    """Do the work of a person of finance, once their passphrase is verified."""
    return act_as(name, variable, lambda session, engine: work(ClientAccess(engine, session.keys())))


def _show_once(shown: Shown, *, as_json: bool) -> None:
    if as_json:
        show_json(dict(shown))
        return
    rows = [(name, text) for name, value in shown.items() for text in _texts(value)]
    if "public_keys" in shown:
        rows.append(("keys at", f"{PATH}/{shown['id']}"))
    show_table(_title(shown), ("what", "value"), rows)


def _title(shown: Shown) -> str:
    return "Approved" if shown.keys() & _WITHOUT_SECRET else "Shown once: hand it over safely"


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - a value or several, or none
    if isinstance(value, list):
        return [str(each) for each in value]
    return [] if value is None else [str(value)]


def _wording(change: AccessOrder | AccessChange) -> str:
    return f"{_WORDS[change.kind]} of {change.subject}"


def _for_people(change: AccessChange) -> tuple[str, ...]:
    return (
        _wording(change),
        change.state,
        change.asked_by,
        dhaka(change.asked_at),
        change.approved_by or change.rejected_by or "",
        ", ".join(f"{name} {value}" for name, value in change.terms.items()),
        str(change.change_id),
    )
