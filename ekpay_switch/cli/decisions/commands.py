"""`ekpay decide`: two persons decide about money that waits; both see the same before anything moves."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as
from ekpay_switch.cli.billers.profiles import biller_traits_of
from ekpay_switch.cli.decisions.wording import case_lines, option_lines, proposal_lines, suspense_lines
from ekpay_switch.cli.listing import AsCsv, AsJson, PrintedList, prints_list, show_records
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.config_files.journal import read_journal_chart
from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import CaseKind
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import Money, parse_taka
from ekpay_switch.persistence.decisions.desk import PostgresDecisionDesk
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.decisions import (
    DecisionDesk,
    JournalProposal,
    Proposal,
    ProposalState,
    ProposalView,
)
from ekpay_switch.security.card_numbers import mask_card_numbers
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.masking import printable

app = typer.Typer(help="Two persons decide about money that waits.", no_args_is_help=True)

Result = TypeVar("Result")
Work = Callable[[DecisionDesk], Awaitable[Result]]


def _visible_text(text: str) -> str:
    if not text.isprintable():
        raise typer.BadParameter("visible characters, please")
    return mask_card_numbers(text.strip())


Subject = Annotated[
    UUID, typer.Argument(metavar="SUBJECT", help="The payment or refund, as `list` names it.")
]
ProposalId = Annotated[UUID, typer.Argument(metavar="DECISION", help="The proposal, as `show` names it.")]
Reason = Annotated[str, typer.Option(callback=_visible_text, help="Why.")]
Reference = Annotated[
    str, typer.Option(callback=_visible_text, help="What proves it: a consent, a receipt, a credit note.")
]
First = Annotated[str, typer.Option("--by", help="Who proposes it, of finance.")]
Second = Annotated[str, typer.Option("--by", help="The second person, of finance.")]


@app.command("list")
@prints_list
def list_(
    kind: Annotated[CaseKind | None, typer.Option(help="Only cases of this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    after: Annotated[UUID | None, typer.Option(help="Only those after this subject.")] = None,
) -> PrintedList:
    """List what waits for a decision of two persons."""
    cases = _read(lambda desk: desk.list(kind, limit, after))
    headings = ("subject", "kind", ">taka", "since (Dhaka)", "proposed")
    rows = (
        (
            str(case.subject),
            case.kind.replace("_", " "),
            taka(case.amount),
            dhaka(case.since),
            str(case.proposal_id or ""),
        )
        for case in cases
    )
    return PrintedList("Waiting for a decision", headings, rows, (asdict(case) for case in cases))


@app.command()
def show(subject: Subject) -> None:
    """Print a case with both sides, or a proposal: what is known, what may be done, what each would post."""
    session = open_session()

    async def _show(desk: DecisionDesk) -> list[str]:
        proposal = await desk.find(subject)
        if proposal is not None:
            return [*proposal_lines(proposal), *await _item_lines(desk, proposal)]
        view = await desk.show(subject)
        return [*case_lines(view), *option_lines(view.options)]

    for line in _read(_show, session):
        typer.echo(printable(line))


@app.command()
def suspense(
    entry: Annotated[UUID | None, typer.Argument(metavar="ENTRY", help="Only this one, in full.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    after: Annotated[UUID | None, typer.Option(help="Only those after this entry.")] = None,
    *,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List money in suspense that belongs to no payment, with what was decided about it, or show one."""
    if entry is not None:
        views = _read(lambda desk: desk.show_suspense(entry))
    else:
        views = _read(lambda desk: desk.list_suspense(limit, after))
    if as_json or as_csv:
        show_records([asdict(view) for view in views], as_json=as_json, as_csv=as_csv)
        return
    if not views:
        typer.echo("Nothing stands in suspense without a payment.")
    for line in suspense_lines(views, in_full=entry is not None):
        typer.echo(printable(line))


