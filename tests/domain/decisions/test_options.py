"""What may be decided: every option is legal from its case, balances, and moves what it says."""

from dataclasses import fields, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.decisions.actions import REFERENCE, DecisionAction
from ekpay_switch.domain.decisions.case import (
    BillerTraits,
    CaseKind,
    HeldMoney,
    PaymentCase,
    RefundInDoubt,
    case_digest,
)
from ekpay_switch.domain.decisions.host_requests import HostRequest, HostRequestOpenError, host_request_of
from ekpay_switch.domain.decisions.journal import ForbiddenEntryError, JournalChart, journal_entry
from ekpay_switch.domain.decisions.option import Option
from ekpay_switch.domain.decisions.options import option_named, options_of
from ekpay_switch.domain.errors import UnknownAccountError
from ekpay_switch.domain.host_messages import HostState
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import NOTICES
from ekpay_switch.domain.payment import FINAL, State, walk
from ekpay_switch.domain.refunds.refund import RefundState

SUMS = Sums(Money(100_000), Money(1_500), Money(500), Money(75), Money(40))
FROM_PREFUND = PaymentCase(
    kind=CaseKind.REVIEW,
    payment_id=UUID(int=1),
    partner_id="bank1",
    lane=0,
    payee="desco_postpaid",
    state=State.IN_REVIEW,
    came_from=State.DELIVERING,
    steps=3,
    sums=SUMS,
    prefund="prefund:bank1:postpaid",
    connector_id="",
)
COLLECTED = replace(FROM_PREFUND, prefund="", connector_id="bkash")
DISAGREED = replace(COLLECTED, came_from=State.COLLECTING, in_suspense=90_000)
LATE = replace(FROM_PREFUND, came_from=State.REFUNDED, late_posting=100_000)
BEING_UNDONE = replace(
    LATE, kind=CaseKind.STUCK_DELIVERY, state=State.REFUNDED, biller=BillerTraits(undoes=True)
)
HELD = replace(
    COLLECTED,
    kind=CaseKind.HELD,
    state=State.COLLECTING,
    came_from=State.COLLECTING,
    held=HeldMoney(UUID(int=2), SUMS.total, "TRX1", 150),
)
DOUBTFUL = RefundInDoubt(
    UUID(int=3), UUID(int=1), "bank1", 0, "bkash", RefundState.IN_DOUBT, Money(50_000), 2, sends=1
)
CASES = (
    FROM_PREFUND,
    COLLECTED,
    DISAGREED,
    replace(DISAGREED, in_suspense=0),
    replace(DISAGREED, in_suspense=SUMS.total.minor),
    replace(DISAGREED, in_suspense=SUMS.total.minor + 1),
    LATE,
    replace(LATE, prefund="", connector_id="bkash"),
    replace(LATE, biller=BillerTraits(undoes=True)),
    replace(LATE, late_posting=0, echoed=99_000),
    replace(LATE, late_posting=0),
    *(replace(COLLECTED, came_from=state, in_suspense=700) for state in sorted(FINAL)),
    *(replace(COLLECTED, came_from=state) for state in sorted(FINAL)),
    replace(FROM_PREFUND, kind=CaseKind.STUCK_DELIVERY, state=State.DELIVERING),
    replace(COLLECTED, kind=CaseKind.STUCK_DELIVERY, state=State.DELIVERING),
    BEING_UNDONE,
    replace(HELD, kind=CaseKind.STUCK_COLLECTION, held=None),
    HELD,
    replace(FROM_PREFUND, kind=CaseKind.COMPLETED, state=State.COMPLETED, came_from=State.COMPLETED),
    replace(FROM_PREFUND, kind=CaseKind.MISSING_RECEIPT, state=State.COMPLETED, came_from=State.COMPLETED),
    replace(COLLECTED, kind=CaseKind.MISMATCHED_MONEY, state=State.COMPLETED, in_suspense=700),
    replace(COLLECTED, kind=CaseKind.UNBOOKED_MONEY, state=State.FUNDED, came_from=State.FUNDED),
)


