import hashlib
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.errors import UnbalancedEntryError, UnknownAccountError
from ekpay_switch.domain.ledger.entries import (
    CHART,
    GENESIS,
    AccountKind,
    Entry,
    EntryHeader,
    Posting,
    canonical_text,
    chain_hash,
    decrease,
    increase,
    keeps_balance,
    kind_of,
)

ACCOUNTS = st.sampled_from([*CHART, "prefund:bank1:postpaid", "payable:desco_postpaid"])
AMOUNTS = st.integers(min_value=-(10**15), max_value=10**15)
LINES = st.lists(st.tuples(ACCOUNTS, AMOUNTS.filter(bool)), min_size=1, max_size=6)

ENTRY = Entry("accepted", (Posting("prefund:bank1:postpaid", 500), Posting("in_flight", -500)))
WRITTEN = EntryHeader(UUID(int=1), UUID(int=2), date(2026, 3, 1), 7)


@given(LINES)
def test_any_lines_with_their_counterpart_balance(lines: list[tuple[str, int]]) -> None:
    postings = [Posting(account, amount) for account, amount in lines]
    postings.append(Posting("suspense:bkash", -sum(amount for _, amount in lines)))
    entry = Entry.of("by_hand", postings)
    assert sum(posting.amount for posting in entry.postings) == 0


@given(LINES, st.integers(min_value=1, max_value=10**15))
def test_an_entry_that_makes_or_loses_money_does_not_exist(lines: list[tuple[str, int]], gap: int) -> None:
    postings = [Posting(account, amount) for account, amount in lines]
    postings.append(Posting("suspense:bkash", gap - sum(amount for _, amount in lines)))
    with pytest.raises(UnbalancedEntryError):
        Entry.of("by_hand", postings)


def test_an_entry_of_nothing_does_not_exist() -> None:
    with pytest.raises(UnbalancedEntryError):
        Entry.of("nothing", [Posting("in_flight", 0), Posting("fee_income", 0)])


def test_lines_of_zero_are_dropped() -> None:
    entry = Entry.of("accepted", [*ENTRY.postings, Posting("fee_income", 0)])
    assert entry == ENTRY


def test_an_entry_never_changes() -> None:
    with pytest.raises(FrozenInstanceError):
        ENTRY.moment = "delivered"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        ENTRY.postings[0].amount = 1  # type: ignore[misc]


@given(LINES)
def test_the_reversal_of_a_reversal_is_the_original_in_value(lines: list[tuple[str, int]]) -> None:
    postings = [Posting(account, amount) for account, amount in lines]
    entry = Entry("by_hand", (*postings, *(Posting(line.account, -line.amount) for line in postings)))
    assert entry.reversal().reversal().postings == entry.postings
    assert {line.account for line in entry.reversal().postings} == {line.account for line in entry.postings}


def test_a_reversal_says_what_it_takes_back() -> None:
    reversal = ENTRY.reversal()
    assert reversal.moment == "accepted_reversed"
    assert reversal.postings == (Posting("prefund:bank1:postpaid", -500), Posting("in_flight", 500))


@pytest.mark.parametrize("account", CHART)
def test_growing_an_account_follows_its_kind(account: str) -> None:
    is_debit_normal = CHART[account] in {AccountKind.ASSET, AccountKind.EXPENSE}
    assert increase(account, 5) == Posting(account, 5 if is_debit_normal else -5)
    assert decrease(account, 5) == Posting(account, -5 if is_debit_normal else 5)


@pytest.mark.parametrize("kind", AccountKind)
def test_every_kind_is_debit_or_credit_normal(kind: AccountKind) -> None:
    assert kind.is_debit_normal is (kind.value in {"asset", "expense"})


def test_the_first_part_of_a_code_says_what_kind_it_is() -> None:
    assert kind_of("receivable:bkash") is AccountKind.ASSET
    assert kind_of("payable:desco_postpaid") is AccountKind.LIABILITY


@pytest.mark.parametrize("account", ["", "cash", "prefunds:bank1:postpaid", "Payable:desco", ":payable"])
def test_an_account_outside_the_chart_is_refused(account: str) -> None:
    with pytest.raises(UnknownAccountError, match="chart of accounts"):
        increase(account, 1)


def test_only_prefunds_keep_a_balance_on_their_row() -> None:
    assert keeps_balance("prefund:bank1:postpaid")
    assert not any(keeps_balance(account) for account in CHART)


def test_the_hash_covers_the_previous_hash_and_the_canonical_text() -> None:
    text = (
        b"ekpay-entry-1\x1f00000000-0000-0000-0000-000000000001\x1f00000000-0000-0000-0000-000000000002"
        b"\x1f2026-03-01\x1f7\x1faccepted\x1fBDT\x1fprefund:bank1:postpaid\x1f500\x1fin_flight\x1f-500"
    )
    assert chain_hash(GENESIS, WRITTEN, ENTRY) == hashlib.sha256(GENESIS + text).digest()
    head = (str(WRITTEN.entry_id), str(WRITTEN.payment_id), "2026-03-01", "7")
    assert canonical_text(head, ENTRY) == text


def swapped(entry: Entry) -> Entry:
    return replace(entry, postings=entry.postings[::-1])


def in_balance(entry: Entry) -> Entry:
    """Two postings changed so that the entry still balances."""
    return replace(entry, postings=tuple(replace(line, amount=line.amount * 2) for line in entry.postings))


def elsewhere(entry: Entry) -> Entry:
    return replace(
        entry, postings=(replace(entry.postings[0], account="prefund:bank2:postpaid"), entry.postings[1])
    )


@pytest.mark.parametrize(
    "tamper",
    [
        swapped,
        in_balance,
        elsewhere,
        lambda entry: replace(entry, moment="delivered"),
        lambda entry: replace(entry, currency="USD"),
    ],
)
def test_any_change_of_an_entry_changes_its_hash(tamper: Callable[[Entry], Entry]) -> None:
    assert chain_hash(GENESIS, WRITTEN, tamper(ENTRY)) != chain_hash(GENESIS, WRITTEN, ENTRY)


@pytest.mark.parametrize(
    "other",
    [
        replace(WRITTEN, entry_id=UUID(int=9)),
        replace(WRITTEN, payment_id=UUID(int=9)),
        replace(WRITTEN, payment_id=None),
        replace(WRITTEN, business_date=date(2026, 3, 2)),
        replace(WRITTEN, window_id=8),
    ],
)
def test_an_entry_is_bound_to_its_identity_payment_day_and_window(other: EntryHeader) -> None:
    assert chain_hash(GENESIS, other, ENTRY) != chain_hash(GENESIS, WRITTEN, ENTRY)


def test_an_entry_is_bound_to_the_one_before_it() -> None:
    first = chain_hash(GENESIS, WRITTEN, ENTRY)
    assert chain_hash(first, WRITTEN, ENTRY) != first
