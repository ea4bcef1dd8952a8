from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import (
    Collected,
    CollectOrder,
    ConfirmedCollection,
    MismatchedCollection,
    PageCreated,
    connector_fee_of,
)
from ekpay_switch.domain.collections.funding import (
    LockedTry,
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryEnd,
    TryFinding,
    TryPlan,
    TrySnapshot,
    TryState,
    decide_try,
)
from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.domain.ledger.posting_rules import (
    Sums,
    collected_entry,
    collected_without_payment_entry,
    merchant_credited_entry,
    owed_back_from_suspense_entry,
)
from ekpay_switch.domain.merchants.shares import Stake
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import NOTICES
from ekpay_switch.domain.payment import FINAL, Event, State, walk

SUMS = Sums(Money(100_000), Money(1_500), Money(500), Money(75))
TOTAL = SUMS.total
KEPT = Money(1_531)
SEEN = TrySnapshot(State.COLLECTING, TryState.OPEN, "bkash", SUMS, is_quote_expired=False)
RIGHT = Collected("EK-1", TOTAL, "TRX1", {"payer": "0171"})
CAME = MoneyCollected(ConfirmedCollection(RIGHT), 150)
SHARES = (Stake("payable:merchant:m:s1", Money(60_000)), Stake("payable:merchant:m", Money(40_000)))
SOLD = replace(SEEN, shares=SHARES)
NOTHING = NothingCollected(TryEnd.NEVER_PAID, "cancelled")
WAITING = [State.CREATED, State.COLLECTING]
GONE_ON = [state for state in State if state not in WAITING]
NOON = datetime(2026, 3, 1, 6, tzinfo=UTC)
HELD = LockedTry(
    payment_id=UUID(int=1),
    partner_id="bank1",
    lane=0,
    payment_state=State.COLLECTING,
    biller_id="desco_postpaid",
    attempt_id=UUID(int=2),
    epoch=2,
    state=TryState.OPEN,
    order=CollectOrder(UUID(int=1), "bkash", "EK-1", TOTAL, "EK-1", "", "P1"),
    sums=SUMS,
    executes_begun=0,
    questions=0,
    is_agreed=True,
    opened_at=NOON,
    page_until=None,
    pay_until=NOON + timedelta(minutes=15),
    send_until=NOON,
    now=NOON,
)


def differing(why: str = "another amount", amount: Money = TOTAL) -> MoneyCollected:
    return MoneyCollected(MismatchedCollection(replace(RIGHT, amount=amount), why), 150)


def ending(state: State, plan: TryPlan) -> State:
    steps = walk(state, plan.events)
    return steps[-1][2] if steps else state


# ---- money is there


@pytest.mark.parametrize("state", WAITING)
@pytest.mark.parametrize("seen", [SEEN, replace(SEEN, state=TryState.ABANDONED, is_quote_expired=True)])
def test_the_first_money_funds_the_payment_whichever_try_brings_it(seen: TrySnapshot, state: State) -> None:
    plan = decide_try(replace(seen, payment_state=state), CAME)
    assert ending(state, plan) is State.FUNDED
    assert (plan.state, plan.end, plan.collected) == (TryState.CLOSED, TryEnd.APPROVED, TOTAL)
    assert plan.entries == (collected_entry("bkash", SUMS, KEPT),)
    assert (plan.payment_due_seconds, plan.gives_back, plan.alarm, plan.notice) == (0.0, None, None, "")
    assert plan.facts == {"payer": "0171", "provider_transaction": "TRX1"}


@pytest.mark.parametrize("state", GONE_ON)
def test_money_that_its_payment_does_not_wait_for_is_suspended_and_goes_back(state: State) -> None:
    plan = decide_try(replace(SEEN, payment_state=state), CAME)
    assert (plan.state, plan.end, plan.events) == (TryState.CLOSED, TryEnd.SECOND_SUCCESS, ())
    assert plan.entries == (collected_without_payment_entry("bkash", TOTAL, KEPT),)
    assert (plan.collected, plan.gives_back) == (TOTAL, TOTAL)
    assert (plan.alarm, plan.payment_due_seconds) == (Alarm.UNEXPECTED_MONEY, None)


