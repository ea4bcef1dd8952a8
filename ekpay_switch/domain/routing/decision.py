"""Which connector collects a payment, and why: filter → rules → volume split → score.

`decide` is pure. It takes what is known as candidates and chance as two numbers made of the attempt's id, and
gives a reason for each connector that was not chosen, so that a decision can be read and repeated years later
from its stored record (docs/adr/0038).
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
    """Why a connector may not be asked, in the order of checking."""

    INSTRUMENT = "instrument"  # it does not serve the requested instrument
    DISABLED = "disabled"  # its manifest says that it is not active
    TRIED = "tried"  # it was just tried for this payment without success
    LIMITS = "limits"  # the amount is outside its limits
    CHARGE = "charge"  # the sums are frozen, and its charge to the payer differs
    HEADROOM = "headroom"  # its daily cap is used up
    CALENDAR = "calendar"  # it is down for maintenance
    BREAKER = "breaker"  # its breaker is open
    PROBED = "probed"  # its breaker is half open, and another payment was let through
    RULE = "rule"  # a routing rule excludes it


class Approach(StrEnum):
    """How the connector was chosen."""

    NAMED = "named"  # the caller named it
    LAST = "last"  # it was the only one left
    SPLIT = "split"  # by its share of the volume
    EXPLORED = "explored"  # to keep its record fresh
    SCORED = "scored"  # by the best score
    NO_CONNECTOR = "nobody"  # no connector was left


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of one connector, at most a second old.

    `instrument` is its own kind: card, wallet, account. `successes` of `outcomes` are its record within the
    window; `used_today` is what it has collected or been asked for in this Dhaka day, counted only where it
    has a daily cap. `is_probed`: its half-open breaker has let a payment through.
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


class CandidateVerdict(NamedTuple):
    """The verdict on one candidate; amounts in paisa, `p` in parts per million, `score` is p times margin.

    `rule` names the rule that excluded it. Nothing is worked out for a candidate of another instrument.
    """

    connector_id: str
    candidate: Candidate
    why: Exclusion | None
    rule: str = ""
    charge: int = 0
    p: int = 0
    margin: int = 0
    score: int = 0


class Draw(NamedTuple):
    """Two random numbers from 0 to 999,999: whether to explore, and the place among shares or others."""

    explore: int
    place: int


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision with everything that led to it.

    `ranking` are the connectors that could be asked, the chosen one first; `rules` are those that applied, in
    order.
    """

    request: RouteRequest
    version: str
    draw: Draw
    approach: Approach
    ranking: tuple[str, ...]
    rules: tuple[str, ...]
    verdicts: tuple[CandidateVerdict, ...]

    @property
    def chosen_connector(self) -> str | None:
        """The connector to ask, or None where none was left."""
        return self.ranking[0] if self.ranking else None

    def reasons(self) -> Mapping[str, Exclusion | None]:
        """Why each candidate was excluded, None for those that were not."""
        return {verdict.connector_id: verdict.why for verdict in self.verdicts}

    def verdict_on(self, connector_id: str) -> CandidateVerdict:
        """The verdict on a candidate.

        Raises:
            KeyError: it was no candidate.
        """
        return {verdict.connector_id: verdict for verdict in self.verdicts}[connector_id]


_SCORE = attrgetter("score")


def draw_of(attempt_id: UUID) -> Draw:
    """The draw of an attempt: always the same, and not for a caller to choose."""
    digest = hashlib.sha256(b"routing" + attempt_id.bytes).digest()
    return Draw(int.from_bytes(digest[:8]) % PPM, int.from_bytes(digest[8:16]) % PPM)


def decide(
    request: RouteRequest, candidates: Sequence[Candidate], rules: RoutingRules, draw: Draw
) -> Decision:
    """Choose one of the candidates, or none; the same inputs give the same decision.

    The order of the instrument's connectors in the rules breaks ties. A connector that the caller names is
    taken as it is: no rule, share or score applies, and where it may not be asked none is.
    """
    names = rules.instruments.get(request.instrument)
    verdicts = _verdicts(candidates, names or (request.instrument,), request, rules)
    remaining = [verdict for verdict in verdicts if verdict.why is None]
    if names is None:
        approach, ranking = (Approach.NAMED if remaining else Approach.NO_CONNECTOR), remaining
        return _decision(
            request, rules, draw, approach=approach, ranking=ranking, matching_rules=(), verdicts=verdicts
        )
    moment = Moment.of(request.at)
    matching_rules = tuple(rule for rule in rules.rules if rule.condition.holds(request, moment))
    excluded = _exclusions_by_rule(matching_rules, remaining)
    if excluded:
        verdicts = [_with_rule(verdict, excluded) for verdict in verdicts]
        remaining = [verdict for verdict in verdicts if verdict.why is None]
    tiers = _rank_in_tiers(remaining, matching_rules)
    approach, ranking = _choose(tiers, matching_rules, rules, draw)
    return _decision(
        request,
        rules,
        draw,
        approach=approach,
        ranking=ranking,
        matching_rules=matching_rules,
        verdicts=verdicts,
    )


