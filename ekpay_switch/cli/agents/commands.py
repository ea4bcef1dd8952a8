"""`ekpay agents`: who serves payers for which agent, the drawers that they count, and what agents earn.

See docs/adr/0135 and docs/adr/0136.
"""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.acting import ASKER_VARIABLE, act_as, visible_name
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.parties.access import ApprovedBy, AskedBy, ask_for
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import complain, dhaka, taka
from ekpay_switch.cli.typed_amounts import typed_paisa
from ekpay_switch.domain.agents.commission import AgentCommission
from ekpay_switch.domain.agents.counter import CashDrawer
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.mobile_numbers import national_number
from ekpay_switch.persistence.access.client_access import operator_order
from ekpay_switch.persistence.agents.commissions import read_commissions
from ekpay_switch.persistence.agents.counter import PostgresAgentCounter
from ekpay_switch.persistence.agents.operators import AgentOperators, OperatorLine
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.security.one_time_codes import CodeDigests

app = typer.Typer(
    help="Operators at the counters of agents, their cash drawers, and commission.", no_args_is_help=True
)


def _mobile_number(text: str) -> str:
    number = national_number(text)
    if not number:
        raise typer.BadParameter("a mobile number of Bangladesh, such as 01712345678")
    return number


_OperatorId = Annotated[UUID, typer.Argument(metavar="OPERATOR", help="As `agents operators` names them.")]
_DrawerId = Annotated[UUID, typer.Argument(metavar="DRAWER", help="As `agents drawers` names it.")]
_ByOfFinance = Annotated[str, typer.Option("--by", help="Who does it, of finance; one person is enough.")]


