"""`ekpay disputes`: what payers contest through their connectors, and what two persons of finance decide."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ekpay_switch.cli.acting import APPROVER_VARIABLE, ASKER_VARIABLE, act_as, visible_name, visible_text
from ekpay_switch.cli.billers.profiles import profiles_of
from ekpay_switch.cli.disputes.notice_file import Notice, NoticeFileError, read_notices
from ekpay_switch.cli.disputes.notices import BurdenOf, NoticeRefusedError, record_notice
from ekpay_switch.cli.disputes.options import (
    Amount,
    Consent,
    Due,
    First,
    Last,
    Movement,
    Name,
    Number,
    OurLoss,
    PaymentId,
    Reason,
    Second,
    Transaction,
    Word,
    burden_option,
    dhaka_date,
    named_dispute,
)
from ekpay_switch.cli.disputes.wording import HEADINGS, dispute_lines, list_row, proposal_lines
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.domain.disputes.dispute import AGAINST_US, OPEN, DisputeEvent, DisputeState
from ekpay_switch.domain.refunds.burden import Burden
from ekpay_switch.persistence.disputes.desk import PostgresDisputes
from ekpay_switch.persistence.refunds.staff_actions import RefundStaffActions
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.disputes import DisputeProposal, Disputes, DisputeView, NewDispute
from ekpay_switch.security.masking import printable

app = typer.Typer(help="What payers contest through their connectors.", no_args_is_help=True)

_COUNT_MAX = 1_000

Result = TypeVar("Result")
Work = Callable[[Disputes], Awaitable[Result]]


@app.command("list")
@prints_list
def list_(
    state: Annotated[DisputeState | None, typer.Option(help="Only those in this state.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
) -> PrintedList:
    """List disputes by their deadline; those that are not over, or all. Each has its number for good."""
    states = [state] if state is not None else list(DisputeState) if every else [*OPEN, *AGAINST_US]
    disputes = _read(lambda desk: desk.list(states, _COUNT_MAX))
    return PrintedList(
        "Disputes",
        HEADINGS,
        (list_row(dispute) for dispute in disputes),
        (_for_programs(dispute) for dispute in disputes),
    )


@app.command()
def show(number: Number = None, *, last: Last = False) -> None:
    """Print a dispute with its money, its steps, its evidence and what waits for a second person."""

    async def _show(desk: Disputes) -> list[str]:
        dispute = await named_dispute(desk, number, is_last=last)
        return dispute_lines(dispute, await desk.steps(dispute.id), await desk.files(dispute.id))

    for line in _read(_show):
        typer.echo(printable(line))


@app.command("open")
def open_(
    payment_id: PaymentId,
    name: Name,
    amount: Amount,
    reason: Reason,
    due: Due,
    as_: First,
    *,
    transaction: Transaction = None,
) -> None:
    """Record a dispute that a connector has told of; nothing moves. Told again, it is the same dispute."""
    new = NewDispute(payment_id, name, amount, reason, dhaka_date(due), transaction or "")
    dispute = _decide(as_, ASKER_VARIABLE, lambda desk: desk.open(new, as_))
    typer.echo(f"Dispute {dispute.id} is {dispute.state.replace('_', ' ')}, round {dispute.round}.")


@app.command("read")
def read_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV; see the how-to.")],
    connector: Annotated[str, typer.Option(callback=visible_name, help="The connector that tells it.")],
    as_: First,
    consent: Consent = None,
    *,
    our_loss: OurLoss = False,
) -> None:
    """Record a file of a connector's notices: what moves money waits for a second person.

    A file with anything unreadable is refused whole. A notice that our books refuse is named; the others are
    recorded, and the exit code is 1. Read again, it says what is known already. --consent or --our-loss says
    who bears what it tells as held.
    """
    try:
        notices = read_notices(file.read_bytes())
    except NoticeFileError as problem:
        raise NoticeFileError([f"{file.name}: {problem}"]) from problem

    async def _record(opened: Session) -> bool:
        async with _open_desk(opened) as (desk, transactions):
            burden_of = _burden_of(opened, transactions, consent, our_loss=our_loss)
            recorded = [await _record_or_name(desk, connector, notice, burden_of, as_) for notice in notices]
            return all(recorded)

    if not act_as(as_, ASKER_VARIABLE, lambda opened, _: _record(opened)):
        raise typer.Exit(1)


async def _record_or_name(
    desk: Disputes, connector: str, notice: Notice, burden_of: BurdenOf, by: str
) -> bool:
    """Record a notice, or name it as refused; returns whether it is recorded."""
    try:
        typer.echo(printable(await record_notice(desk, connector, notice, burden_of, by)))
    except NoticeRefusedError as problem:
        typer.echo(printable(str(problem)), err=True)
        return False
    return True


@app.command("open-round")
def open_round(
    as_: First,
    round_: Annotated[int, typer.Option("--round", min=2, help="The number of the new round.")],
    due: Due,
    word: Word,
    number: Number = None,
    *,
    last: Last = False,
) -> None:
    """Begin the next round of a dispute that was won, lost or accepted."""
    day = dhaka_date(due)
    _work_on(
        as_, number, lambda desk, dispute: desk.open_round(dispute.id, round_, day, word, as_), is_last=last
    )


@app.command()
def evidence(as_: First, due: Due, word: Word, number: Number = None, *, last: Last = False) -> None:
    """Record that the connector wants evidence, or more of it, by a date."""
    day = dhaka_date(due)
    _work_on(
        as_, number, lambda desk, dispute: desk.request_evidence(dispute.id, day, word, as_), is_last=last
    )


@app.command()
def attach(
    as_: First,
    file: Annotated[
        list[Path], typer.Option("--file", exists=True, dir_okay=False, help="A file, at most 5 MB.")
    ],
    number: Number = None,
    *,
    last: Last = False,
) -> None:
    """Keep files of evidence with the dispute, under their SHA-256; text with a card number is refused."""
    contents = [(path.name, path.read_bytes()) for path in file]

    async def _attach(desk: Disputes, dispute: DisputeView) -> None:
        for name, content in contents:
            await desk.attach(dispute.id, name, content, as_)

    _work_on(as_, number, _attach, is_last=last)


@app.command("file")
def file_(
    sha256: Annotated[str, typer.Option(min=1, help="The beginning of its SHA-256, as `show` prints it.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where it is written; it must not exist.")],
    number: Number = None,
    *,
    last: Last = False,
) -> None:
    """Write a file of evidence to a place, readable by its owner alone, to send it to the connector."""

    async def _content(desk: Disputes) -> bytes:
        return await desk.file((await named_dispute(desk, number, is_last=last)).id, sha256)

    content = _read(_content)
    # It may show who the payer is: nobody else on this machine reads it.
    with open(out, "xb", opener=partial(os.open, mode=0o600)) as place:
        place.write(content)
    typer.echo(f"{len(content)} bytes are in {out}.")


@app.command()
def represent(as_: First, word: Word, number: Number = None, *, last: Last = False) -> None:
    """Record that the evidence of this round was sent to the connector."""
    _work_on(as_, number, lambda desk, dispute: desk.represent(dispute.id, word, as_), is_last=last)


@app.command("held")
def hold_money(
    as_: First,
    movement: Movement,
    word: Word,
    number: Number = None,
    consent: Consent = None,
    *,
    our_loss: OurLoss = False,
    last: Last = False,
) -> None:
    """Propose that the connector holds the money of a dispute back, or has taken it where it is lost.

    A chargeback that is recorded already under this reference becomes the money of the dispute. Where the
    biller takes nothing back, say who bears it: --consent REFERENCE or --our-loss.
    """

    async def _hold(opened: Session) -> DisputeView:
        async with _open_desk(opened) as (desk, transactions):
            dispute = await named_dispute(desk, number, is_last=last)
            burden = await _burden_of(opened, transactions, consent, our_loss=our_loss)(dispute)
            proposal = DisputeProposal(DisputeEvent.MONEY_HELD, word, movement, burden=burden)
            return await desk.propose(dispute.id, proposal, as_)

    _report_waiting(act_as(as_, ASKER_VARIABLE, lambda opened, _: _hold(opened)))


@app.command()
def accept(as_: First, word: Word, number: Number = None, *, last: Last = False) -> None:
    """Propose that the payer is right; what the connector holds is the payer's then."""
    _propose(as_, number, DisputeProposal(DisputeEvent.ACCEPTED, word), is_last=last)