def weigh(candidate: Candidate, request: RouteRequest, rules: RoutingRules) -> CandidateVerdict:
    """The verdict on one candidate before any routing rule is applied."""
    return _verdicts((candidate,), (candidate.connector_id,), request, rules)[0]


# ---- filter


class _Prices(dict[tuple[int, int], tuple[int, int, int]]):
    """The charge, the payer's total and the margin for a connector's terms, in paisa.

    Worked out once for all connectors with the same terms, to keep decisions fast.
    """

    def __init__(self, request: RouteRequest, rules: RoutingRules) -> None:
        super().__init__()
        self._billed, fee = request.billed.minor, request.fee.minor
        self._subtotal = self._billed + fee + request.vat.minor
        self._success_value = fee + rules.failure_cost.of(request.billed)

    def __missing__(self, terms: tuple[int, int]) -> tuple[int, int, int]:
        charged_basis_points, kept_basis_points = terms
        charge = percent_half_up(self._billed, charged_basis_points)
        total = self._subtotal + charge
        margin = max(self._success_value + charge - percent_half_up(total, kept_basis_points), MARGIN_MIN)
        self[terms] = price = (charge, total, margin)
        return price


def _verdicts(
    candidates: Sequence[Candidate], names: Sequence[str], request: RouteRequest, rules: RoutingRules
) -> list[CandidateVerdict]:
    """One verdict on each candidate: those of the instrument in its order, then the others."""
    known = {candidate.connector_id: candidate for candidate in candidates}
    outcomes_min, unknown_percent = rules.record.outcomes_min, rules.record.unknown_percent
    prices, to_check = _Prices(request, rules), _connectors_to_check(names, request, rules)
    closed = BreakerState.CLOSED
    verdicts = []
    for name in names:
        candidate = known.pop(name, None)
        if candidate is None:
            continue
        charge, total, margin = prices[candidate.payer_charge_basis_points, candidate.charge_basis_points]
        p = estimate(candidate.successes, candidate.outcomes, outcomes_min, unknown_percent)
        why = None
        is_usual = candidate.is_enabled and candidate.breaker is closed and name not in to_check
        if not is_usual or not candidate.amount_min.minor <= total <= candidate.amount_max.minor:
            why = _exclusion_by_payment(candidate, request, charge, total)
            why = why or _exclusion_by_moment(candidate, request, rules, total)
        verdicts.append(CandidateVerdict(name, candidate, why, "", charge, p, margin, p * margin))
    return verdicts + [
        CandidateVerdict(name, unsuited, Exclusion.INSTRUMENT) for name, unsuited in known.items()
    ]


def _connectors_to_check(
    names: Sequence[str], request: RouteRequest, rules: RoutingRules
) -> AbstractSet[str]:
    """The connectors that need all checks, since something is unusual; all where sums are frozen."""
    if request.charge is not None:
        return frozenset(names)
    return request.tried | request.probed | rules.calendar.keys() | rules.daily_caps.keys()


def _exclusion_by_payment(
    candidate: Candidate, request: RouteRequest, charge: int, total: int
) -> Exclusion | None:
    """Why this connector cannot take this payment."""
    if not candidate.is_enabled:
        return Exclusion.DISABLED
    if candidate.connector_id in request.tried:
        return Exclusion.TRIED
    if not candidate.amount_min.minor <= total <= candidate.amount_max.minor:
        return Exclusion.LIMITS
    is_other_charge = request.charge is not None and charge != request.charge.minor
    return Exclusion.CHARGE if is_other_charge else None


def _exclusion_by_moment(
    candidate: Candidate, request: RouteRequest, rules: RoutingRules, total: int
) -> Exclusion | None:
    """Why this connector takes no payments at this moment."""
    cap = rules.daily_caps.get(candidate.connector_id)
    if cap is not None and candidate.used_today.minor + total > cap.minor:
        return Exclusion.HEADROOM
    moment, windows = Moment.of(request.at), rules.calendar.get(candidate.connector_id, ())
    if any(window.covers(moment) for window in windows):
        return Exclusion.CALENDAR
    if candidate.breaker is BreakerState.OPEN:
        return Exclusion.BREAKER
    has_probe = candidate.breaker is BreakerState.HALF_OPEN and candidate.is_probed
    is_probed = has_probe or candidate.connector_id in request.probed
    return Exclusion.PROBED if is_probed else None


