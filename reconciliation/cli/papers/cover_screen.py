"""The trust cover on the screen and for programs, and what a shortfall would cost."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from ekpay_switch.cli.terminal import show_json, show_table, taka

if TYPE_CHECKING:
    from reconciliation.papers.cover_cost import ShortfallRule
    from reconciliation.settlement.positions.trust_cover import TrustCover

# Day ends in a row for which a cost is named; the draft rule changes after its grace days.
_DAYS = (1, 14, 30)


def show_cover(trust_cover: "TrustCover", rule: "ShortfallRule | None", *, as_json: bool) -> None:
    """Print the cover with the accounts behind it and, where it is short, what that costs by the rule."""
    shortfall = trust_cover.shortfall
    costs = {days: rule.cost(shortfall, days) for days in _DAYS} if rule and shortfall else {}
    if as_json:
        _show_for_programs(trust_cover, rule, costs)
        return
    rows = [
        ("settlement_bank", trust_cover.bank),
        *((f"owed: {name}", -paisa) for name, paisa in trust_cover.owed_by_account.items()),
        ("strict cover", trust_cover.strict),
        *((f"due within its cycle: {name}", paisa) for name, paisa in trust_cover.receivables.items()),
        ("cover with receivables", trust_cover.with_receivables),
        *((f"overdue, not counted: {name}", paisa) for name, paisa in trust_cover.overdue.items()),
        *((f"deposit, not counted: {name}", paisa) for name, paisa in trust_cover.deposits.items()),
        ("deposits at utilities, not counted", sum(trust_cover.deposits.values())),
    ]
    if trust_cover.bank_by_statement is not None and trust_cover.strict_by_statement is not None:
        rows += [("banks' own statements", trust_cover.bank_by_statement)]
        rows += [("strict cover by statements", trust_cover.strict_by_statement)]
    show_table("Trust cover", ("account", ">taka"), [(name, taka(paisa)) for name, paisa in rows])
    if shortfall and rule is not None:
        state = "a draft, not law" if rule.status == "draft" else "in force"
        typer.echo(f"{taka(shortfall)} taka short would cost, by {rule.source} ({state}):")
        show_table("Cost", (">day ends", ">taka"), [(str(days), taka(cost)) for days, cost in costs.items()])
    elif shortfall:
        typer.echo("no rule is configured for what a shortfall costs (config/trust_cover.toml)")


def _show_for_programs(
    trust_cover: "TrustCover", rule: "ShortfallRule | None", costs: dict[int, int]
) -> None:
    names = (
        "strict", "strict_by_statement", "with_receivables", "total_owed", "is_short", "shortfall",
        "is_bank_negative", "alarm",
    )  # fmt: skip
    content = {name: getattr(trust_cover, name) for name in names}
    figures = asdict(trust_cover).items()
    content |= {"owed" if name == "owed_by_account" else name: value for name, value in figures}
    if rule is not None:
        content["cost"] = {"status": rule.status, "version": rule.version, "by_day_ends": costs}
    show_json(content)