@app.command("won")
def win(as_: First, word: Word, number: Number = None, *, last: Last = False) -> None:
    """Propose that the connector decided for us; what it held or took comes back."""
    _propose(as_, number, DisputeProposal(DisputeEvent.WON, word), is_last=last)


@app.command("lost")
def lose(as_: First, word: Word, number: Number = None, *, last: Last = False) -> None:
    """Propose that the connector decided for the payer; what it holds is the payer's then."""
    _propose(as_, number, DisputeProposal(DisputeEvent.LOST, word), is_last=last)


@app.command()
def settle(
    as_: First,
    settlement: Annotated[str, typer.Option(callback=visible_text, help="What settled the claim.")],
    word: Word,
    number: Number = None,
    *,
    last: Last = False,
) -> None:
    """Propose that the claim was settled in another way, which is named; nothing of it moves here."""
    proposal = DisputeProposal(DisputeEvent.SETTLED_OTHERWISE, word, settlement=settlement)
    _propose(as_, number, proposal, is_last=last)


@app.command()
def approve(as_: Second, number: Number = None, *, last: Last = False) -> None:
    """Approve what another person proposed; it is carried out at once."""

    async def _approve(desk: Disputes) -> DisputeView:
        dispute = await named_dispute(desk, number, is_last=last)
        for line in proposal_lines(dispute)[:1]:
            typer.echo(printable(line))
        return await desk.approve(dispute.id, as_)

    _report_state(_decide(as_, APPROVER_VARIABLE, _approve))