# ---- rules


def _exclusions_by_rule(
    matching_rules: Sequence[Rule], remaining: Sequence[CandidateVerdict]
) -> dict[str, str]:
    """The connectors that a rule excludes, with the name of the first such rule."""
    excluded: dict[str, str] = {}
    for rule in matching_rules:
        if rule.action in {Action.ONLY, Action.EXCLUDE}:
            is_only = rule.action is Action.ONLY
            for verdict in remaining:
                name = verdict.connector_id
                if (name in rule.connectors) is not is_only:
                    excluded.setdefault(name, rule.name)
    return excluded


def _with_rule(verdict: CandidateVerdict, excluded: Mapping[str, str]) -> CandidateVerdict:
    by = excluded.get(verdict.connector_id)
    return verdict if by is None else verdict._replace(why=Exclusion.RULE, rule=by)


def _rank_in_tiers(
    remaining: list[CandidateVerdict], matching_rules: Sequence[Rule]
) -> list[list[CandidateVerdict]]:
    """The remaining candidates in tiers, the best first: an earlier `prefer` rule outranks a later one."""
    tiers = [remaining]
    for rule in matching_rules:
        if rule.action is Action.PREFER:
            tiers = [
                [verdict for verdict in tier if (verdict.connector_id in rule.connectors) is is_preferred]
                for tier in tiers
                for is_preferred in (True, False)
            ]
    # The sort is stable: equal scores keep their order.
    return [sorted(tier, key=_SCORE, reverse=True) for tier in tiers if tier]


# ---- split, score


def _choose(
    tiers: list[list[CandidateVerdict]], matching_rules: Sequence[Rule], rules: RoutingRules, draw: Draw
) -> tuple[Approach, list[CandidateVerdict]]:
    """The approach, and all remaining candidates with the chosen one first."""
    ranking = [verdict for tier in tiers for verdict in tier]
    if len(ranking) < 2:  # noqa: PLR2004 - nothing to choose between
        return (Approach.LAST if ranking else Approach.NO_CONNECTOR), ranking
    by_share = _pick_by_share(ranking, matching_rules, draw.place)
    if by_share is not None:
        return Approach.SPLIT, _put_first(by_share, ranking)
    if draw.explore < rules.record.exploration_ppm:
        # Exploration never makes the payer pay more.
        alternatives = [verdict for verdict in tiers[0][1:] if verdict.charge <= ranking[0].charge]
        if alternatives:
            return Approach.EXPLORED, _put_first(alternatives[draw.place * len(alternatives) // PPM], ranking)
    return Approach.SCORED, ranking


def _pick_by_share(
    ranking: Sequence[CandidateVerdict], matching_rules: Sequence[Rule], place: int
) -> CandidateVerdict | None:
    """The candidate whose share of the first split contains this place; None without a split or its members.

    The shares of the remaining candidates are scaled to the whole, so that an excluded one leaves its share
    to the others in proportion.
    """
    split = next((rule for rule in matching_rules if rule.action is Action.SPLIT), None)
    if split is None:
        return None
    known = {verdict.connector_id: verdict for verdict in ranking}
    shares = [(name, percent) for name, percent in split.shares if name in known]
    point = place * sum(percent for _, percent in shares) // PPM
    for name, percent in shares:
        if point < percent:
            return known[name]
        point -= percent
    return None


def _put_first(chosen: CandidateVerdict, ranking: Sequence[CandidateVerdict]) -> list[CandidateVerdict]:
    return [chosen, *(verdict for verdict in ranking if verdict is not chosen)]


def _decision(
    request: RouteRequest,
    rules: RoutingRules,
    draw: Draw,
    *,
    approach: Approach,
    ranking: Sequence[CandidateVerdict],
    matching_rules: Sequence[Rule],
    verdicts: Sequence[CandidateVerdict],
) -> Decision:
    return Decision(
        request=request,
        version=rules.version,
        draw=draw,
        approach=approach,
        ranking=tuple([verdict.connector_id for verdict in ranking]),
        rules=tuple(rule.name for rule in matching_rules),
        verdicts=tuple(verdicts),
    )
