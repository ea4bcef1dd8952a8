"""What of a merchant's challan request is pure: its lines, its limits, and how it ends."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.challans import (
    ChallanLine,
    ChallanOrder,
    ChallanRefusal,
    Credit,
    LineEnd,
    Progress,
    Spendable,
    StoredChallan,
    StoredLine,
    TreasuryHead,
    challan_prefund,
    end_of,
    lines_of,
    refuse_challan,
)
from ekpay_switch.domain.ledger.entries import Posting
from ekpay_switch.domain.ledger.posting_rules import set_aside_for_challan_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State

ID = UUID(int=7)
HEAD = TreasuryHead("1422199", "1090101100001")
ACCOUNTS = {"1-4331-0000-2043": HEAD}
SEEN = Spendable(State.COMPLETED, Money(100), Money(40), Money(80))


def an_order(*amounts: int, total: int | None = None, account: str = "1-4331-0000-2043") -> ChallanOrder:
    return ChallanOrder(
        partner_id="shop",
        lane=0,
        request_id="R1",
        fingerprint=b"",
        pay_trxid="T1",
        tran_date=date(2026, 3, 1),
        total=Money(sum(amounts) if total is None else total),
        credits=tuple(Credit(str(seq), account, Money(part)) for seq, part in enumerate(amounts, 1)),
        written={},
        payer={},
    )


def a_standing(*ends: LineEnd | None) -> StoredChallan:
    line = ChallanLine(1, "1", "1-4331-0000-2043", HEAD, Money(5), "challan:7:1")
    lines = tuple(StoredLine(replace(line, seq=seq), end=end) for seq, end in enumerate(ends, 1))
    day = date(2026, 3, 1)
    return StoredChallan(
        ID, "shop", 0, "R1", b"", day, Money(5), {}, {}, datetime(2026, 3, 1, tzinfo=UTC), lines
    )


def test_each_line_has_a_reference_of_its_own() -> None:
    lines = lines_of(ID, an_order(60, 40), ACCOUNTS)
    assert not isinstance(lines, ChallanRefusal)
    assert [(line.seq, line.amount, line.head) for line in lines] == [
        (1, Money(60), HEAD),
        (2, Money(40), HEAD),
    ]
    assert [line.reference for line in lines] == [f"challan:{ID.hex}:1", f"challan:{ID.hex}:2"]


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (an_order(60, 40, total=99), ChallanRefusal.SUM_DIFFERS),
        (an_order(60, 40, total=101), ChallanRefusal.SUM_DIFFERS),
        (an_order(60, account="1-4331-0000-2044"), ChallanRefusal.UNKNOWN_ACCOUNT),
        (an_order(60, total=61, account="1-4331-0000-2044"), ChallanRefusal.SUM_DIFFERS),
    ],
)
def test_a_request_that_does_not_add_up_or_credits_a_stranger_has_no_lines(
    order: ChallanOrder, refusal: ChallanRefusal
) -> None:
    assert lines_of(ID, order, ACCOUNTS) is refusal


@pytest.mark.parametrize(
    ("wanted", "seen", "refusal"),
    [
        (60, SEEN, None),
        (61, SEEN, ChallanRefusal.EXCEEDS_PAYMENT),
        (60, replace(SEEN, payable=Money(60)), None),
        (60, replace(SEEN, payable=Money(59)), ChallanRefusal.EXCEEDS_OWED),
        (1, replace(SEEN, payable=Money(-5)), ChallanRefusal.EXCEEDS_OWED),
        (1, replace(SEEN, credited=Money(40)), ChallanRefusal.EXCEEDS_PAYMENT),
        (99, replace(SEEN, payment_state=State.IN_REVIEW), ChallanRefusal.NOT_COMPLETED),
    ],
)
def test_what_may_be_set_aside(wanted: int, seen: Spendable, refusal: ChallanRefusal | None) -> None:
    assert refuse_challan(Money(wanted), seen) is refusal


@pytest.mark.parametrize("state", [state for state in State if state is not State.COMPLETED])
def test_only_a_completed_payment_is_spent(state: State) -> None:
    seen = replace(SEEN, payment_state=state)
    assert refuse_challan(Money(1), seen) is ChallanRefusal.NOT_COMPLETED


@given(
    wanted=st.lists(st.integers(1, 200), max_size=30),
    credited=st.integers(0, 1_000),
    owed=st.integers(-100, 1_500),
)
def test_however_many_are_asked_for_neither_limit_is_passed(
    wanted: list[int], credited: int, owed: int
) -> None:
    raised = 0
    for part in wanted:
        seen = Spendable(State.COMPLETED, Money(credited), Money(raised), Money(owed - raised))
        raised += part if refuse_challan(Money(part), seen) is None else 0
    assert raised <= max(min(credited, owed), 0)


@pytest.mark.parametrize("state", [None, *State])
def test_a_line_ends_with_its_payment_and_a_review_leaves_it_open(state: State | None) -> None:
    back = {State.DECLINED, State.EXPIRED, State.REFUNDED}
    expected = LineEnd.MOVED_BACK if state in back else LineEnd.PAID if state is State.COMPLETED else None
    assert end_of(state) is expected


@pytest.mark.parametrize(
    ("ends", "progress", "open_count"),
    [
        ((LineEnd.PAID, LineEnd.PAID), Progress.DONE, 0),
        ((LineEnd.PAID, LineEnd.MOVED_BACK), Progress.PARTLY_DONE, 0),
        ((LineEnd.MOVED_BACK,), Progress.NOTHING_RAISED, 0),
        ((LineEnd.PAID, None), Progress.IN_PROGRESS, 1),
        ((None, None, LineEnd.MOVED_BACK), Progress.IN_PROGRESS, 2),
    ],
)
def test_a_request_stands_as_its_lines_do(
    ends: tuple[LineEnd | None, ...], progress: Progress, open_count: int
) -> None:
    standing = a_standing(*ends)
    assert (standing.progress, len(standing.open_lines)) == (progress, open_count)


def test_setting_aside_moves_what_the_merchant_is_owed_and_its_reversal_moves_it_back() -> None:
    entry = set_aside_for_challan_entry("shop", challan_prefund("shop"), Money(75))
    assert entry.postings == (Posting("payable:merchant:shop", 75), Posting("prefund:shop:postpaid", -75))
    back = entry.reversal()
    assert (entry.moment, back.moment) == ("set_aside_for_challan", "set_aside_for_challan_reversed")
    assert back.postings == (Posting("payable:merchant:shop", -75), Posting("prefund:shop:postpaid", 75))
