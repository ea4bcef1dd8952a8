"""`ekpay settle unidentified`: lines of our banks that nothing explains; heavy imports when a command runs.

Amounts on screens and in options are taka; in JSON they are whole paisa.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.terminal import dhaka_time, passphrase, show_json, taka
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.security.card_numbers import mask_card_numbers
from reconciliation.cli.refusals import refusals
from reconciliation.cli.settle_session import (
    APPROVER,
    ASKER,
    run_settlement,
)

if TYPE_CHECKING:
    from reconciliation.settlement.current_state import SettlementWork
    from reconciliation.settlement.unidentified.decisions import ItemProposal
    from reconciliation.unidentified.items import ItemDecision, UnidentifiedItem

app = typer.Typer(
    no_args_is_help=True, help="Lines of our banks that nothing explains: list, show, link, split, return."
)

Number = Annotated[int, typer.Argument(metavar="LINE", min=1, help="Its number in the list.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who you are, of finance.")]
Reason = Annotated[
    str, typer.Option(callback=mask_card_numbers, help="How you know it; it is kept for good.")
]


@app.command("list")
@prints_list
def list_(
    context: typer.Context,
    search: Annotated[
        str, typer.Option(metavar="TEXT", help="A part of a name or reference, or the amount in taka.")
    ] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
) -> PrintedList:
    """List the lines that wait, by their numbers."""

    async def _read(work: "SettlementWork") -> list[dict[str, object]]:
        from reconciliation.unidentified.item_store import find_items  # noqa: PLC0415 - heavy
        from reconciliation.unidentified.items import WAITING  # noqa: PLC0415 - heavy

        items = await find_items(work.connection, None if every else WAITING, search, _paisa(search))
        return await _facts_of(work, items)

    facts = run_settlement(context, _read)
    headings = (
        "line", "state", "bank", "day", ">amount", "suggested", "our reference", "bank's reference", "text",
    )  # fmt: skip
    names = (
        "number", "state", "bank", "day", "amount", "suggested", "our_reference", "bank_reference",
        "narrative",
    )  # fmt: skip
    rows = ([_cell(name, of_item[name]) for name in names] for of_item in facts)
    return PrintedList("Unidentified lines", headings, rows, facts)


@app.command()
def show(context: typer.Context, number: Number, *, as_json: AsJson = False) -> None:
    """Show a line with everything that happened to it, and the proposal that waits."""

    async def _read(
        work: "SettlementWork",
    ) -> "tuple[dict[str, object], list[dict[str, Any]], ItemDecision | None]":
        from reconciliation.settlement.unidentified.decisions import existing_item  # noqa: PLC0415 - heavy
        from reconciliation.unidentified.item_store import (  # noqa: PLC0415 - heavy
            decision_by,
            events_of_item,
        )

        item = await existing_item(work.connection, number)
        events = [dict(event) for event in await events_of_item(work.connection, item.id)]
        (facts,) = await _facts_of(work, [item])
        if item.decision_id is None:
            return facts, events, None
        return facts, events, await decision_by(work.connection, item.decision_id)

    facts, events, decision = run_settlement(context, _read)
    parts = [] if decision is None else [(part.target, part.amount) for part in decision.parts]
    if as_json:
        show_json(facts | {"events": events, "parts": parts})
        return
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' ')}: {_cell(name, value)}")
    for event in events:
        action = f" {event['action']}" if event["action"] else ""
        person = f" by {event['person']}" if event["person"] else ""
        at = dhaka_time(event["at"])
        typer.echo(f"{at} {event['event']}{action}{person}: {event['reason']}")
    if decision is not None:
        _show_parts(decision.action.value, parts)


@app.command()
def link(
    context: typer.Context,
    number: Number,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="Money that came: prefund:PARTNER:BUCKET, payable:merchant:NAME, demand:NO, "
            "instruction:ID. "
            "Money that left: bank_charges, write_off, instruction:ID.",
        ),
    ],
    reason: Reason,
    by: By,
) -> None:
    """Propose what the whole line was for; another person approves."""
    _propose(context, _proposal(number, "link", reason, by, ((target, None),)))


@app.command()
def split(
    context: typer.Context,
    number: Number,
    parts: Annotated[
        list[str],
        typer.Argument(
            metavar="PARTS",
            help="TARGET=TAKA, two or more, of the line's amount; return:REFERENCE is a part that went back "
            "by the bank's transfer of that reference.",
        ),
    ],
    reason: Reason,
    by: By,
) -> None:
    """Propose several targets of one line; their amounts come to that of the line."""
    shares = tuple(_part(text) for text in parts)
    if len(shares) == 1:
        raise typer.BadParameter("two parts or more; one is a link", param_hint="PARTS")
    _propose(context, _proposal(number, "split", reason, by, shares))


@app.command("return")
def return_(
    context: typer.Context,
    number: Number,
    reference: Annotated[
        str, typer.Option(metavar="REFERENCE", help="The bank's reference of the transfer back.")
    ],
    reason: Reason,
    by: By,
) -> None:
    """Propose that the money was given back by hand, or came back; its approval books the transfer."""
    _propose(context, _proposal(number, "return", reason, by, (), reference))


@app.command()
def reverse(context: typer.Context, number: Number, reason: Reason, by: By) -> None:
    """Propose to take an approved decision back by a new entry; the line waits again."""
    _propose(context, _proposal(number, "reverse", reason, by))


@app.command()
def approve(
    context: typer.Context,
    number: Number,
    by: By,
    reason: Annotated[str, typer.Option(callback=mask_card_numbers, help="A word of yours.")] = "",
) -> None:
    """Approve what another person has proposed; that posts it."""
    item = _decide(context, number, by, reason, approves=True)
    typer.echo(f"Line {item.number} is {item.state.value}, entry posted.")


@app.command()
def reject(context: typer.Context, number: Number, by: By, reason: Reason) -> None:
    """Reject what another person has proposed; nothing is posted."""
    item = _decide(context, number, by, reason, approves=False)
    typer.echo(f"Line {item.number} is {item.state.value}; nothing was posted.")


def _proposal(
    number: int,
    action: str,
    reason: str,
    by: str,
    targets: tuple[tuple[str, int | None], ...] = (),
    reference: str = "",
) -> "Callable[[], ItemProposal]":
    def _built() -> "ItemProposal":
        from reconciliation.settlement.unidentified.decisions import ItemProposal  # noqa: PLC0415 - heavy
        from reconciliation.unidentified.items import ItemAction  # noqa: PLC0415 - heavy

        return ItemProposal(number, ItemAction(action), reason, by, targets, reference)

    return _built


def _propose(context: typer.Context, build: "Callable[[], ItemProposal]") -> None:
    with refusals():
        proposal = build()
    asking = passphrase(ASKER, f"Passphrase of {proposal.proposed_by}")

    async def _carry_out(work: "SettlementWork") -> "ItemDecision":
        from reconciliation.settlement.unidentified.decisions import propose  # noqa: PLC0415 - heavy

        await work.setting.finance.persons.verify(proposal.proposed_by, asking)
        return await propose(work, proposal)

    decision = run_settlement(context, _carry_out)
    _show_parts(decision.action.value, [(part.target, part.amount) for part in decision.parts])
    typer.echo(f"It waits for another person: ekpay settle unidentified approve {proposal.number} --by NAME")


def _decide(
    context: typer.Context, number: int, by: str, reason: str, *, approves: bool
) -> "UnidentifiedItem":
    approving = passphrase(APPROVER, f"Passphrase of {by}")

    async def _carry_out(work: "SettlementWork") -> "UnidentifiedItem":
        from reconciliation.settlement.post_outcomes import post_instructions  # noqa: PLC0415 - heavy
        from reconciliation.settlement.unidentified.decisions import (  # noqa: PLC0415 - heavy
            ItemVerdict,
            decide,
        )

        await work.setting.finance.persons.verify(by, approving)
        return await decide(work, ItemVerdict(number, by, approves, reason), post_instructions)

    return run_settlement(context, _carry_out)


def _part(text: str) -> tuple[str, int]:
    target, _, amount = text.rpartition("=")
    try:
        return target, parse_taka(amount).minor
    except MalformedAmountError as problem:
        raise typer.BadParameter(f"{text}: say TARGET=TAKA", param_hint="PARTS") from problem


def _paisa(text: str) -> int:
    try:
        return parse_taka(text).minor
    except MalformedAmountError:
        return 0


async def _facts_of(work: "SettlementWork", items: "Sequence[UnidentifiedItem]") -> list[dict[str, object]]:
    from reconciliation.settlement.debts.demand_payments import suggested_targets  # noqa: PLC0415 - heavy

    names = (
        "number", "state", "bank", "day", "amount", "our_reference", "bank_reference", "narrative",
        "row_name", "changed_at",
    )  # fmt: skip
    suggested = await suggested_targets(work, items)
    return [
        {name: getattr(item, name) for name in names} | {"suggested": suggested.get(item.number, "")}
        for item in items
    ]


def _cell(name: str, value: object) -> str:
    return taka(value) if name == "amount" and isinstance(value, int) else str(value)


def _show_parts(action: str, parts: Sequence[tuple[str, int]]) -> None:
    typer.echo(f"{action}:")
    for target, paisa in parts:
        typer.echo(f"  {target} {taka(abs(paisa))}")
