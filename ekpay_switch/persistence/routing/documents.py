"""A routing decision as JSON, written and read.

Instants are RFC 3339 in UTC, amounts whole paisa, p parts per million. Decisions are kept for ever, so a name
that changes here must still be read under its old form.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.domain.routing.decision import (
    Approach,
    Candidate,
    CandidateVerdict,
    Decision,
    Draw,
    Exclusion,
)
from ekpay_switch.domain.routing.rules import RouteRequest

Document = Mapping[str, Any]


def as_document(decision: Decision) -> dict[str, object]:
    """The decision with everything that led to it, as JSON."""
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
    """The decision of a stored document."""
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


def _request_of(document: Document) -> RouteRequest:
    currency, charge = document["currency"], document["charge"]
    return RouteRequest(
        instrument=document["instrument"],
        billed=Money(document["billed"], currency),
        fee=Money(document["fee"], currency),
        vat=Money(document["vat"], currency),
        biller_id=document["biller_id"],
        partner_id=document["partner_id"],
        at=datetime.fromisoformat(document["at"]),
        charge=None if charge is None else Money(charge, currency),
        tried=frozenset(document["tried"]),
        probed=frozenset(document["probed"]),
    )


def _verdict(verdict: CandidateVerdict) -> dict[str, object]:
    candidate = verdict.candidate
    return {
        "connector_id": candidate.connector_id,
        "why": verdict.why,
        "by": verdict.rule,
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


def _verdict_of(document: Document, currency: str) -> CandidateVerdict:
    candidate = Candidate(
        connector_id=document["connector_id"],
        instrument=document["instrument"],
        is_enabled=document["is_enabled"],
        amount_min=Money(document["amount_min"], currency),
        amount_max=Money(document["amount_max"], currency),
        charge_basis_points=document["charge_basis_points"],
        payer_charge_basis_points=document["payer_charge_basis_points"],
        successes=document["successes"],
        outcomes=document["outcomes"],
        breaker=BreakerState(document["breaker"]),
        is_probed=document["is_probed"],
        used_today=Money(document["used_today"], currency),
    )
    why = None if document["why"] is None else Exclusion(document["why"])
    return CandidateVerdict(
        candidate.connector_id, candidate, why, document["by"], document["charge"], document["p"],
        document["margin"], document["score"],
    )  # fmt: skip