def _named(case: PaymentCase, action: DecisionAction) -> Option:
    option = option_named(case, action)
    assert option is not None, f"{action} does not fit"
    return option


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.came_from}")
def test_every_case_has_an_exit_and_every_exit_is_legal(case: PaymentCase) -> None:
    options = options_of(case)
    assert options
    assert len({option.action for option in options}) == len(options)
    for option in options:
        assert walk(case.state, option.events) or not option.events
        assert option.meaning
        assert not option.notice or option.notice in NOTICES
        assert option.needs_reference is (option.action in REFERENCE)


@pytest.mark.parametrize(
    ("case", "action", "state"),
    [
        (FROM_PREFUND, DecisionAction.ACCEPT, State.COMPLETED),
        (FROM_PREFUND, DecisionAction.GIVE_BACK, State.REFUNDED),
        (COLLECTED, DecisionAction.GIVE_BACK, State.REFUNDING),
        (COLLECTED, DecisionAction.DELIVER, State.FUNDED),
        (DISAGREED, DecisionAction.DELIVER, State.FUNDED),
        (LATE, DecisionAction.DEBIT_PARTNER, State.COMPLETED),
        (LATE, DecisionAction.WRITE_OFF, State.REFUNDED),
    ],
)
def test_where_a_decision_leads(case: PaymentCase, action: DecisionAction, state: State) -> None:
    assert walk(case.state, _named(case, action).events)[-1][2] is state


def test_more_than_was_asked_for_is_not_taken_as_it_came() -> None:
    over = replace(DISAGREED, in_suspense=SUMS.total.minor + 1)
    assert [option.action for option in options_of(over)] == [DecisionAction.GIVE_BACK]


def test_only_a_partner_with_a_prefund_pays_what_the_biller_holds() -> None:
    assert option_named(replace(LATE, prefund=""), DecisionAction.DEBIT_PARTNER) is None


def test_only_a_biller_that_undoes_is_called_to_undo() -> None:
    assert option_named(LATE, DecisionAction.UNDO) is None
    undone = _named(replace(LATE, biller=BillerTraits(undoes=True)), DecisionAction.UNDO)
    assert (undone.entries, undone.needs_reference) == ((), False)
    assert walk(State.IN_REVIEW, undone.events)[-1][2] is State.REFUNDED


def test_what_a_biller_was_called_to_undo_is_decided_as_a_late_success_but_for_the_call() -> None:
    late = replace(BEING_UNDONE, kind=CaseKind.REVIEW, state=State.IN_REVIEW)
    decided = {option.action: option.entries for option in options_of(BEING_UNDONE)}
    assert decided == {
        option.action: option.entries
        for option in options_of(late)
        if option.action is not DecisionAction.UNDO
    }


def test_a_payment_is_returned_once() -> None:
    completed = replace(
        FROM_PREFUND, kind=CaseKind.COMPLETED, state=State.COMPLETED, came_from=State.COMPLETED
    )
    assert options_of(replace(completed, is_returned=True)) == ()


def test_a_refund_that_was_never_sent_is_only_paid_by_hand() -> None:
    unsent = replace(DOUBTFUL, state=RefundState.APPROVED, sends=0)
    assert [option.action for option in options_of(unsent)] == [DecisionAction.NOT_PAID_BACK]


def test_a_refund_left_to_finance_was_given_back_all_the_same() -> None:
    by_hand = replace(DOUBTFUL, state=RefundState.BY_HAND, sends=0)
    assert [option.action for option in options_of(by_hand)] == [
        DecisionAction.PAID_BACK,
        DecisionAction.PAID_BACK_OTHERWISE,
    ]


