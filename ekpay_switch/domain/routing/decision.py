"""Which connector is asked for a payer's money, and why: filter → rules → volume split → score.

`decide` is pure. What is known comes in as candidates, chance as two numbers made of the attempt's id, and
every connector that was not chosen leaves with its reason, so that a decision can be read and repeated years
later from its own record (docs/adr/0038).
"""

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from ekpay_switch.domain.money import ZERO, Money, percent_half_up
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.rules import PPM, Action, Moment, RouteRequest, RoutingRules, Rule
from ekpay_switch.domain.routing.score import MARGIN_MIN, estimate


class Exclusion(StrEnum):
    """Why a connector was not to be asked, in the order in which it is looked for."""

    INSTRUMENT = "instrument"  # it does not stand for the instrument that was asked for
    DISABLED = "disabled"  # its manifest says that it is not active
    TRIED = "tried"  # it was asked a moment ago, and nothing came of it
    LIMITS = "limits"  # it does not take such an amount
    CHARGE = "charge"  # the sums are frozen, and it would charge the payer something else
    HEADROOM = "headroom"  # it has taken what it may take today
    CALENDAR = "calendar"  # it is down for maintenance
    BREAKER = "breaker"  # its breaker is open
    PROBED = "probed"  # its breaker is half open, and another payment was let through
    RULE = "rule"  # a rule says so


class Approach(StrEnum):
    """How the chosen one was chosen."""

    NAMED = "named"  # the caller named it
    LAST = "last"  # nobody else was left
    SPLIT = "split"  # by its share of the volume
    EXPLORED = "explored"  # to keep its record fresh
    SCORED = "scored"  # by the best score
    NOBODY = "nobody"  # nobody was left


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of one connector, at most a second old.

    `instrument` is its own kind: card, wallet, account. `successes` of `outcomes` are its record for it
    within the window; `used_today` is what it has taken or been asked for in this Dhaka day, counted only
    where a cap stands. `is_probed` says of a half-open one that it has just let a payment through.
    """

    connector_id: str
    instrument: str
    is_enabled: bool
    amount_min: Money
    amount_max: Money
    charge_basis_points: int
    payer_charge_basis_points: int
    successes: int = 0
    outcomes: int = 0
    breaker: BreakerState = BreakerState.CLOSED
    is_probed: bool = False
    used_today: Money = ZERO


class Verdict(NamedTuple):
    """What was made of one candidate; amounts in paisa, `p` in parts per million, `score` is p times margin.

    `by` names the rule that excluded it. Of one that is none of the instrument's nothing was worked out.
    """

    connector_id: str
    candidate: Candidate
    why: Exclusion | None
    by: str = ""
    charge: int = 0
    p: int = 0
    margin: int = 0
    score: int = 0


class Draw(NamedTuple):
    """Two numbers from 0 to 999,999: whether to explore, and the place within shares or among the others."""

    explore: int
    place: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision with everything that led to it.

    `ranking` are those who could be asked, the chosen one first; `rules` are those that held, in order.
    """

    request: RouteRequest
    version: str
    draw: Draw
    approach: Approach
    ranking: tuple[str, ...]
    rules: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def chosen(self) -> str | None:
        """The connector to ask, or None where nobody was left."""
        return self.ranking[0] if self.ranking else None

    def reasons(self) -> Mapping[str, Exclusion | None]:
        """Why each candidate was left out, None for those who were not."""
        return {one.connector_id: one.why for one in self.verdicts}

    def verdict_on(self, connector_id: str) -> Verdict:
        """What was made of a candidate.

        Raises:
            KeyError: it was none.
        """
        return {one.connector_id: one for one in self.verdicts}[connector_id]


_SCORE = attrgetter("score")


def draw_of(attempt_id: UUID) -> Draw:
    """The luck of an attempt: the same for ever, and nothing that a caller could choose."""
    digest = hashlib.sha256(b"routing" + attempt_id.bytes).digest()
    return Draw(int.from_bytes(digest[:8]) % PPM, int.from_bytes(digest[8:16]) % PPM)