@pytest.mark.parametrize("state", State)
def test_money_that_finance_owes_at_its_desk_stays_in_suspense(state: State) -> None:
    """It funds no payment, and the switch does not give it back as well."""
    seen = replace(SEEN, payment_state=state, state=TryState.CLOSED, is_owed_at_desk=True)
    plan = decide_try(seen, CAME)
    assert (plan.end, plan.events, plan.collected) == (TryEnd.SECOND_SUCCESS, (), TOTAL)
    assert plan.entries == (collected_without_payment_entry("bkash", TOTAL, KEPT),)
    assert (plan.gives_back, plan.alarm) == (None, Alarm.PAID_BACK_AT_DESK)


@pytest.mark.parametrize(
    ("is_owed", "gives_back", "alarm"), [(False, TOTAL, None), (True, None, Alarm.PAID_BACK_AT_DESK)]
)
def test_refused_money_goes_back_unless_finance_owes_it_at_its_desk(
    is_owed: bool,  # noqa: FBT001
    gives_back: Money | None,
    alarm: Alarm | None,
) -> None:
    plan = decide_try(replace(SEEN, is_owed_at_desk=is_owed), replace(CAME, is_refused=True))
    assert (plan.end, plan.gives_back, plan.alarm) == (TryEnd.SECOND_SUCCESS, gives_back, alarm)
    assert ending(State.COLLECTING, plan) is State.CREATED


@pytest.mark.parametrize("state", WAITING)
@pytest.mark.parametrize("came", [differing(), differing("another reference", Money(7))])
def test_money_that_differs_puts_a_waiting_payment_into_review(came: MoneyCollected, state: State) -> None:
    plan = decide_try(replace(SEEN, payment_state=state), came)
    amount = came.judged.collected.amount
    assert ending(state, plan) is State.IN_REVIEW
    assert (plan.end, plan.collected, plan.gives_back) == (TryEnd.DISAGREED, amount, None)
    assert plan.entries == (collected_without_payment_entry("bkash", amount, connector_fee_of(amount, 150)),)
    assert (plan.notice, plan.alarm) == ("collected_mismatch", Alarm.COLLECTED_MISMATCH)
    assert NOTICES[plan.notice].state is State.IN_REVIEW
    assert plan.facts["collected_amount"] == str(amount.minor)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_money_that_differs_reopens_a_payment_that_has_ended(state: State) -> None:
    plan = decide_try(replace(SEEN, payment_state=state), differing())
    assert (plan.events, ending(state, plan)) == ((Event.CONTRARY_EVIDENCE,), State.IN_REVIEW)


@pytest.mark.parametrize("state", [state for state in GONE_ON if state not in FINAL])
def test_money_that_differs_leaves_alone_what_is_under_way(state: State) -> None:
    plan = decide_try(replace(SEEN, payment_state=state), differing())
    assert (plan.events, plan.notice) == ((), "")
    assert plan.entries
    assert plan.alarm is Alarm.COLLECTED_MISMATCH


@pytest.mark.parametrize("amount", [Money(100, "USD"), Money(0), Money(-1)])
def test_of_other_money_and_of_none_we_keep_no_account(amount: Money) -> None:
    plan = decide_try(SEEN, differing("another currency", amount))
    assert (plan.entries, plan.collected) == ((), None)
    assert ending(State.COLLECTING, plan) is State.IN_REVIEW
    assert plan.facts["collected_currency"] == amount.currency


@pytest.mark.parametrize("came", [CAME, differing()])
def test_one_movement_of_money_is_posted_once(came: MoneyCollected) -> None:
    plan = decide_try(replace(SEEN, is_movement_known=True), came)
    assert (plan.end, plan.entries, plan.collected) == (TryEnd.DISAGREED, (), None)
    assert ending(State.COLLECTING, plan) is State.IN_REVIEW
    if came is CAME:
        assert plan.facts["why"] == "this movement of money is another try's"


@pytest.mark.parametrize(("minor", "basis_points", "kept"), [(102_075, 150, 1_531), (0, 150, 0), (100, 0, 0)])
def test_what_a_connector_keeps_is_rounded_half_up(minor: int, basis_points: int, kept: int) -> None:
    assert connector_fee_of(Money(minor), basis_points) == Money(kept)


