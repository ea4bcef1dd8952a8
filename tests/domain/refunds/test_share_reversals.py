from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.merchants.shares import Split, apportion
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.refunds.share_reversals import reverse_shares
from tests.domain.merchants.test_shares import MERCHANT, a_split

SELLER, AGENT = f"payable:{MERCHANT}:0", f"payable:{MERCHANT}:1"
RECEIVABLE, OWN = f"receivable:{MERCHANT}", f"payable:{MERCHANT}"
DUE = "refund_due:bkash"


def lines(entry: Entry) -> dict[str, int]:
    return {line.account: line.amount for line in entry.postings}


def test_a_refund_is_taken_from_every_share_in_one_entry() -> None:
    unwound = reverse_shares(a_split(60_000, 40_000), Money(10_000), "bkash")
    (entry,) = unwound.entries
    assert entry.moment == "owed_back_by_shares"
    assert lines(entry) == {SELLER: 6_000, AGENT: 4_000, DUE: -10_000}
    assert (unwound.refunded, unwound.payable_change) == ((Money(6_000), Money(4_000)), Money(-10_000))


def test_a_share_that_gives_nothing_has_no_line() -> None:
    (entry,) = reverse_shares(a_split(99_999, 1), Money(10), "bkash").entries
    assert lines(entry) == {SELLER: 10, DUE: -10}


def test_a_refund_that_failed_moves_back_what_each_share_gave() -> None:
    unwound = reverse_shares(a_split(60_000, 40_000, refunded=(6_000, 4_000)), Money(-10_000), "bkash")
    (entry,) = unwound.entries
    assert entry.moment == "owed_back_by_shares_reversed"
    assert lines(entry) == {SELLER: -6_000, AGENT: -4_000, DUE: 10_000}
    assert (unwound.refunded, unwound.payable_change) == ((ZERO, ZERO), Money(10_000))


def test_a_share_whose_part_shrinks_gets_its_paisa_back_in_the_same_entry() -> None:
    split = a_split(6, 6, 2, refunded=apportion(10, [6, 6, 2]))
    (entry,) = reverse_shares(split, Money(1), "bkash").entries
    assert lines(entry) == {SELLER: 1, AGENT: 1, f"payable:{MERCHANT}:2": -1, DUE: -1}


def test_charges_that_return_take_part_and_cost_the_merchant_nothing() -> None:
    unwound = reverse_shares(a_split(80_000, 20_000, ours=1), Money(10_000), "bkash")
    assert (unwound.refunded, unwound.payable_change) == ((Money(8_000), Money(2_000)), Money(-8_000))


@pytest.mark.parametrize(("room", "beyond"), [(10_000, 0), (9_999, 1), (0, 10_000)])
def test_what_the_debt_limit_does_not_cover_is_owed_to_us_by_the_merchant(room: int, beyond: int) -> None:
    unwound = reverse_shares(a_split(60_000, 40_000, room=room), Money(10_000), "bkash")
    assert unwound.payable_change == Money(beyond - 10_000)
    owed = [lines(entry) for entry in unwound.entries if entry.moment == "owed_by_merchant"]
    assert owed == ([{RECEIVABLE: beyond, OWN: -beyond}] if beyond else [])


@given(
    amounts=st.lists(st.integers(1, 10**6), min_size=1, max_size=9),
    ours=st.integers(0, 3),
    room=st.integers(0, 10**6),
    data=st.data(),
)
def test_the_merchant_is_never_owed_less_than_its_limit_and_every_paisa_is_somebodys(
    amounts: list[int], ours: int, room: int, data: st.DataObject
) -> None:
    whole, charges = sum(amounts), min(ours, len(amounts) - 1)
    before = data.draw(st.integers(0, whole))
    change = data.draw(st.integers(-before, whole - before).filter(bool))
    split: Split = a_split(*amounts, refunded=apportion(before, amounts), room=room, ours=charges)

    unwound = reverse_shares(split, Money(change), "bkash")

    balances = Counter[str]()
    for entry in unwound.entries:
        assert all(line.amount for line in entry.postings)
        balances.update(lines(entry))
    assert sum(balances.values()) == 0
    assert balances[DUE] == -change
    assert room + unwound.payable_change.minor >= 0
    shares = {stake.account for stake in split.stakes if not stake.is_ours}
    assert -sum(balances[account] for account in {*shares, OWN}) == unwound.payable_change.minor
    assert [part.minor for part in unwound.refunded] == [*apportion(before + change, amounts)]