@app.command("add-operator")
def add_operator(
    partner_id: Annotated[
        str, typer.Argument(metavar="PARTNER", help="The agent, a partner with a prefund.")
    ],
    number: Annotated[
        str,
        typer.Argument(
            metavar="NUMBER",
            callback=_mobile_number,
            help="The operator's mobile number, with which they have signed in at the portal once.",
        ),
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", callback=visible_name, help="As slips name them.")],
    asked_by: AskedBy,
    approved_by: ApprovedBy = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask that a person may pay bills for others from an agent's prefund; a second person approves it."""
    session = open_session()
    digests = CodeDigests(session.keys())
    citizen_id = session.run(lambda engine: AgentOperators(engine).citizen_of(number, digests))
    ask_for(operator_order(partner_id, citizen_id, name), asked_by, approved_by, as_json=as_json)


@app.command("remove-operator")
def remove_operator(operator_id: _OperatorId, by: _ByOfFinance) -> None:
    """End an operator with their next request; their open drawer is closed by `close-drawer`."""
    is_ended = act_as(by, ASKER_VARIABLE, lambda _, engine: AgentOperators(engine).remove(operator_id, by))
    typer.echo(f"Operator {operator_id} {'is removed' if is_ended else 'was removed before'}.")


@app.command()
@prints_list
def operators(
    *, is_all: Annotated[bool, typer.Option("--all", help="Also who is an operator no more.")] = False
) -> PrintedList:
    """List who may pay bills for others, and for which agent."""
    lines = open_session().run(lambda engine: AgentOperators(engine).list(is_all=is_all))
    headings = ("agent", "operator", "since (Dhaka)", "removed (Dhaka)", "removed by", "id")
    return PrintedList("Operators", headings, map(_operator_for_people, lines), map(_operator_json, lines))


@app.command()
@prints_list
def drawers(
    *, is_all: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False
) -> PrintedList:
    """List the cash drawers that are open, with whose they are; or all, with what was counted."""
    session = open_session()

    async def _read(_: AsyncEngine) -> Sequence[CashDrawer]:
        async with ShortTransactions(session.database.connect) as transactions:
            return await PostgresAgentCounter(transactions).all_drawers(is_open=not is_all)

    lines = session.run(_read)
    headings = (
        "operator", "opened (Dhaka)", "float", "closed (Dhaka)", "expected", "counted", "closed by", "id",
    )  # fmt: skip
    return PrintedList("Cash drawers", headings, map(_drawer_for_people, lines), map(_drawer_json, lines))


@app.command()
@prints_list
def commissions() -> PrintedList:
    """List the commission that agents have earned, the newest first; `settle` pays it out."""
    session = open_session()

    async def _read(_: AsyncEngine) -> Sequence[AgentCommission]:
        async with ShortTransactions(session.database.connect) as transactions:
            return await read_commissions(transactions)

    lines = session.run(_read)
    headings = ("agent", "booked (Dhaka)", ">orders", ">taka", "entry")
    rows = map(_commission_for_people, lines)
    return PrintedList("Commission of agents", headings, rows, map(_commission_json, lines))


@app.command("close-drawer")
def close_drawer(
    drawer_id: _DrawerId,
    counted: Annotated[
        int, typer.Option(parser=typed_paisa, metavar="TAKA", help="What was counted in it, in taka.")
    ],
    by: _ByOfFinance,
) -> None:
    """Close a drawer for an operator who cannot, with what was counted in it."""

    async def _close(session: Session, _: AsyncEngine) -> CashDrawer | None:
        async with ShortTransactions(session.database.connect) as transactions:
            counter = PostgresAgentCounter(transactions)
            if all(drawer.drawer_id != drawer_id for drawer in await counter.all_drawers(is_open=True)):
                return None
            return await counter.close_drawer(drawer_id, Money(counted), by)

    closed = act_as(by, ASKER_VARIABLE, _close)
    if closed is None:
        complain(f"drawer: there is no open drawer {drawer_id}")
        raise typer.Exit(1)
    expected, difference = _paisa(closed.expected), _paisa(closed.difference)
    typer.echo(f"Drawer {drawer_id} is closed: expected {taka(expected)}, difference {taka(difference)}.")


def _operator_for_people(line: OperatorLine) -> tuple[str, ...]:
    return (
        line.partner_id,
        line.name,
        dhaka(line.added_at),
        dhaka(line.removed_at),
        line.removed_by or "",
        str(line.operator_id),
    )


def _operator_json(line: OperatorLine) -> dict[str, object]:
    return {
        "operator_id": line.operator_id,
        "partner_id": line.partner_id,
        "name": line.name,
        "added_at": line.added_at,
        "removed_at": line.removed_at,
        "removed_by": line.removed_by,
    }


def _drawer_for_people(drawer: CashDrawer) -> tuple[str, ...]:
    is_open = drawer.closed_at is None
    return (
        drawer.operator_name,
        dhaka(drawer.opened_at),
        taka(drawer.opening.minor),
        dhaka(drawer.closed_at),
        "" if is_open else taka(_paisa(drawer.expected)),
        "" if is_open else taka(_paisa(drawer.counted)),
        drawer.closed_by,
        str(drawer.drawer_id),
    )


def _drawer_json(drawer: CashDrawer) -> dict[str, object]:
    is_open = drawer.closed_at is None
    return {
        "drawer_id": drawer.drawer_id,
        "operator_id": drawer.operator_id,
        "operator": drawer.operator_name,
        "opened_at": drawer.opened_at,
        "opening_paisa": drawer.opening.minor,
        "closed_at": drawer.closed_at,
        "expected_paisa": None if is_open else _paisa(drawer.expected),
        "counted_paisa": None if is_open else _paisa(drawer.counted),
        "closed_by": drawer.closed_by or None,
    }


def _commission_for_people(line: AgentCommission) -> tuple[str, ...]:
    return (
        line.agent,
        dhaka(line.booked_at),
        str(line.order_count),
        taka(line.amount.minor),
        str(line.commission_id),
    )


def _commission_json(line: AgentCommission) -> dict[str, object]:
    return {
        "entry_id": line.commission_id,
        "partner_id": line.agent,
        "booked_at": line.booked_at,
        "order_count": line.order_count,
        "amount_paisa": line.amount.minor,
    }


def _paisa(amount: Money | None) -> int:
    return 0 if amount is None else amount.minor