def decide(
    request: RouteRequest, candidates: Sequence[Candidate], rules: RoutingRules, draw: Draw
) -> Decision:
    """Choose one of the candidates, or nobody; the same inputs give the same decision.

    The order of the instrument's connectors in the rules breaks ties. Whoever names a connector has chosen
    it: where it may not be asked nobody is, and no rule, share or score has a say.
    """
    names = rules.instruments.get(request.instrument)
    verdicts = _verdicts(candidates, names or (request.instrument,), request, rules)
    left = [one for one in verdicts if one.why is None]
    if names is None:
        choice = (Approach.NAMED, left) if left else (Approach.NOBODY, left)
        return _decided(request, rules, draw, choice, (), verdicts)
    moment = Moment.of(request.at)
    held = tuple(rule for rule in rules.rules if rule.condition.holds(request, moment))
    excluded = _excluded_by(held, left)
    if excluded:
        verdicts = [_as_ruled(one, excluded) for one in verdicts]
        left = [one for one in verdicts if one.why is None]
    choice = _choose(_ranked(left, held), held, rules, draw)
    return _decided(request, rules, draw, choice, held, verdicts)


def weigh(candidate: Candidate, request: RouteRequest, rules: RoutingRules) -> Verdict:
    """What one candidate is worth and why it is left out, before any rule."""
    return _verdicts((candidate,), (candidate.connector_id,), request, rules)[0]


# ---- filter


class _Prices(dict[tuple[int, int], tuple[int, int, int]]):
    """The charge, the payer's total and the margin by what a connector charges and keeps, in paisa.

    Worked out once for all connectors with the same terms: a decision has to be quick.
    """

    def __init__(self, request: RouteRequest, rules: RoutingRules) -> None:
        super().__init__()
        self._billed, fee = request.billed.minor, request.fee.minor
        self._asked = self._billed + fee + request.vat.minor
        self._worth = fee + rules.failure_cost.of(request.billed)

    def __missing__(self, terms: tuple[int, int]) -> tuple[int, int, int]:
        charged_basis_points, kept_basis_points = terms
        charge = percent_half_up(self._billed, charged_basis_points)
        total = self._asked + charge
        margin = max(self._worth + charge - percent_half_up(total, kept_basis_points), MARGIN_MIN)
        self[terms] = price = (charge, total, margin)
        return price


def _verdicts(
    candidates: Sequence[Candidate], names: Sequence[str], request: RouteRequest, rules: RoutingRules
) -> list[Verdict]:
    """One on each candidate: those of the instrument in its order, then the others."""
    known = {candidate.connector_id: candidate for candidate in candidates}
    outcomes_min, unknown_percent = rules.record.outcomes_min, rules.record.unknown_percent
    prices, marked, closed = _Prices(request, rules), _marked(names, request, rules), BreakerState.CLOSED
    verdicts = []
    for name in names:
        candidate = known.pop(name, None)
        if candidate is None:
            continue
        charge, total, margin = prices[candidate.payer_charge_basis_points, candidate.charge_basis_points]
        p = estimate(candidate.successes, candidate.outcomes, outcomes_min, unknown_percent)
        why = None
        is_usual = candidate.is_enabled and candidate.breaker is closed and name not in marked
        if not is_usual or not candidate.amount_min.minor <= total <= candidate.amount_max.minor:
            why = _unfit(candidate, request, charge, total) or _away(candidate, request, rules, total)
        verdicts.append(Verdict(name, candidate, why, "", charge, p, margin, p * margin))
    return verdicts + [Verdict(name, one, Exclusion.INSTRUMENT) for name, one in known.items()]


def _marked(names: Sequence[str], request: RouteRequest, rules: RoutingRules) -> AbstractSet[str]:
    """Those that something may exclude which few connectors have; frozen sums are everybody's matter."""
    if request.charge is not None:
        return frozenset(names)
    return request.tried | request.probed | rules.calendar.keys() | rules.daily_caps.keys()


def _unfit(candidate: Candidate, request: RouteRequest, charge: int, total: int) -> Exclusion | None:
    """Why this connector is none for this payment."""
    if not candidate.is_enabled:
        return Exclusion.DISABLED
    if candidate.connector_id in request.tried:
        return Exclusion.TRIED
    if not candidate.amount_min.minor <= total <= candidate.amount_max.minor:
        return Exclusion.LIMITS
    is_other = request.charge is not None and charge != request.charge.minor
    return Exclusion.CHARGE if is_other else None


