"""`ekpay partners limits`: what a partner's prefunds must keep and may pay in a day, by two persons."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as, visible_text
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import LimitKind
from ekpay_switch.persistence.parties.partner_limits import (
    LimitChange,
    LimitOrder,
    LimitState,
    PartnerLimits,
)

app = typer.Typer(
    help="Floors of prefunds and daily limits: asked for by one person, approved by another.",
    no_args_is_help=True,
)

Result = TypeVar("Result")
NO_LIMIT = "none"
_HEADINGS = (
    "partner", "limit", ">taka", "state", "asked by", "asked (Dhaka)", "decided by", "approved (Dhaka)",
    "why", "id",
)  # fmt: skip


ChangeId = Annotated[UUID, typer.Argument(metavar="ID", help="As `limits show` names it.")]
Reason = Annotated[str, typer.Option(callback=visible_text, help="Why; kept with it for good.")]


def _amount(text: str) -> Money | None:
    return None if text == NO_LIMIT else typed_taka(text)


def _limit_text(text: str) -> str:
    """The text of a limit once it can be read: Typer takes no parameter that may be None after reading."""
    _amount(text)
    return text


@app.command()
@prints_list
def show(
    partner_id: Annotated[
        str | None, typer.Argument(metavar="[PARTNER]", help="All of one partner's changes.")
    ] = None,
) -> PrintedList:
    """List limits that are in force or wait, with who set them; of one partner also those of before."""
    changes = open_session().run(lambda engine: PartnerLimits(engine).list(partner_id))
    if partner_id is None:
        changes = [line for line in changes if line.state in {LimitState.WAITS, LimitState.IN_FORCE}]
    return PrintedList(
        "Limits of partners",
        _HEADINGS,
        (_for_people(line) for line in changes),
        (_for_programs(line) for line in changes),
    )


@app.command()
def ask(
    partner_id: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's id.")],
    kind: Annotated[LimitKind, typer.Argument(metavar="LIMIT", help="Which limit.")],
    amount: Annotated[
        str,
        typer.Argument(
            parser=_limit_text, metavar="TAKA", help="At most two decimals; `none` takes a daily limit away."
        ),
    ],
    reason: Reason,
    asked_by: Annotated[str, typer.Option("--by", help="Who asks, of the staff.")],
) -> None:
    """Ask for another floor of a prefund or another daily limit; it binds nothing until it is approved."""
    order = LimitOrder(partner_id, kind, _amount(amount), reason)
    change_id = _carry_out(asked_by, ASKER_VARIABLE, lambda limits: limits.ask(order, asked_by))
    typer.echo(f"{_wording(order)} waits: ekpay partners limits approve {change_id} --by NAME")


@app.command()
def approve(
    change_id: ChangeId,
    approved_by: Annotated[str, typer.Option("--by", help="Who approves; not who asked.")],
) -> None:
    """Approve what somebody else has asked for; it binds every payment from this moment."""
    change = _carry_out(approved_by, APPROVER_VARIABLE, lambda limits: limits.approve(change_id, approved_by))
    typer.echo(f"{_wording(change)} was approved and binds every payment from now on.")


@app.command()
def reject(
    change_id: ChangeId,
    reason: Reason,
    rejected_by: Annotated[str, typer.Option("--by", help="Who rejects; also who asked.")],
) -> None:
    """Reject what waits, also one's own request; the limit stays as it is."""
    change = _carry_out(
        rejected_by, APPROVER_VARIABLE, lambda limits: limits.reject(change_id, reason, rejected_by)
    )
    typer.echo(f"{_wording(change)} was rejected; the limit stays as it is.")


def _carry_out(name: str, variable: str, work: Callable[[PartnerLimits], Awaitable[Result]]) -> Result:
    """Do the work of a person of finance, once their passphrase is verified."""
    return act_as(name, variable, lambda _, engine: work(PartnerLimits(engine)))


def _wording(limit: LimitOrder | LimitChange) -> str:
    amount = "none" if limit.amount is None else str(limit.amount)
    return f"{limit.kind} of {limit.partner_id}: {amount}"


def _for_people(line: LimitChange) -> tuple[str, ...]:
    return (
        line.partner_id,
        line.kind,
        NO_LIMIT if line.amount is None else taka(line.amount.minor),
        line.state,
        line.asked_by,
        dhaka(line.asked_at),
        line.approved_by or line.rejected_by or "",
        dhaka(line.approved_at),
        f"{line.reason}; rejected: {line.rejection_reason}" if line.rejection_reason else line.reason,
        str(line.change_id),
    )


def _for_programs(line: LimitChange) -> dict[str, object]:
    return {
        "id": line.change_id,
        "partner": line.partner_id,
        "limit": line.kind,
        "amount_paisa": None if line.amount is None else line.amount.minor,
        "state": line.state,
        "reason": line.reason,
        "asked_by": line.asked_by,
        "asked_at": line.asked_at,
        "approved_by": line.approved_by,
        "approved_at": line.approved_at,
        "rejected_by": line.rejected_by,
        "rejection_reason": line.rejection_reason,
    }
