"""A routing decision in words."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ekpay_switch.cli.terminal import dhaka, taka
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import Approach, CandidateVerdict, Decision, Exclusion

APPROACH_WORDING: Mapping[Approach, str] = MappingProxyType(
    {
        Approach.NAMED: "the caller named it",
        Approach.LAST: "nobody else was left",
        Approach.SPLIT: "by its share of the volume",
        Approach.EXPLORED: "to keep its record fresh",
        Approach.SCORED: "by the best score",
        Approach.NO_CONNECTOR: "nobody was left",
    }
)
EXCLUSION_WORDING: Mapping[Exclusion, str] = MappingProxyType(
    {
        Exclusion.INSTRUMENT: "stands for another instrument",
        Exclusion.DISABLED: "is not active",
        Exclusion.TRIED: "was asked a moment ago, in vain",
        Exclusion.LIMITS: "takes {least} to {most}",
        Exclusion.CHARGE: "would charge the payer {charge}",
        Exclusion.HEADROOM: "has taken {used} today, and its cap leaves too little",
        Exclusion.CALENDAR: "is down for maintenance",
        Exclusion.BREAKER: "has an open breaker",
        Exclusion.PROBED: "is half open, and another payment was let through",
        Exclusion.RULE: "is left out by the rule {by}",
    }
)
BREAKER_WORDING: Mapping[BreakerState, str] = MappingProxyType(
    {
        BreakerState.CLOSED: "closed",
        BreakerState.OPEN: "open: no payment goes",
        BreakerState.HALF_OPEN: "half open: one payment at a time",
    }
)
HEADINGS = ("connector", ">record", ">p", ">charge", ">margin", ">score", "verdict")


def heading_of(decision: Decision) -> str:
    """What was asked for and who was chosen, in a line."""
    chosen = decision.chosen_connector or "nobody"
    return f"{decision.request.instrument}: {chosen}, {APPROACH_WORDING[decision.approach]}"


def rows_of(decision: Decision) -> Iterator[Sequence[str]]:
    """A row for each candidate, those that could be asked first, as HEADINGS say; amounts in taka."""
    place = {name: number for number, name in enumerate(decision.ranking, 1)}
    last = len(place) + 1
    verdicts = sorted(decision.verdicts, key=lambda verdict: place.get(verdict.connector_id, last))
    for verdict in verdicts:
        name, number = verdict.connector_id, place.get(verdict.connector_id)
        words = (
            exclusion_wording(verdict) if number is None else "chosen" if number == 1 else f"number {number}"
        )
        weighed = _weights(verdict) if verdict.why is not Exclusion.INSTRUMENT else [""] * 5
        yield (name, *weighed, words)


def exclusion_wording(verdict: CandidateVerdict) -> str:
    """Why a connector was left out."""
    assert verdict.why is not None, "the caller looked"
    candidate = verdict.candidate
    return EXCLUSION_WORDING[verdict.why].format(
        least=taka(candidate.amount_min.minor),
        most=taka(candidate.amount_max.minor),
        charge=taka(verdict.charge),
        used=taka(candidate.used_today.minor),
        by=verdict.rule,
    )


def decision_lines(decision: Decision) -> Iterator[str]:
    """One decision, a line of the terminal at a time."""
    yield heading_of(decision)
    rules = f", {', '.join(decision.rules)}" if decision.rules else ""
    yield f"  decided at {dhaka(decision.request.at)} by the rules {decision.version}{rules}"
    other_instruments = 0
    for name, record, p, _, _, score, words in rows_of(decision):
        if record:
            yield f"  {name}: {words} ({record} worked, p {p}, score {score})"
        else:
            other_instruments += 1
    if other_instruments:
        yield f"  {other_instruments} others stand for another instrument"


def percent(ppm: int) -> str:
    """Parts per million as a percentage with two decimals, cut off."""
    return f"{ppm // 10_000}.{ppm % 10_000 // 100:02d} %"


def _weights(verdict: CandidateVerdict) -> list[str]:
    candidate = verdict.candidate
    return [
        f"{candidate.successes} of {candidate.outcomes}",
        percent(verdict.p),
        taka(verdict.charge),
        taka(verdict.margin),
        taka(verdict.score // 1_000_000),
    ]