@pytest.mark.parametrize(
    ("had", "action", "from_bank"),
    [(50_000, DecisionAction.PAID_BACK, 0), (20_000, DecisionAction.PAID_BACK_OTHERWISE, 30_000)],
)
def test_what_the_payer_had_before_settles_the_claim(
    had: int, action: DecisionAction, from_bank: int
) -> None:
    (option,) = options_of(replace(DOUBTFUL, state=RefundState.BY_HAND, had=Money(had)))
    assert (option.action, option.states_amount, option.amount) == (action, False, 50_000)
    (entry,) = option.entries
    moved = {posting.account: posting.amount for posting in entry.postings}
    assert (moved["suspense:bkash"], moved.get("settlement_bank", 0)) == (-had, -from_bank)


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_another_amount_given_back_leaves_nothing_owed(owed: int, given_back: int) -> None:
    case = replace(DOUBTFUL, amount=Money(owed))
    option = option_named(case, DecisionAction.PAID_BACK_OTHERWISE, Money(given_back))
    assert option is not None
    (entry,) = option.entries
    moved = {posting.account: posting.amount for posting in entry.postings}
    assert moved["refund_due:bkash"] == owed
    assert moved["receivable:bkash"] == -given_back


@given(st.integers(1, SUMS.total.minor))
def test_short_money_funds_the_whole_and_the_rest_is_our_loss(came: int) -> None:
    (entry,) = _named(replace(DISAGREED, in_suspense=came), DecisionAction.DELIVER).entries
    moved = {posting.account: posting.amount for posting in entry.postings}
    assert moved["in_flight"] == -SUMS.total.minor
    assert moved.get("write_off", 0) == SUMS.total.minor - came


@pytest.mark.parametrize(
    ("request_", "actions"),
    [
        (HostRequest.UNSENT, [DecisionAction.NOTHING_COLLECTED]),
        (HostRequest.ENDED, [DecisionAction.NOTHING_COLLECTED]),
        (HostRequest.APPROVED, [DecisionAction.COLLECTED]),
        (HostRequest.OPEN, []),
    ],
)
def test_nobody_overrules_a_host(request_: HostRequest, actions: list[DecisionAction]) -> None:
    stuck = replace(HELD, kind=CaseKind.STUCK_COLLECTION, held=None, host_request=request_)
    assert [option.action for option in options_of(stuck)] == actions
    assert case_digest(stuck) != case_digest(replace(stuck, host_request=HostRequest.NONE))


def test_what_is_at_the_host_is_refused_by_name() -> None:
    assert "action: its request over a host link is open" in str(HostRequestOpenError())


@pytest.mark.parametrize(
    ("state", "is_decided", "is_approval", "expected"),
    [
        (HostState.WITHDRAWN, False, False, HostRequest.UNSENT),
        (HostState.WAITING, False, False, HostRequest.OPEN),
        (HostState.SENDING, False, False, HostRequest.OPEN),
        (HostState.ANSWERED, False, True, HostRequest.OPEN),
        (HostState.ANSWERED, True, True, HostRequest.APPROVED),
        (HostState.ANSWERED, True, False, HostRequest.ENDED),
        (HostState.REVERSING, False, False, HostRequest.OPEN),
        (HostState.REVERSED, False, False, HostRequest.ENDED),
    ],
)
def test_how_a_request_to_a_host_stands(
    state: HostState, *, is_decided: bool, is_approval: bool, expected: HostRequest
) -> None:
    assert host_request_of(state, is_decided=is_decided, is_approval=is_approval) is expected


@pytest.mark.parametrize("amount", [Money(100, "USD"), Money(0)])
def test_held_money_that_cannot_be_booked_is_not_refused(amount: Money) -> None:
    held = replace(HELD, held=replace(HELD.held, amount=amount)) if HELD.held else HELD
    assert option_named(held, DecisionAction.REFUSE_HELD) is None


