"""`ekpay refunds`: what goes back to payers, and what two persons of finance decide about it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from ekpay_switch.cli.acting import (
    APPROVER_VARIABLE,
    ASKER_VARIABLE,
    act_as,
    visible_name,
    visible_name_or_none,
    visible_text,
    visible_text_or_none,
)
from ekpay_switch.cli.billers import profiles as billers
from ekpay_switch.cli.connectors.profiles import profiles_of
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.payments.wording import refund_lines
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import Bearer, Burden
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.persistence.refunds.staff_actions import Line, RefundRefusedError, RefundStaffActions
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.collections import RefundView
from ekpay_switch.ports.connectors import BY_HAND, RefundRules
from ekpay_switch.security.masking import printable

app = typer.Typer(help="What goes back to payers.", no_args_is_help=True)

_COUNT_MAX = 1_000
_OF_REFUND = (
    "id", "payment_id", "partner_id", "connector_id", "kind", "state", "amount", "currency", "reason",
    "asked_by", "approved_by", "by_hand_by", "confirmed_by", "bank_reference", "our_reference",
    "provider_refund", "bearer", "consent", "from_suspense", "sends", "created_at", "updated_at",
    "next_action_at",
)  # fmt: skip

Result = TypeVar("Result")
Work = Callable[[RefundStaffActions], Awaitable[Result]]


def _amount(text: str) -> Money:
    amount = typed_taka(text)
    if not amount.minor:
        raise typer.BadParameter("nothing cannot be given back")
    return amount


RefundId = Annotated[UUID, typer.Argument(metavar="ID", help="The refund, as `list` names it.")]
PaymentId = Annotated[UUID, typer.Argument(metavar="PAYMENT", help="The payment's id.")]
Amount = Annotated[Money, typer.Option(parser=_amount, metavar="TAKA", help="At most two decimals.")]
Reason = Annotated[str, typer.Option(callback=visible_text, help="Why; the connector may be told so.")]
Consent = Annotated[
    str | None,
    typer.Option(
        callback=visible_text_or_none,
        help="The reference of the biller's written consent: the biller bears it.",
    ),
]
OurLoss = Annotated[bool, typer.Option("--our-loss", help="We bear it; the biller keeps its money.")]
First = Annotated[str, typer.Option("--by", help="Who asks or says so, of the staff.")]
Second = Annotated[str, typer.Option("--by", help="The second person of the staff.")]


@app.command("list")
@prints_list
def list_(
    state: Annotated[RefundState | None, typer.Option(help="Only those in this state.")] = None,
) -> PrintedList:
    """List refunds, the newest first."""
    states = list(RefundState) if state is None else [state]
    refunds: Sequence[Line] = _read(lambda desk: desk.list(states, _COUNT_MAX))
    headings = ("created (Dhaka)", "refund", "payment", "connector", "kind", ">amount", "state", "asked by")
    return PrintedList(
        "Refunds",
        headings,
        (_for_people(line) for line in refunds),
        (_for_programs(line) for line in refunds),
    )


@app.command()
def show(refund_id: RefundId) -> None:
    """Print a refund's life in words."""
    refund, steps = _read(lambda desk: desk.details(refund_id))
    typer.echo(f"Payment {refund['payment_id']} of {printable(refund['partner_id'])}")
    for line in refund_lines(refund, steps):
        typer.echo(printable(line))


@app.command()
def ask(
    payment_id: PaymentId,
    amount: Amount,
    reason: Reason,
    as_: First,
    consent: Consent = None,
    *,
    our_loss: OurLoss = False,
) -> None:
    """Ask that a completed payment be given back, whole or in part.

    Where its biller takes nothing back, say who bears it: --consent REFERENCE or --our-loss.
    """
    session, bearer = open_session(), _bearer(consent, our_loss=our_loss)

    async def _ask(desk: RefundStaffActions) -> RefundView:
        rules = _rules(session, await desk.connector_of(payment_id))
        burden = _burden(session, await desk.payee_of(payment_id), bearer, consent)
        return await desk.request(
            payment_id, amount, reason, as_, rules.parts_max, rules.days_max, burden=burden
        )

    _report_waiting(_decide(as_, ASKER_VARIABLE, _ask, session))


@app.command()
def chargeback(
    payment_id: PaymentId,
    amount: Amount,
    reference: Annotated[str, typer.Option(callback=visible_name, help="The connector's own name of it.")],
    as_: First,
    consent: Consent = None,
    transaction: Annotated[
        str | None,
        typer.Option(
            callback=visible_name_or_none,
            help="The connector's name of what it had collected, where it collected more than once.",
        ),
    ] = None,
    *,
    our_loss: OurLoss = False,
) -> None:
    """Write down that a connector has taken money back by itself, up to all that it collected.

    The payment may be in any state. What its payee was credited and has not given back is taken from there;
    where a biller takes nothing back, say who bears it: --consent REFERENCE or --our-loss.
    The rest is a claim.
    """
    session, bearer = open_session(), _bearer(consent, our_loss=our_loss)

    async def _record(desk: RefundStaffActions) -> RefundView:
        payee = await desk.payee_of(payment_id)
        burden = Burden(payee in _takers(session), bearer, consent or "")
        try:
            return await desk.record_chargeback(
                payment_id, amount, reference, as_, burden, transaction=transaction or ""
            )
        except RefundRefusedError as problem:
            if problem.refusal is RefundRefusal.FINAL:
                raise _unnamed(payee) from problem
            raise

    _report_waiting(_decide(as_, ASKER_VARIABLE, _record, session))


