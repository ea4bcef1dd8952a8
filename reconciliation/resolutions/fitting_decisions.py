"""What a person may decide on a break now: the rules of the decision itself, with amounts of the books."""

from collections.abc import Sequence

from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.breaks.codes import BreakCode
from reconciliation.calendar import read_calendar
from reconciliation.resolutions.decision_records import Resolution, UnfitError
from reconciliation.resolutions.decision_rules import fitting_actions, newest_standing
from reconciliation.resolutions.decision_store import known_movements, nets_of
from reconciliation.resolutions.institution_sides import side_of_break
from reconciliation.resolutions.missing_payouts import can_be_paid, missing_payouts
from reconciliation.resolutions.resolution_actions import ResolutionAction, ResolutionRules
from reconciliation.resolutions.resolution_postings import BreakAmounts
from reconciliation.resolutions.stale_breaks import movements_of_break, moves_money
from reconciliation.results.paid_payouts import paid_payouts
from reconciliation.results.records import BreakRecord, BreakState


async def fitting_decisions(
    connection: Connection,
    finance: Finance,
    rules: ResolutionRules,
    broken: BreakRecord,
    decisions: Sequence[Resolution],
    *,
    is_bound: bool,
) -> list[ResolutionAction]:
    """The actions that a proposal may take on a break now, in the order of the rules.

    Of a bound break, whose movement has changed or whose money is booked otherwise, those that move no money.
    """
    try:
        side = side_of_break(finance.config, broken)
    except UnfitError:
        return []
    amounts = await break_amounts(connection, broken)
    actions = fitting_actions(broken, amounts, side, decisions, rules)
    if side.kind == "statement" and await _may_pay(connection, finance, broken, amounts, decisions, rules):
        actions = [action for action in rules.rules if action in {*actions, ResolutionAction.PAYS_PAYOUTS}]
    if not await known_movements(connection, movements_of_break(broken)):
        actions = [action for action in actions if action is not ResolutionAction.REPOST]
    is_paid = bool(side.payer) and broken.reference in await paid_payouts(connection)
    return [action for action in actions if not ((is_bound or is_paid) and moves_money(action))]


async def _may_pay(
    connection: Connection,
    finance: Finance,
    broken: BreakRecord,
    amounts: BreakAmounts,
    decisions: Sequence[Resolution],
    rules: ResolutionRules,
) -> bool:
    """Whether missing payouts come to what a line of our bank has."""
    codes = rules.rules[ResolutionAction.PAYS_PAYOUTS].codes
    if broken.state is not BreakState.OPEN or broken.code not in codes or newest_standing(decisions):
        return False
    calendar = read_calendar(finance.config / "calendar.toml")
    missing = await missing_payouts(connection, finance.config, calendar, broken)
    return can_be_paid(missing, amounts.gap)


async def break_amounts(connection: Connection, broken: BreakRecord, *, gains: bool = False) -> BreakAmounts:
    """The amounts of a break, with the nets of both sides."""
    code = BreakCode(broken.code)
    movements = movements_of_break(broken)
    nets = await nets_of(
        connection, broken.institution, movements, paid=code is not BreakCode.REVERSAL_PENDING
    )
    # Of a payment that is booked twice, one line is right.
    ours = nets[-1:] if code is BreakCode.DUP_IN_LEDGER else nets
    theirs = broken.details.get("net")
    return BreakAmounts(
        code,
        broken.amount,
        broken.difference,
        our_net=sum(ours) if ours else None,
        their_net=theirs if isinstance(theirs, int) else None,
        gains=gains,
    )


async def refuse_without_movements(
    connection: Connection, action: ResolutionAction, broken: BreakRecord
) -> None:
    """Refuse to ask again about a break of which our books know no payment.

    Raises:
        UnfitError: there is no payment to ask about.
    """
    if action is ResolutionAction.REPOST and not await known_movements(
        connection, movements_of_break(broken)
    ):
        raise UnfitError("no payment of ours is known to this break, so nothing can be asked again")