def test_held_money_that_differs_from_the_order_goes_to_suspense() -> None:
    assert HELD.held is not None
    differs = replace(HELD, held=replace(HELD.held, amount=Money(700)))
    (entry,) = _named(differs, DecisionAction.TAKE_HELD).entries
    assert {posting.account: posting.amount for posting in entry.postings}["suspense:bkash"] == -700


def test_held_money_without_a_name_of_the_connector_cannot_be_sent_back() -> None:
    assert HELD.held is not None
    nameless = replace(HELD, held=replace(HELD.held, provider_transaction=""))
    assert [option.action for option in options_of(nameless)] == [
        DecisionAction.TAKE_HELD,
        DecisionAction.NOTHING_COLLECTED,
    ]


@pytest.mark.parametrize(
    "case",
    [
        replace(HELD, held=None),
        *(replace(FROM_PREFUND, came_from=state) for state in (State.FUNDED, State.REFUNDING)),
        replace(FROM_PREFUND, kind=CaseKind.JOURNAL),
    ],
)
def test_where_nothing_waits_nothing_is_decided(case: PaymentCase) -> None:
    assert options_of(case) == ()


def test_an_option_moves_what_its_largest_entry_debits() -> None:
    assert _named(FROM_PREFUND, DecisionAction.GIVE_BACK).amount == SUMS.total.minor
    assert _named(replace(LATE, late_posting=0), DecisionAction.CLOSE).amount == 0


# ---- what was seen


def test_a_proposal_names_the_payment_or_the_refund() -> None:
    assert (FROM_PREFUND.subject, DOUBTFUL.subject) == (UUID(int=1), UUID(int=3))


@pytest.mark.parametrize("case", [FROM_PREFUND, HELD, DOUBTFUL])
def test_the_digest_changes_with_everything_that_was_seen(case: PaymentCase | RefundInDoubt) -> None:
    before, other = case_digest(case), {"steps": 9, "sends": 9, "late_posting": 7, "in_suspense": 7}
    changed = [name.name for name in fields(case) if name.name in other]
    assert changed
    for name in changed:
        assert case_digest(replace(case, **{name: other[name]})) != before  # type: ignore[arg-type]
    assert case_digest(replace(case)) == before


def test_facts_are_seen_whatever_their_order() -> None:
    one = replace(FROM_PREFUND, last_facts={"a": "1", "b": "2"})
    assert case_digest(one) == case_digest(replace(one, last_facts={"b": "2", "a": "1"}))
    assert case_digest(one) != case_digest(replace(one, last_facts={"a": "1", "b": "3"}))


# ---- the journal


CHART = JournalChart.of([("suspense", "settlement_bank"), ("write_off", "suspense")])


def test_a_chart_names_only_accounts_that_there_are() -> None:
    with pytest.raises(UnknownAccountError):
        JournalChart.of([("suspense", "piggy_bank")])


@pytest.mark.parametrize(
    ("postings", "why"),
    [
        ([("suspense:bkash", 5), ("settlement_bank", -4)], "sum to zero"),
        ([("suspense:bkash", 5), ("payable:desco", -5)], "may not meet"),
        ([("suspense:bkash", 5), ("suspense:bkash", -5)], "twice"),
        ([("suspense:bkash", 0), ("settlement_bank", 0)], "zero"),
        ([("suspense:bkash", 5), ("settlement_bank", -3), ("payable:desco", -2)], "may not meet"),
        ([], "sum to zero"),
    ],
)
def test_an_entry_that_is_wrong_is_refused_by_its_field(postings: list[tuple[str, int]], why: str) -> None:
    with pytest.raises(ForbiddenEntryError, match=f"postings: .*{why}"):
        journal_entry(postings, CHART)


def test_an_entry_between_accounts_that_may_meet_is_made() -> None:
    entry = journal_entry([("suspense:bkash", 5), ("settlement_bank", -5)], CHART)
    assert [(posting.account, posting.amount) for posting in entry.postings] == [
        ("suspense:bkash", 5),
        ("settlement_bank", -5),
    ]
