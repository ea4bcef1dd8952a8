"""The bill files of the simulated offices: what each states, and that one once made never changes."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandbox.billers.batch.caller import HOUSES, BatchCaller, batch_at
from tests.sandbox.caller import SetClock


@pytest.fixture
async def batch(tmp_path: Path, clock: SetClock) -> AsyncIterator[BatchCaller]:
    async with batch_at(tmp_path, clock) as batch:
        yield batch


@pytest.mark.parametrize("house", HOUSES)
async def test_the_first_file_states_every_bill_with_totals_at_both_ends(
    batch: BatchCaller, house: str
) -> None:
    lines = (await batch.bill_file(house)).split("\n")
    head, tail = lines[0].split(","), lines[-2].split(",")
    rows = "".join(f"{line}\n" for line in lines[2:-2])
    assert head[:5] == ["BILLS", "1", house, "1", "2026-03-10"]
    assert head[5:] == tail[1:]
    assert (tail[0], tail[1], tail[3]) == (
        "TRAILER",
        str(len(lines) - 4),
        hashlib.sha256(rows.encode()).hexdigest(),
    )
    assert len(lines) - 4 > 50 + 9 * 20


@pytest.mark.parametrize("house", HOUSES)
async def test_bills_are_named_as_the_cast_is(batch: BatchCaller, house: str) -> None:
    bills = await batch.bills(house)
    for kind in ("normal", "three_bills", "refuses", "lost_paid"):
        cast = await batch.cast(house, kind)
        row = bills[cast["bill_number"]]
        assert row["status"] == "UNPAID"
        assert cast["fields"].items() <= row.items()
    assert bills[(await batch.cast(house, "already_paid"))["bill_number"]]["status"] == "PAID"
    assert (await batch.cast(house, "unknown"))["bill_number"] not in bills


async def test_lines_sum_to_the_amount(batch: BatchCaller) -> None:
    for row in (await batch.bills("school_fee")).values():
        parts = [int(part.split("=")[1].replace(".", "")) for part in row["lines"].split(";")]
        assert sum(parts) == int(row["amount"].replace(".", ""))
        assert int(row["late_fee"].replace(".", "")) > 0


@pytest.mark.parametrize("house", HOUSES)
async def test_the_next_file_states_what_came_since(batch: BatchCaller, house: str) -> None:
    before = await batch.bills(house)
    paid, withdrawn, changes = [await batch.cast(house, "normal", 3), await batch.cast(house, "normal", 4),
                                await batch.cast(house, "amount_changes")]  # fmt: skip
    counter = await batch.admin("POST", "counter_payment", {"house": house, "bill": paid["bill_number"]})
    assert counter == {"paid": True, "amount_paisa": paid["total_paisa"]}
    await batch.admin("POST", "withdraw", {"house": house, "bill": withdrawn["bill_number"]})

    after = await batch.bills(house, is_next=True)

    assert after[paid["bill_number"]]["status"] == "PAID"
    assert after[withdrawn["bill_number"]]["status"] == "WITHDRAWN"
    grown = changes["bill_number"]
    assert _paisa(after[grown]["amount"]) == _paisa(before[grown]["amount"]) + 100
    assert len(after) == 2 + 20
    assert await batch.bills(house, is_next=True) == {}


async def test_a_file_once_made_is_the_same_for_ever(batch: BatchCaller, clock: SetClock) -> None:
    first = await batch.bill_file("nu_fee")
    clock.advance(days=40)
    assert await batch.bill_file("nu_fee") == first
    second = await batch.bill_file("nu_fee", is_next=True)
    assert second.startswith("BILLS,1,nu_fee,2,2026-04-19,20,")
    assert await batch.bill_file("nu_fee") == second


async def test_files_survive_a_restart(tmp_path: Path, clock: SetClock) -> None:
    async with batch_at(tmp_path, clock) as batch:
        await batch.bill_file("nu_fee")
        second = await batch.bill_file("nu_fee", is_next=True)
    async with batch_at(tmp_path, clock) as batch:
        assert await batch.bill_file("nu_fee") == second


async def test_a_bill_is_paid_at_the_counter_once(batch: BatchCaller) -> None:
    bill = (await batch.cast("nu_fee"))["bill_number"]
    await batch.admin("POST", "counter_payment", {"house": "nu_fee", "bill": bill})
    again = await batch.admin("POST", "counter_payment", {"house": "nu_fee", "bill": bill})
    assert again["paid"] is False
    (payment,) = await batch.payments()
    assert (payment["bill_number"], payment["facts"]) == (bill, {"channel": "counter"})


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("bill_file", {"house": "nobody"}),
        ("counter_payment", {"house": "nu_fee", "bill": "260200000000"}),
        ("counter_payment", {"house": "nobody", "bill": "1"}),
        ("withdraw", {"house": "nu_fee"}),
    ],
)
async def test_an_order_about_nothing_here_is_refused(batch: BatchCaller, path: str, order: object) -> None:
    async with batch.session.post(f"{batch.origin}/_admin/{path}", json=order) as answer:
        assert answer.status == 400


def _paisa(text: str) -> int:
    return int(text.replace(".", ""))
