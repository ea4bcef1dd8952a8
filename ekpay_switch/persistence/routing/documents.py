"""A routing decision as the JSON that is kept of it, and read again.

Instants are RFC 3339 in UTC, amounts whole paisa, p parts per million. Whoever changes a name here keeps
reading the old one: decisions are kept for ever.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import Approach, Candidate, Decision, Draw, Exclusion, Verdict
from ekpay_switch.domain.routing.rules import RouteRequest

Document = Mapping[str, Any]


def as_document(decision: Decision) -> dict[str, object]:
    """Everything that led to the decision."""
    return {
        "version": decision.version,
        "request": _request(decision.request),
        "draw": decision.draw._asdict(),
        "approach": decision.approach.value,
        "ranking": decision.ranking,
        "rules": decision.rules,
        "verdicts": [_verdict(verdict) for verdict in decision.verdicts],
    }


def decision_of(document: Document) -> Decision:
    """The decision that was kept."""
    currency = document["request"]["currency"]
    return Decision(
        request=_request_of(document["request"]),
        version=document["version"],
        draw=Draw(**document["draw"]),
        approach=Approach(document["approach"]),
        ranking=tuple(document["ranking"]),
        rules=tuple(document["rules"]),
        verdicts=tuple(_verdict_of(verdict, currency) for verdict in document["verdicts"]),
    )


def _request(request: RouteRequest) -> dict[str, object]:
    return {
        "instrument": request.instrument,
        "currency": request.billed.currency,
        "billed": request.billed.minor,
        "fee": request.fee.minor,
        "vat": request.vat.minor,
        "biller_id": request.biller_id,
        "partner_id": request.partner_id,
        "at": request.at.astimezone(UTC).isoformat(),
        "charge": None if request.charge is None else request.charge.minor,
        "tried": sorted(request.tried),
        "probed": sorted(request.probed),
    }


def _request_of(told: Document) -> RouteRequest:
    currency, charge = told["currency"], told["charge"]
    return RouteRequest(
        instrument=told["instrument"],
        billed=Money(told["billed"], currency),
        fee=Money(told["fee"], currency),
        vat=Money(told["vat"], currency),
        biller_id=told["biller_id"],
        partner_id=told["partner_id"],
        at=datetime.fromisoformat(told["at"]),
        charge=None if charge is None else Money(charge, currency),
        tried=frozenset(told["tried"]),
        probed=frozenset(told["probed"]),
    )


def _verdict(verdict: Verdict) -> dict[str, object]:
    candidate = verdict.candidate
    return {
        "connector_id": candidate.connector_id,
        "why": verdict.why,
        "by": verdict.by,
        "charge": verdict.charge,
        "p": verdict.p,
        "margin": verdict.margin,
        "score": verdict.score,
        "instrument": candidate.instrument,
        "is_enabled": candidate.is_enabled,
        "amount_min": candidate.amount_min.minor,
        "amount_max": candidate.amount_max.minor,
        "charge_basis_points": candidate.charge_basis_points,
        "payer_charge_basis_points": candidate.payer_charge_basis_points,
        "successes": candidate.successes,
        "outcomes": candidate.outcomes,
        "breaker": candidate.breaker,
        "is_probed": candidate.is_probed,
        "used_today": candidate.used_today.minor,
    }


def _verdict_of(told: Document, currency: str) -> Verdict:
    candidate = Candidate(
        connector_id=told["connector_id"],
        instrument=told["instrument"],
        is_enabled=told["is_enabled"],
        amount_min=Money(told["amount_min"], currency),
        amount_max=Money(told["amount_max"], currency),
        charge_basis_points=told["charge_basis_points"],
        payer_charge_basis_points=told["payer_charge_basis_points"],
        successes=told["successes"],
        outcomes=told["outcomes"],
        breaker=BreakerState(told["breaker"]),
        is_probed=told["is_probed"],
        used_today=Money(told["used_today"], currency),
    )
    why = None if told["why"] is None else Exclusion(told["why"])
    figures = (told["charge"], told["p"], told["margin"], told["score"])
    return Verdict(candidate.connector_id, candidate, why, told["by"], *figures)
