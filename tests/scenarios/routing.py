"""Things to route with, by article, and a small world with several acquirers of cards."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.decision import Candidate, Decision, Draw
from ekpay_switch.domain.routing.rules import Action, Condition, RecordRules, RouteRequest, RoutingRules, Rule
from ekpay_switch.flows.collections.collect import CollectionAnswer, CollectRefusal, collect
from ekpay_switch.ports.collections import PaymentView
from tests.fakes.collections.tables import StoredTry
from tests.fakes.connectors import BKASH, FakeConnector, Page
from tests.scenarios.collections import Payer, a_collect_order

# A Friday, 12:00 in Dhaka.
FRIDAY_NOON = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
CARDS = ("ebl", "brac_bank", "city_bank")
# Neither explores nor falls into the second half of a split.
NO_LUCK = Draw(explore=999_999, place=0)
EXPLORES = Draw(explore=0, place=0)
ACQUIRER = replace(BKASH, id="ebl", instrument="card", executes=False, page_life_seconds=1_800.0)


def a_candidate(connector_id: str = "ebl", **changes: object) -> Candidate:
    candidate = Candidate(
        connector_id=connector_id,
        instrument="card",
        is_enabled=True,
        amount_min=Money(100),
        amount_max=Money(50_000_000),
        charge_basis_points=150,
        payer_charge_basis_points=150,
        successes=190,
        outcomes=200,
    )
    return replace(candidate, **changes)  # type: ignore[arg-type]


def a_request(**changes: object) -> RouteRequest:
    request = RouteRequest(
        instrument="card",
        billed=Money(105_000),
        fee=Money(500),
        vat=Money(75),
        biller_id="desco_postpaid",
        partner_id="bank1",
        at=FRIDAY_NOON,
    )
    return replace(request, **changes)  # type: ignore[arg-type]


def a_rule(action: Action, *connectors: str, name: str = "a rule", **condition: Any) -> Rule:  # noqa: ANN401 - its fields
    return Rule(name, Condition(**condition), action, frozenset(connectors))


def a_split(shares: dict[str, int], name: str = "a split") -> Rule:
    whole = a_rule(Action.SPLIT, *shares, name=name)
    return replace(whole, shares=tuple(shares.items()))


def card_rules(*rules: Rule, names: tuple[str, ...] = CARDS, **changes: object) -> RoutingRules:
    return RoutingRules(version="test", instruments={"card": names}, rules=rules, **changes)  # type: ignore[arg-type]


def left_out(decision: Decision) -> dict[str, str | None]:
    """Why each candidate was left out, in words."""
    return {name: None if why is None else why.value for name, why in decision.reasons().items()}


class Acquirers(Payer):
    """One payment of a world in which several acquirers stand for cards.

    Attempts have random names, so nothing is left to their luck here.
    """

    def __init__(self, *rules: Rule, names: tuple[str, ...] = CARDS) -> None:
        super().__init__()
        self.of = {name: self._acquirer(name) for name in names}
        self.small.connectors.known[:] = [self.small.connector, *self.of.values()]
        record = RecordRules(exploration_ppm=0)
        self.small.routing.rules = card_rules(*rules, names=names, record=record)

    def _acquirer(self, name: str) -> FakeConnector:
        return FakeConnector(self.small.clock, self.small.steps, replace(ACQUIRER, id=name))

    async def pays_by(
        self, instrument: str = "card", reference: str = "v1:K1"
    ) -> PaymentView | CollectRefusal:
        """The client's order by this instrument; the payment as it stands then, or why there is none."""
        order = replace(a_collect_order(reference), instrument=instrument)
        answer = await collect(order, self.small.world)
        if isinstance(answer, CollectionAnswer):
            self.payment_id = answer.view.payment_id
            return answer.view
        assert isinstance(answer, CollectRefusal), answer
        return answer

    def decisions(self) -> list[Decision]:
        """Every decision that was kept with a try, in order."""
        return [_decision_of(one) for one in self.small.tables.tries]

    def asked(self) -> list[str]:
        """The connectors of all tries, in order."""
        return [one.new.connector_id for one in self.small.tables.tries]

    def page_of(self, name: str) -> Page:
        return self.of[name].latest()


def _decision_of(one: StoredTry) -> Decision:
    assert one.new.decision is not None
    return one.new.decision