@app.command()
def propose(
    subject: Subject,
    action: Annotated[DecisionAction, typer.Argument(help="What is to be done, as `show` names it.")],
    reason: Reason,
    as_: First,
    reference: Reference = "",
    amount: Annotated[
        Money | None,
        typer.Option(
            parser=typed_taka, metavar="TAKA", help="What was really given back, where it is asked for."
        ),
    ] = None,
) -> None:
    """Propose what is to be done; nothing moves until another person approves it."""
    proposal = Proposal(uuid7(), subject, action, reason, as_, reference, amount)
    _report_waiting(_decide(as_, ASKER_VARIABLE, lambda desk: desk.propose(proposal)))


@app.command()
def journal(
    posting: Annotated[
        list[str],
        typer.Option(metavar="ACCOUNT=TAKA", help="An account and what is debited, or -TAKA credited."),
    ],
    reason: Reason,
    reference: Reference,
    as_: First,
    of: Annotated[
        UUID | None,
        typer.Option(metavar="ENTRY", help="What it takes from suspense, as `suspense` names it."),
    ] = None,
) -> None:
    """Propose an entry between accounts that the chart lets meet, such as money that leaves suspense."""
    postings = tuple(_posting(text) for text in posting)
    proposal = JournalProposal(uuid7(), postings, reason, reference, as_, of)
    view = _decide(as_, ASKER_VARIABLE, lambda desk: desk.propose_journal(proposal))
    _report_waiting(view, _read(lambda desk: _item_lines(desk, view)))


@app.command()
def approve(
    proposal_id: ProposalId,
    code: Annotated[str, typer.Option(help="The code that `show DECISION` prints: you have seen it.")],
    as_: Second,
) -> None:
    """Approve what another person proposed; it is carried out at once."""
    view = _decide(as_, APPROVER_VARIABLE, lambda desk: desk.approve(proposal_id, code.strip(), as_))
    _report_end(view)
    if view.state is ProposalState.LAPSED:
        raise typer.Exit(1)


@app.command()
def reject(proposal_id: ProposalId, reason: Reason, as_: Second) -> None:
    """Reject what somebody proposed, also oneself; nothing moves."""
    _report_end(_decide(as_, APPROVER_VARIABLE, lambda desk: desk.reject(proposal_id, reason, as_)))


async def _item_lines(desk: DecisionDesk, proposal: ProposalView) -> list[str]:
    """The item that a proposal takes from, with whatever else was proposed about it."""
    if proposal.takes_from is None:
        return []
    views = [
        replace(view, proposals=[other for other in view.proposals if other.id != proposal.id])
        for view in await desk.show_suspense(proposal.takes_from)
    ]
    return [
        "What it takes from, and what was proposed about it before:",
        *suspense_lines(views, in_full=True),
    ]


def _posting(text: str) -> tuple[str, int]:
    account, _, amount = text.partition("=")
    sign = -1 if amount.startswith("-") else 1
    try:
        return account.strip(), sign * parse_taka(amount.lstrip("+-")).minor
    except MalformedAmountError as problem:
        raise typer.BadParameter(
            f"posting: {text} is not ACCOUNT=TAKA, such as suspense:bkash=-125.50"
        ) from problem


def _decide(name: str, variable: str, work: Work[ProposalView]) -> ProposalView:
    """Carry out the act of a person of finance, once their passphrase is verified."""
    return act_as(name, variable, lambda session, _: _at_desk(session, work))


def _read(work: Work[Result], session: Session | None = None) -> Result:
    opened = session or open_session()
    return opened.run(lambda _: _at_desk(opened, work))


async def _at_desk(session: Session, work: Work[Result]) -> Result:
    settings = session.settings
    chart = read_journal_chart(settings.config / "journal.toml")
    async with ShortTransactions(session.database.connect) as transactions:
        return await work(PostgresDecisionDesk(transactions, biller_traits_of(settings), chart))


def _report_waiting(view: ProposalView, about_item: Sequence[str] = ()) -> None:
    for line in (*proposal_lines(view), *about_item):
        typer.echo(printable(line))
    typer.echo(f"It waits: ekpay decide approve {view.id} --code CODE --by NAME")


def _report_end(view: ProposalView) -> None:
    why = f": {view.end_reason}" if view.end_reason else ""
    typer.echo(printable(f"Decision {view.id} is {view.state}{why}."))