def _away(candidate: Candidate, request: RouteRequest, rules: RoutingRules, total: int) -> Exclusion | None:
    """Why this connector takes nothing at this moment."""
    cap = rules.daily_caps.get(candidate.connector_id)
    if cap is not None and candidate.used_today.minor + total > cap.minor:
        return Exclusion.HEADROOM
    moment, windows = Moment.of(request.at), rules.calendar.get(candidate.connector_id, ())
    if any(window.covers(moment) for window in windows):
        return Exclusion.CALENDAR
    if candidate.breaker is BreakerState.OPEN:
        return Exclusion.BREAKER
    is_taken = candidate.breaker is BreakerState.HALF_OPEN and candidate.is_probed
    is_probed = is_taken or candidate.connector_id in request.probed
    return Exclusion.PROBED if is_probed else None


# ---- rules


def _excluded_by(held: Sequence[Rule], left: Sequence[Verdict]) -> dict[str, str]:
    """The connectors that a rule takes out, with its name; the first one that does is the reason."""
    excluded: dict[str, str] = {}
    for rule in held:
        if rule.action in {Action.ONLY, Action.EXCLUDE}:
            is_kept = rule.action is Action.ONLY
            for one in left:
                name = one.connector_id
                if (name in rule.connectors) is not is_kept:
                    excluded.setdefault(name, rule.name)
    return excluded


def _as_ruled(verdict: Verdict, excluded: Mapping[str, str]) -> Verdict:
    by = excluded.get(verdict.connector_id)
    return verdict if by is None else verdict._replace(why=Exclusion.RULE, by=by)


def _ranked(left: list[Verdict], held: Sequence[Rule]) -> list[list[Verdict]]:
    """Those who are left, the best first, in tiers: an earlier `prefer` rule goes before a later one."""
    tiers = [left]
    for rule in held:
        if rule.action is Action.PREFER:
            tiers = [
                [one for one in tier if (one.connector_id in rule.connectors) is is_preferred]
                for tier in tiers
                for is_preferred in (True, False)
            ]
    # Of equal scores the earlier one stays in front.
    return [sorted(tier, key=_SCORE, reverse=True) for tier in tiers if tier]


# ---- split, score


def _choose(
    tiers: list[list[Verdict]], held: Sequence[Rule], rules: RoutingRules, draw: Draw
) -> tuple[Approach, list[Verdict]]:
    """How, and who: all that are left, the chosen one first."""
    ranking = [one for tier in tiers for one in tier]
    if len(ranking) < 2:  # noqa: PLR2004 - nothing to choose between
        return (Approach.LAST if ranking else Approach.NOBODY), ranking
    by_share = _by_share(ranking, held, draw.place)
    if by_share is not None:
        return Approach.SPLIT, _first(by_share, ranking)
    if draw.explore < rules.record.exploration_ppm:
        # Nobody pays more so that we learn something.
        others = [one for one in tiers[0][1:] if one.charge <= ranking[0].charge]
        if others:
            return Approach.EXPLORED, _first(others[draw.place * len(others) // PPM], ranking)
    return Approach.SCORED, ranking


def _by_share(ranking: Sequence[Verdict], held: Sequence[Rule], place: int) -> Verdict | None:
    """Whose share of the first split this place falls into, None where there is no split or nobody of it.

    The shares of those who are left are stretched over the whole, so that one that is away leaves its part
    to the others as they stand to each other.
    """
    split = next((rule for rule in held if rule.action is Action.SPLIT), None)
    if split is None:
        return None
    known = {one.connector_id: one for one in ranking}
    shares = [(name, percent) for name, percent in split.shares if name in known]
    point = place * sum(percent for _, percent in shares) // PPM
    for name, percent in shares:
        if point < percent:
            return known[name]
        point -= percent
    return None


def _first(chosen: Verdict, ranking: Sequence[Verdict]) -> list[Verdict]:
    return [chosen, *(one for one in ranking if one is not chosen)]


def _decided(
    request: RouteRequest,
    rules: RoutingRules,
    draw: Draw,
    choice: tuple[Approach, Sequence[Verdict]],
    held: Sequence[Rule],
    verdicts: Sequence[Verdict],
) -> Decision:
    approach, ranking = choice
    return Decision(
        request=request,
        version=rules.version,
        draw=draw,
        approach=approach,
        ranking=tuple([one.connector_id for one in ranking]),
        rules=tuple(rule.name for rule in held),
        verdicts=tuple(verdicts),
    )
