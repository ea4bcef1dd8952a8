import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122

from ekpay_switch.security.identifiers import (
    Uuid7Source,
    random_text,
    unguessable,
    unguessable_in_order,
    uuid7,
)


def test_a_uuid7_carries_its_version_and_millisecond() -> None:
    made = Uuid7Source(lambda: 1_795_000_000_123).next()
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == 1_795_000_000_123


def test_uuids_of_one_millisecond_grow() -> None:
    source = Uuid7Source(lambda: 5)
    made = [source.next() for _ in range(5_000)]
    assert all(before < after for before, after in pairwise(made))
    assert all((uuid.version, uuid.variant) == (7, RFC_4122) for uuid in made)


def test_uuids_grow_while_the_clock_goes_back() -> None:
    clock = iter((10, 9, 1, 0, 11))
    source = Uuid7Source(lambda: next(clock))
    made = [source.next() for _ in range(5)]
    assert made == sorted(set(made))
    assert [uuid.int >> 80 for uuid in made] == [10, 10, 10, 10, 11]


def test_a_full_millisecond_borrows_the_next() -> None:
    source = Uuid7Source(lambda: 5)
    first = source.next()
    source._tail = (1 << 74) - 1  # noqa: SLF001 - 2^73 steps would take too long
    following = source.next()
    assert first < following
    assert following.int >> 80 == 6


def test_threads_never_share_a_uuid() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: uuid7(), range(4_000)))
    assert len(set(made)) == len(made)


def test_unguessable_text_has_134_bits_of_a_z_0_9() -> None:
    made = {unguessable() for _ in range(500)}
    assert len(made) == 500
    assert all(re.fullmatch(r"[A-Z0-9]{26}", text) for text in made)
    assert len(unguessable(32)) == 32


def test_what_is_made_later_sorts_later_and_is_no_easier_to_guess() -> None:
    start = datetime(2026, 11, 26, tzinfo=UTC)
    made = [unguessable_in_order(start + timedelta(milliseconds=each)) for each in range(2_000)]
    assert made == sorted(made)
    assert all(re.fullmatch(r"[A-Z0-9]{26}", text) for text in made)
    together = {unguessable_in_order(start) for _ in range(500)}
    assert len({text[8:] for text in together}) == 500
    assert {text[:8] for text in together} == {made[0][:8]}


def test_the_letters_of_time_last_until_2059() -> None:
    last = datetime(2059, 5, 1, tzinfo=UTC)
    assert unguessable_in_order(last)[:8] > unguessable_in_order(last - timedelta(days=30 * 365))[:8]


def test_no_letter_is_likelier_than_another() -> None:
    """With bytes taken modulo 36 the first four letters would come up one seventh more often."""
    counts = Counter(random_text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 360_000))
    assert set(counts) == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    assert all(9_300 < count < 10_700 for count in counts.values())
