"""What the rules of payouts hold back: pure, payment by payment, over days of chance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from reconciliation.settlement.instructions.creditor_instructions import instructions_of
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.holdbacks import (
    Holdback,
    HoldReason,
    MissingFact,
    RiskLimit,
    UnreceivedAmount,
    holdbacks_of,
    rows_paid_by,
)
from reconciliation.settlement.positions.net_positions import sheet_of
from reconciliation.settlement.positions.payout_rules import PayoutRule, PayoutRules
from tests.reconciliation.settlement.sample_lines import CYCLES, DESCO, EKSHOP, REGISTRY, TUE

RULES = PayoutRules(
    PayoutRule.RECEIVED,
    {
        (EKSHOP, "bkash"): PayoutRule.ON_RISK,
        (EKSHOP, None): PayoutRule.MATCHED,
        (None, "bkash"): PayoutRule.MATCHED,
    },
)


def test_the_most_particular_row_is_the_rule() -> None:
    found = {
        (payee, connector): RULES.rule_for(payee, connector)
        for payee in (EKSHOP, DESCO)
        for connector in ("bkash", "npsb")
    }
    assert found == {
        (EKSHOP, "bkash"): PayoutRule.ON_RISK,
        (EKSHOP, "npsb"): PayoutRule.MATCHED,
        (DESCO, "bkash"): PayoutRule.MATCHED,
        (DESCO, "npsb"): PayoutRule.RECEIVED,
    }


def amount(payee: Party, connector: str, missing: MissingFact, paisa: int) -> UnreceivedAmount:
    return UnreceivedAmount(payee, connector, missing, paisa)


def test_each_rule_holds_back_what_it_waits_for() -> None:
    found = holdbacks_of(
        [
            amount(EKSHOP, "bkash", MissingFact.NOT_MATCHED, 1),
            amount(EKSHOP, "npsb", MissingFact.NOT_MATCHED, 20),
            amount(EKSHOP, "npsb", MissingFact.NOT_RECEIVED, 300),
            amount(DESCO, "npsb", MissingFact.NOT_RECEIVED, 4_000),
        ],
        RULES,
        {EKSHOP: RiskLimit(1, 5)},
    )
    assert found == {
        EKSHOP: Holdback(20, 0, 1, 321, RiskLimit(1, 5)),
        DESCO: Holdback(0, 4_000, 0, 4_000, None),
    }
    assert [item.reason for item in found.values()] == [HoldReason.NOT_MATCHED, HoldReason.NOT_RECEIVED]
    assert [item.total for item in found.values()] == [20, 4_000]


def test_a_payment_of_which_no_collection_is_known_is_held() -> None:
    rules = PayoutRules(PayoutRule.MATCHED, {})
    (held,) = holdbacks_of([amount(DESCO, "", MissingFact.NOT_MATCHED, 7)], rules, {}).values()
    assert (held.total, held.reason) == (7, HoldReason.NOT_MATCHED)


def test_without_a_limit_nothing_is_paid_at_our_risk() -> None:
    rules = PayoutRules(PayoutRule.ON_RISK, {})
    (held,) = holdbacks_of([amount(DESCO, "npsb", MissingFact.NOT_MATCHED, 7)], rules, {}).values()
    assert (held.total, held.reason) == (7, HoldReason.BEYOND_LIMIT)


def test_a_short_payout_pays_the_largest_rows_first_and_equal_ones_by_name() -> None:
    rows = [("b", 50), ("a", 50), ("c", 100), ("refund", -30), ("d", 10)]
    assert rows_paid_by(rows, 0) == {"a", "b", "c", "d"}
    assert rows_paid_by(rows, 1) == {"a", "b", "c"}
    assert rows_paid_by(rows, 60) == {"a", "c"}
    assert rows_paid_by(rows, 210) == frozenset()
    assert rows_paid_by(reversed(rows), 60) == {"a", "c"}


@dataclass
class Ledger:
    """One payee over days: what each payment owes it and where its money is; everything in paisa."""

    owed: dict[int, int] = field(default_factory=dict)
    missing: dict[int, MissingFact | None] = field(default_factory=dict)
    paid: int = 0

    def holdback(self, rule: PayoutRule, limit: int) -> Holdback:
        amounts = [
            amount(EKSHOP, "npsb", fact, self.owed[name])
            for name, fact in self.missing.items()
            if fact is not None and self.owed[name] > 0
        ]
        found: Mapping[Party, Holdback] = holdbacks_of(
            amounts, PayoutRules(rule, {}), {EKSHOP: RiskLimit(1, limit)}
        )
        return found.get(EKSHOP, Holdback())

    def allowed(self, rule: PayoutRule, limit: int) -> int:
        """What the rule lets be paid in all, payment by payment, as nobody's formula says it."""
        free = {
            PayoutRule.MATCHED: (None, MissingFact.NOT_RECEIVED),
            PayoutRule.RECEIVED: (None,),
            PayoutRule.ON_RISK: (None,),
        }[rule]
        cleared = sum(paisa for name, paisa in self.owed.items() if self.missing[name] in free or paisa <= 0)
        waiting = sum(
            paisa for name, paisa in self.owed.items() if self.missing[name] not in free and paisa > 0
        )
        return cleared + (min(limit, waiting) if rule is PayoutRule.ON_RISK else 0)


EVENTS = st.tuples(
    st.sampled_from(
        ["sold", "sold", "sold", "refunded", "matched", "received", "taken_back", "paid", "paid"]
    ),
    st.integers(0, 7),
    st.integers(1, 900),
)


# Every paisa can be instructed, so that a bound of a rail hides nothing.
ANY_AMOUNT = REGISTRY.model_copy(
    update={
        "rails": {name: bounds.model_copy(update={"minimum": 1}) for name, bounds in REGISTRY.rails.items()}
    }
)
NOTHING_NEW = sheet_of(TUE, [], CYCLES)


@given(st.lists(EVENTS, max_size=40), st.sampled_from(list(PayoutRule)), st.integers(0, 800))
def test_what_is_paid_is_allowed_and_what_came_in_has_left_or_is_held(
    events: list[tuple[str, int, int]], rule: PayoutRule, limit: int
) -> None:
    book = Ledger()
    facts = {
        "matched": MissingFact.NOT_RECEIVED, "received": None, "taken_back": MissingFact.NOT_RECEIVED,
    }  # fmt: skip
    came_in = 0
    for kind, name, paisa in events:
        match kind:
            case "sold":
                book.owed[name] = book.owed.get(name, 0) + paisa
                book.missing.setdefault(name, MissingFact.NOT_MATCHED)
                came_in += paisa
            case "refunded" if name in book.owed:
                book.owed[name] -= paisa
                came_in -= paisa
            case "paid":
                held, owed = book.holdback(rule, limit), came_in - book.paid
                out = instructions_of(NOTHING_NEW, ANY_AMOUNT, {EKSHOP: owed}, None, (), {EKSHOP: held})
                book.paid += out.total
                assert came_in == book.paid + out.carried_amounts.get(EKSHOP, 0), "left, or held"
                allowed = book.allowed(rule, limit)
                assert out.total == 0 or book.paid <= allowed
                assert book.paid >= min(came_in, allowed), "no more is held than the rule says"
                at_risk = max(0, held.unreceived - (owed - out.total))
                assert held.newly_at_risk(owed, out.total) == at_risk - max(0, held.unreceived - owed)
                assert rule is not PayoutRule.ON_RISK or not out.total or at_risk <= limit
            case _ if name in book.owed:
                book.missing[name] = facts[kind]
            case _:
                pass
