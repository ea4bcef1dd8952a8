"""`ekpay routing`: explain a decision, simulate a draft of the rules, list the breakers."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.cli.billers.profiles import NoTokens, NoWire
from ekpay_switch.cli.listing import PrintedList, prints_list
from ekpay_switch.cli.routing.wording import (
    APPROACH_WORDING,
    BREAKER_WORDING,
    HEADINGS,
    exclusion_wording,
    heading_of,
    rows_of,
)
from ekpay_switch.cli.session import open_session
from ekpay_switch.cli.terminal import dhaka, screen, show_json, show_table, taka
from ekpay_switch.cli.typed_amounts import typed_taka
from ekpay_switch.composition.switch import routing_rules
from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.domain.business_day import DHAKA, business_date
from ekpay_switch.domain.fees import Fee
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.decision import Candidate, Decision, Draw, decide
from ekpay_switch.domain.routing.rehearsal import Rehearsal, rehearse
from ekpay_switch.domain.routing.rules import PPM, RouteRequest, RoutingRules
from ekpay_switch.persistence.routing.decisions import StoredDecision, count_decisions, read_decisions
from ekpay_switch.persistence.routing.documents import as_document
from ekpay_switch.persistence.routing.store import PostgresRouting, read_breakers
from ekpay_switch.plugins import load_billers, load_connectors
from ekpay_switch.ports.billers import Billers
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.routing import ConnectorRecord, candidate_of
from ekpay_switch.settings import Settings
from ekpay_switch.system_clock import SystemClock

_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
_SHOWN_MAX = 10
# Beyond every share of exploring, so that the same question has the same answer.
_NOT_EXPLORING = PPM - 1

app = typer.Typer(help="Which connector collects a payer's money, and why.", no_args_is_help=True)


def _amount(text: str) -> Money:
    amount = typed_taka(text)
    if amount.minor == 0:
        raise typer.BadParameter("an amount is more than nothing")
    return amount


@app.command()
def explain(
    *,
    instrument: Annotated[str, typer.Option(help="A routable instrument, or the id of a connector.")],
    amount: Annotated[
        Money, typer.Option(parser=_amount, metavar="TAKA", help="What the biller is to be paid, in taka.")
    ],
    biller: Annotated[
        str, typer.Option(help="Our id of the biller; prices the fee and may meet rules.")
    ] = "",
    partner: Annotated[str, typer.Option(help="The client that asks; may meet rules.")] = "",
    at: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, help="Another moment than now, on a Dhaka clock.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; amounts in paisa.")] = False,
) -> None:
    """Decide as the switch would now, and say why; asks nobody and moves nothing.

    What is left to luck is left out: nobody explores, and a split is asked for its first share.
    """
    session = open_session()
    installation = _Installation.of(session.settings)
    moment = SystemClock().now() if at is None else at.replace(tzinfo=DHAKA)
    rules = installation.rules()
    fee = installation.fee(biller, instrument, amount, moment)
    request = RouteRequest(instrument, amount, fee.fee, fee.vat, biller, partner, moment)

    async def _decide(engine: AsyncEngine) -> Decision:
        routing = PostgresRouting(engine, installation.connectors, rules, SystemClock())
        return decide(request, await routing.candidates(), rules, Draw(_NOT_EXPLORING, 0))

    decision = session.run(_decide)
    if as_json:
        show_json(as_document(decision))
        return
    show_table(heading_of(decision), HEADINGS, rows_of(decision))
    rule_names = ", ".join(decision.rules) or "none"
    screen().print(f"Rules {rules.version}; those that hold: {rule_names}.")


@app.command()
def simulate(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A draft.")],
    *,
    since: Annotated[datetime, typer.Option(formats=_MOMENTS, help="From then on, on a Dhaka clock.")],
    until: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, help="Up to then; up to now if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; amounts in paisa.")] = False,
) -> None:
    """Decide every past try again by a draft of config/routing.toml, and say what would differ.

    With the records, breakers and luck of then; a try after a failed one is decided by itself. Values are
    expected ones: nobody knows what would have come of it.
    """
    session = open_session()
    installation = _Installation.of(session.settings)
    draft = installation.rules(file)
    end = SystemClock().now() if until is None else until.replace(tzinfo=DHAKA)
    begin, candidates = since.replace(tzinfo=DHAKA), installation.candidates()
    summary = session.run(lambda engine: _rehearse_all(engine, draft, candidates, since=begin, until=end))
    if as_json:
        show_json(summary.for_programs())
        return
    _show(summary, draft)


@app.command()
@prints_list
def breakers() -> PrintedList:
    """List the breakers that have ever opened, and how they stand now."""
    session = open_session()
    rules = _Installation.of(session.settings).rules()
    lines = session.run(lambda engine: read_breakers(engine, rules))
    records = (
        {
            "connector_id": line.connector_id,
            "state": line.breaker.state,
            "since": line.breaker.since,
            "because": line.breaker.reason,
            "half_opens_by": line.half_opens_by,
        }
        for line in lines
    )
    headings = ("connector", "state", "since (Dhaka)", "because", "half opens by itself at")
    rows = (
        (
            line.connector_id,
            BREAKER_WORDING[line.breaker.state],
            dhaka(line.breaker.since),
            line.breaker.reason,
            dhaka(line.half_opens_by),
        )
        for line in lines
    )
    return PrintedList("Breakers", headings, rows, records)


# ---- what the files say


@dataclass(frozen=True, slots=True)
class _Installation:
    """The configuration files of this installation; no far side is called."""

    billers: Billers
    connectors: Connectors
    settings: Settings

    @classmethod
    def of(cls, settings: Settings) -> "_Installation":
        config, divisor = settings.config, settings.time_divisor
        wire, tokens, clock = NoWire(), NoTokens(), SystemClock()
        billers = load_billers(config, wire, tokens, clock, divisor)
        return cls(billers, load_connectors(config, wire, tokens, clock, divisor), settings)

    def rules(self, draft: Path | None = None) -> RoutingRules:
        return routing_rules(self.settings, self.billers, self.connectors, draft)

    def candidates(self) -> list[Candidate]:
        """Every connector, without any record."""
        return [candidate_of(connector.profile, ConnectorRecord()) for connector in self.connectors.all()]

    def fee(self, biller_id: str, instrument: str, amount: Money, at: datetime) -> Fee:
        """What we charge for paying this biller by this instrument."""
        names = self.rules().instruments.get(instrument, (instrument,))
        priced_connector = next(
            (connector for connector in map(self.connectors.by_id, names) if connector is not None), None
        )
        if priced_connector is None:
            raise typer.BadParameter(f"there is no instrument {instrument}")
        biller = self.billers.by_id(biller_id)
        if biller is None and biller_id:
            raise typer.BadParameter(f"there is no biller {biller_id}")
        payees = frozenset() if biller is None else frozenset({biller_id, biller.profile.category})
        table = read_fee_table(self.settings.config / "fees.toml")
        return table.price(payees, priced_connector.profile.instrument, amount, business_date(at))


# ---- rehearsing


@dataclass(slots=True)
class RehearsalSummary:
    """What a draft would have changed; `gain` in millionths of a paisa, by who was and who would be asked."""

    count: int = 0
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    gains: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: list[tuple[StoredDecision, Rehearsal]] = field(default_factory=list)

    def add(self, decided: StoredDecision, rehearsed: Rehearsal) -> None:
        """Add one more decision."""
        self.count += 1
        if not rehearsed.differs:
            return
        pair = (_name(rehearsed.before), _name(rehearsed.after))
        self.changed[pair] += 1
        self.gains[pair] += rehearsed.gain
        if len(self.first) < _SHOWN_MAX:
            self.first.append((decided, rehearsed))

    def for_programs(self) -> dict[str, object]:
        """The same as JSON; gains in whole paisa, rounded down."""
        return {
            "tries": self.count,
            "elsewhere": self.changed.total(),
            "gain_paisa": self.gains.total() // PPM,
            "moved": [
                {
                    "was": was,
                    "would_be": would_be,
                    "tries": number,
                    "gain_paisa": self.gains[was, would_be] // PPM,
                }
                for (was, would_be), number in sorted(self.changed.items())
            ],
            "first": [
                {
                    "payment_id": decided.payment_id,
                    "at": decided.at,
                    "was": _name(rehearsed.before),
                    "would_be": _name(rehearsed.after),
                    "why": _why(rehearsed),
                }
                for decided, rehearsed in self.first
            ],
        }


async def _rehearse_all(
    engine: AsyncEngine,
    draft: RoutingRules,
    candidates: Sequence[Candidate],
    *,
    since: datetime,
    until: datetime,
) -> RehearsalSummary:
    summary, total = RehearsalSummary(), await count_decisions(engine, since, until)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    decisions: AsyncIterator[StoredDecision] = read_decisions(engine, since, until)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("deciding again", total=total)
        async for decided in decisions:
            summary.add(decided, rehearse(decided.decision, draft, candidates))
            bar.advance(task)
    return summary


def _show(summary: RehearsalSummary, draft: RoutingRules) -> None:
    elsewhere = summary.changed.total()
    screen().print(
        f"{summary.count} tries decided again by {draft.version}: {elsewhere} would have gone elsewhere, "
        f"for {taka(summary.gains.total() // PPM)} taka of expected value."
    )
    if not elsewhere:
        return
    rows = (
        (was, would_be, str(number), taka(summary.gains[was, would_be] // PPM))
        for (was, would_be), number in sorted(summary.changed.items())
    )
    show_table("Elsewhere", ("was", "would be", ">tries", ">expected value"), rows)
    lines = (
        (
            dhaka(decided.at),
            str(decided.payment_id),
            _name(rehearsed.before),
            _name(rehearsed.after),
            _why(rehearsed),
        )
        for decided, rehearsed in summary.first
    )
    headings = ("decided (Dhaka)", "payment", "was", "would be", "why not as before")
    show_table(f"The first {len(summary.first)}", headings, lines)


def _name(decision: Decision) -> str:
    return decision.chosen_connector or "nobody"


def _why(rehearsed: Rehearsal) -> str:
    """Why the connector of then would not be chosen by the draft."""
    if rehearsed.before.chosen_connector is None:
        return "nobody was left then"
    verdict = rehearsed.after.verdict_on(rehearsed.before.chosen_connector)
    if verdict.why is not None:
        return exclusion_wording(verdict)
    return f"goes behind: chosen {APPROACH_WORDING[rehearsed.after.approach]}"