# ---- a merchant's payment: each try has its price, and money is credited at once


@pytest.mark.parametrize("state", WAITING)
def test_money_for_a_merchant_is_credited_to_its_shares_as_it_comes(state: State) -> None:
    plan = decide_try(replace(SOLD, payment_state=state), CAME)
    assert ending(state, plan) is State.COMPLETED
    assert plan.events[-2:] == (Event.COLLECTED, Event.MERCHANT_CREDITED)
    assert plan.entries == (collected_entry("bkash", SUMS, KEPT), merchant_credited_entry(SHARES, SUMS))
    assert (plan.end, plan.collected, plan.gives_back) == (TryEnd.APPROVED, TOTAL, None)
    assert (plan.payment_due_seconds, plan.notice, plan.alarm) == (None, "completed", None)
    assert NOTICES[plan.notice].state is State.COMPLETED


@pytest.mark.parametrize("state", GONE_ON)
def test_money_that_comes_beside_is_no_merchants(state: State) -> None:
    """A second try that is paid as well, or one that is paid too late, goes back to its payer."""
    plan = decide_try(replace(SOLD, payment_state=state), CAME)
    assert plan == decide_try(replace(SEEN, payment_state=state), CAME)
    assert plan.gives_back == TOTAL


@pytest.mark.parametrize("amount", [TOTAL.minor - 1, TOTAL.minor + 1, 1])
@pytest.mark.parametrize("state", WAITING)
def test_an_amount_that_was_tampered_with_credits_nobody(state: State, amount: int) -> None:
    plan = decide_try(replace(SOLD, payment_state=state), differing("another amount", Money(amount)))
    assert (ending(state, plan), plan.alarm) == (State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    (entry,) = plan.entries
    assert {line.account.split(":")[0] for line in entry.postings} <= {
        "receivable",
        "connector_fee",
        "suspense",
    }
    assert Event.MERCHANT_CREDITED not in plan.events


def test_a_merchants_payment_whose_try_came_to_nothing_waits_for_another() -> None:
    assert ending(State.COLLECTING, decide_try(SOLD, NOTHING)) is State.CREATED


# ---- no money, or nothing learned


def test_an_open_try_that_came_to_nothing_leaves_the_payment_waiting_for_another() -> None:
    plan = decide_try(SEEN, NOTHING)
    assert ending(State.COLLECTING, plan) is State.CREATED
    assert (plan.state, plan.end, plan.entries, plan.notice) == (TryState.CLOSED, TryEnd.NEVER_PAID, (), "")
    assert plan.facts == {"why": "cancelled"}


def test_with_a_dead_quote_the_payment_expires_at_once() -> None:
    plan = decide_try(replace(SEEN, is_quote_expired=True), NOTHING)
    assert (ending(State.COLLECTING, plan), plan.notice) == (State.EXPIRED, "expired")
    assert NOTICES[plan.notice].state is State.EXPIRED


@pytest.mark.parametrize("over", ["the quote lives", "the quote is dead"])
@pytest.mark.parametrize(
    ("state", "payment_state"),
    [
        *((TryState.ABANDONED, state) for state in State),
        *((TryState.OPEN, state) for state in State if state is not State.COLLECTING),
    ],
)
def test_a_try_that_nobody_waits_for_just_ends(state: TryState, payment_state: State, over: str) -> None:
    is_over = over == "the quote is dead"
    plan = decide_try(
        replace(SEEN, state=state, payment_state=payment_state, is_quote_expired=is_over), NOTHING
    )
    assert (plan.events, plan.state, plan.end, plan.notice) == ((), TryState.CLOSED, TryEnd.NEVER_PAID, "")


@pytest.mark.parametrize("state", TryState)
@pytest.mark.parametrize(
    "finding", [PageOpened(PageCreated("P1", "https://x.example"), 180, 86_400), StillOpen(90, "silence")]
)
def test_what_decides_nothing_changes_nothing(finding: TryFinding, state: TryState) -> None:
    assert decide_try(replace(SEEN, state=state), finding) == TryPlan(state)


# ---- when our word may be given


def test_an_open_try_with_a_page_may_be_executed_while_the_quote_lives() -> None:
    assert HELD.may_be_executed
    assert HELD.connector_id == "bkash"


@pytest.mark.parametrize(
    "held",
    [
        replace(HELD, state=TryState.ABANDONED),
        replace(HELD, state=TryState.CLOSED),
        *(replace(HELD, payment_state=state) for state in State if state is not State.COLLECTING),
        replace(HELD, order=replace(HELD.order, provider_reference="")),
        replace(HELD, now=HELD.pay_until),
        replace(HELD, held_at=NOON),
        replace(HELD, is_other_held=True),
    ],
)
def test_nothing_else_is_ever_executed(held: LockedTry) -> None:
    assert not held.may_be_executed


# ---- two tries of one payment, in any order


@dataclass
class Story:
    """A payment with two tries, as the tables keep it."""

    state: State = State.COLLECTING
    tries: list[TryState] = field(default_factory=lambda: [TryState.ABANDONED, TryState.OPEN])
    balances: Counter[str] = field(default_factory=Counter)
    brought_in: int = 0
    fundings: int = 0
    refunded: int = 0
    movements: set[str] = field(default_factory=set)

    def find(self, number: int, finding: TryFinding, *, is_over: bool) -> None:
        if self.tries[number] is TryState.CLOSED:
            return
        name = finding.judged.collected.provider_transaction if isinstance(finding, MoneyCollected) else ""
        seen = TrySnapshot(
            self.state, self.tries[number], "bkash", SUMS, is_over, is_movement_known=name in self.movements
        )
        plan = decide_try(seen, finding)
        self.state, self.tries[number] = ending(self.state, plan), plan.state
        self.fundings += Event.COLLECTED in plan.events
        owed = [owed_back_from_suspense_entry("bkash", plan.gives_back)] if plan.gives_back else []
        for entry in (*plan.entries, *owed):
            for line in entry.postings:
                self.balances[line.account] += line.amount
        if plan.collected is not None:
            self.movements.add(name)
            self.brought_in += plan.collected.minor
            self.refunded += plan.gives_back.minor if plan.gives_back else 0

    def balance(self, account: str) -> int:
        debit = self.balances[account]
        return debit if kind_of(account).is_debit_normal else -debit


FINDINGS = st.one_of(
    st.builds(
        MoneyCollected,
        st.sampled_from(["T1", "T2"]).map(
            lambda t: ConfirmedCollection(replace(RIGHT, provider_transaction=t))
        ),
        st.integers(0, 300),
    ),
    st.builds(
        MoneyCollected,
        st.builds(
            lambda minor, name: MismatchedCollection(
                replace(RIGHT, amount=Money(minor), provider_transaction=name), "!"
            ),
            st.integers(-1, 10**6),
            st.sampled_from(["T1", "T2", "T3"]),
        ),
        st.just(150),
    ),
    st.just(NOTHING),
    st.just(StillOpen(90, "silence")),
)
FOUND = st.lists(st.tuples(st.integers(0, 1), FINDINGS, st.booleans()), max_size=8)


@given(found=FOUND)
def test_in_every_order_of_findings_the_money_collected_is_accounted_for_once(
    found: Sequence[tuple[int, TryFinding, bool]],
) -> None:
    story = Story()
    for number, finding, is_over in found:
        story.find(number, finding, is_over=is_over)
    assert sum(story.balances.values()) == 0
    assert story.fundings <= 1
    funded = story.fundings * TOTAL.minor
    assert story.balance("in_flight") == funded
    assert story.balance("receivable:bkash") + story.balance("connector_fee:bkash") == story.brought_in
    assert story.balance("refund_due:bkash") == story.refunded
    assert story.brought_in == funded + story.balance("suspense:bkash") + story.refunded


@given(found=FOUND)
def test_in_every_order_of_findings_each_movement_of_money_counts_once(
    found: Sequence[tuple[int, TryFinding, bool]],
) -> None:
    story, known = Story(), Counter[str]()
    for number, finding, is_over in found:
        before = story.brought_in
        story.find(number, finding, is_over=is_over)
        if isinstance(finding, MoneyCollected) and story.brought_in != before:
            known[finding.judged.collected.provider_transaction] += 1
    assert set(known.values()) <= {1}