@app.command("give-back")
def give_back(payment_id: PaymentId, reason: Reason, as_: First) -> None:
    """Ask that collected money which disagreed goes back; that ends the review of its payment.

    So does money that was held in suspense for a decision about a break, once that does not owe it any more.
    """
    _report_waiting(
        _decide(as_, ASKER_VARIABLE, lambda desk: desk.request_review_give_back(payment_id, reason, as_))
    )


@app.command()
def approve(refund_id: RefundId, as_: Second) -> None:
    """Approve what somebody else has asked for."""
    _report_state(_decide(as_, APPROVER_VARIABLE, lambda desk: desk.approve(refund_id, as_)))


@app.command()
def reject(refund_id: RefundId, as_: Second) -> None:
    """Refuse what somebody has asked for; nothing moves."""
    _report_state(_decide(as_, APPROVER_VARIABLE, lambda desk: desk.reject(refund_id, as_)))


@app.command("by-hand")
def by_hand(
    refund_id: RefundId,
    bank_reference: Annotated[
        str, typer.Option(callback=visible_name, help="The bank statement's own reference of the transfer.")
    ],
    as_: First,
) -> None:
    """Say that our bank has paid what the connector does not give back; it takes a second person."""
    _decide(as_, ASKER_VARIABLE, lambda desk: desk.record_paid_by_hand(refund_id, bank_reference, as_))
    typer.echo(f"Refund {refund_id} waits: ekpay refunds confirm {refund_id} --by NAME")


@app.command()
def withdraw(
    refund_id: RefundId,
    reason: Annotated[str, typer.Option(callback=visible_text, help="Why; kept in the refund's history.")],
    as_: Annotated[str, typer.Option("--by", help="Either person of the staff.")],
) -> None:
    """Withdraw that our bank has paid it, before anybody has confirmed that."""
    _report_state(
        _decide(as_, ASKER_VARIABLE, lambda desk: desk.withdraw_paid_by_hand(refund_id, reason, as_))
    )


@app.command()
def confirm(refund_id: RefundId, as_: Second) -> None:
    """Confirm that our bank has paid it, as somebody else said."""
    _report_state(_decide(as_, APPROVER_VARIABLE, lambda desk: desk.confirm_paid_by_hand(refund_id, as_)))


def _decide(name: str, variable: str, work: Work[Result], session: Session | None = None) -> Result:
    """Carry out the decision of a person of finance, once their passphrase is verified."""
    return act_as(name, variable, lambda opened, _: _with_refund_actions(opened, work), session)


def _read(work: Work[Result]) -> Result:
    session = open_session()
    return session.run(lambda _: _with_refund_actions(session, work))


async def _with_refund_actions(session: Session, work: Work[Result]) -> Result:
    async with ShortTransactions(session.database.connect) as transactions:
        return await work(RefundStaffActions(transactions))


def _rules(session: Session, connector_id: str | None) -> RefundRules:
    """The refund rules of the connector; a payment without a connector is refused later."""
    profiles = {profile.id: profile for profile in profiles_of(session.settings)}
    if connector_id is None:
        return RefundRules(0, 0)
    if connector_id not in profiles:
        raise typer.BadParameter(f"there is no connector {connector_id} here to give it back")
    return profiles[connector_id].refunds or BY_HAND


def _bearer(consent: str | None, *, our_loss: bool) -> Bearer:
    if consent is not None and our_loss:
        raise typer.BadParameter("either the biller bears it, by its consent, or we do")
    if our_loss:
        return Bearer.LOSS
    return Bearer.PAYEE if consent is None else Bearer.CONSENT


def _burden(session: Session, payee: str | None, bearer: Bearer, consent: str | None) -> Burden:
    """Who bears it; a biller without a manifest here is one that takes nothing back."""
    takers = _takers(session)
    is_final = payee is not None and not is_merchant(payee) and payee not in takers
    if is_final and bearer is Bearer.PAYEE:
        raise _unnamed(payee)
    return Burden(payee in takers, bearer, consent or "")


def _takers(session: Session) -> set[str]:
    """The billers that take payments back."""
    return {profile.id for profile in billers.profiles_of(session.settings) if profile.takes_back}


def _unnamed(payee: str | None) -> typer.BadParameter:
    return typer.BadParameter(
        f"{payee} takes no payment back: say who bears it, --consent REFERENCE or --our-loss"
    )


def _report_waiting(view: RefundView) -> None:
    typer.echo(f"Refund {view.refund_id} waits: ekpay refunds approve {view.refund_id} --by NAME")


def _report_state(view: RefundView) -> None:
    typer.echo(f"Refund {view.refund_id} of {view.amount} is {view.state.replace('_', ' ')}.")


def _for_people(line: Line) -> tuple[str, ...]:
    return (
        dhaka(line["created_at"]),
        str(line["id"]),
        str(line["payment_id"]),
        line["connector_id"],
        line["kind"].replace("_", " "),
        taka(line["amount"]),
        line["state"].replace("_", " "),
        line["asked_by"],
    )


def _for_programs(line: Line) -> dict[str, object]:
    return {name: line[name] for name in _OF_REFUND}