@app.command()
def reject(as_: Second, reason: Reason, number: Number = None, *, last: Last = False) -> None:
    """Reject what was proposed, also by oneself; nothing moves."""

    async def _reject(desk: Disputes) -> DisputeView:
        return await desk.reject((await named_dispute(desk, number, is_last=last)).id, reason, as_)

    _report_state(_decide(as_, APPROVER_VARIABLE, _reject))


def _work_on(
    as_: str,
    number: int | None,
    work: Callable[[Disputes, DisputeView], Awaitable[object]],
    *,
    is_last: bool,
) -> None:
    async def _work(desk: Disputes) -> DisputeView:
        dispute = await named_dispute(desk, number, is_last=is_last)
        await work(desk, dispute)
        return await desk.find(dispute.id)

    _report_state(_decide(as_, ASKER_VARIABLE, _work))


def _propose(as_: str, number: int | None, proposal: DisputeProposal, *, is_last: bool) -> None:
    async def _work(desk: Disputes) -> DisputeView:
        dispute = await named_dispute(desk, number, is_last=is_last)
        return await desk.propose(dispute.id, proposal, as_)

    _report_waiting(_decide(as_, ASKER_VARIABLE, _work))


def _decide(name: str, variable: str, work: Work[DisputeView]) -> DisputeView:
    """Carry out what a person of finance does, once their passphrase is verified."""
    return act_as(name, variable, lambda session, _: _at_desk(session, work))


def _read(work: Work[Result]) -> Result:
    session = open_session()
    return session.run(lambda _: _at_desk(session, work))


async def _at_desk(session: Session, work: Work[Result]) -> Result:
    async with _open_desk(session) as (desk, _):
        return await work(desk)


@asynccontextmanager
async def _open_desk(session: Session) -> AsyncIterator[tuple[Disputes, ShortTransactions]]:
    async with ShortTransactions(session.database.connect) as transactions:
        yield PostgresDisputes(transactions), transactions


def _burden_of(
    session: Session, transactions: ShortTransactions, consent: str | None, *, our_loss: bool
) -> BurdenOf:
    """Who bears the money of a dispute, as it was typed and as its biller's manifest says."""
    takers = {profile.id for profile in profiles_of(session.settings) if profile.takes_back}

    async def _of_dispute(dispute: DisputeView) -> Burden:
        payee = await RefundStaffActions(transactions).payee_of(dispute.payment_id)
        return burden_option(consent, our_loss=our_loss, takes_back=payee in takers)

    return _of_dispute


def _report_waiting(dispute: DisputeView) -> None:
    for line in proposal_lines(dispute):
        typer.echo(printable(line))


def _report_state(dispute: DisputeView) -> None:
    typer.echo(f"Dispute {dispute.id} is {dispute.state.replace('_', ' ')}, round {dispute.round}.")


def _for_programs(dispute: DisputeView) -> dict[str, object]:
    return {**asdict(dispute), "amount": dispute.amount.minor, "currency": dispute.amount.currency}
