"""Scrolls at the simulated offices: taken whole or refused, each row posted once."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.sandbox.billers.batch.caller import HOUSES, BatchCaller, a_row, a_scroll, batch_at
from tests.sandbox.caller import SetClock


@pytest.fixture
async def batch(tmp_path: Path, clock: SetClock) -> AsyncIterator[BatchCaller]:
    async with batch_at(tmp_path, clock) as batch:
        yield batch


async def rows_of(batch: BatchCaller, house: str, *kinds: str, first: int = 1) -> list[list[str]]:
    """A row for the first account of each kind, over what its bill says is owed."""
    rows = []
    for seq, kind in enumerate(kinds, first):
        cast = await batch.cast(house, kind, seq if kind == "normal" else 0)
        paisa = cast["total_paisa"]
        rows.append(a_row(seq, cast["bill_number"], f"{paisa // 100}.{paisa % 100:02d}"))
    return rows


@pytest.mark.parametrize("house", HOUSES)
async def test_a_scroll_is_posted_row_by_row(batch: BatchCaller, house: str) -> None:
    rows = await rows_of(
        batch, house, "normal", "normal", "lost_paid", "lost_unpaid", "html", "echoes_other", "slow"
    )
    answer = await batch.bring(house, a_scroll(house, rows))
    assert (answer["code"], answer["posted"], answer["rejected"]) == ("200", 7, [])
    payments = await batch.payments()
    assert {payment["reference"] for payment in payments} == {row[8] for row in rows}
    assert [payment["amount_paisa"] for payment in payments] == [
        int(row[16].replace(".", "")) for row in rows
    ]
    assert payments[0]["facts"] == {
        "collector_txn_id": "R1",
        "biller_ack_ref": "A1",
        "channel": "prefund",
        "scroll": "2026-03-10 1",
    }


async def test_what_cannot_be_posted_is_rejected_by_its_row_and_the_others_are_posted(
    batch: BatchCaller,
) -> None:
    kinds = ("normal", "refuses", "already_paid", "amount_changes", "unknown", "normal")
    rows = [
        row if row[16] != "0.00" else [*row[:11], "1.00", *row[12:16], "1.00", *row[17:]]
        for row in await rows_of(batch, "nu_fee", *kinds)
    ]
    answer = await batch.bring("nu_fee", a_scroll("nu_fee", rows))
    assert answer["posted"] == 2
    assert answer["rejected"] == [
        {"seq": 2, "reason": "refused"},
        {"seq": 3, "reason": "paid already"},
        {"seq": 4, "reason": "another amount is owed"},
        {"seq": 5, "reason": "no such bill"},
    ]


async def test_a_second_copy_is_refused_and_the_next_file_goes_on_counting(batch: BatchCaller) -> None:
    rows = await rows_of(batch, "nu_fee", "normal", "normal")
    assert (await batch.bring("nu_fee", a_scroll("nu_fee", rows)))["code"] == "200"
    assert (await batch.bring("nu_fee", a_scroll("nu_fee", rows)))["code"] == "409"
    assert (await batch.bring("nu_fee", a_scroll("nu_fee", rows, cycle=2)))["code"] == "424"
    more = await rows_of(batch, "nu_fee", "normal", first=3)
    assert (await batch.bring("nu_fee", a_scroll("nu_fee", more, cycle=3)))["code"] == "200"
    assert (await batch.bring("nu_fee", a_scroll("nu_fee", [], cycle=2)))["code"] == "410"
    assert len(await batch.payments()) == 3


async def test_a_new_day_counts_from_one_and_an_empty_file_is_taken(batch: BatchCaller) -> None:
    rows = await rows_of(batch, "nu_fee", "normal")
    await batch.bring("nu_fee", a_scroll("nu_fee", rows))
    empty = a_scroll("nu_fee", [], day="2026-03-11")
    assert (await batch.bring("nu_fee", empty))["code"] == "200"
    assert (await batch.bring("nu_fee", empty))["code"] == "409"


async def test_what_is_taken_back_whole_is_owed_again_and_a_part_is_noted(batch: BatchCaller) -> None:
    whole, part = await rows_of(batch, "nu_fee", "normal", "normal")
    await batch.bring("nu_fee", a_scroll("nu_fee", [whole, part]))
    back = [
        a_row(3, whole[5], f"-{whole[16]}", row_type="REV"),
        a_row(4, part[5], "-1.00", row_type="REV"),
        a_row(5, "262100000", "-1.00", row_type="REV"),
        a_row(6, part[5], "-9999.00", row_type="REV"),
        a_row(7, "x", "0.00", row_type="VOID"),
    ]
    answer = await batch.bring("nu_fee", a_scroll("nu_fee", back, cycle=2))
    assert (answer["taken_back"], answer["void"]) == (2, 1)
    assert [one["reason"] for one in answer["rejected"]] == ["nothing to take back", "more than was paid"]
    first, second = await batch.payments()
    assert (first["state"], second["state"]) == ("cancelled", "paid")
    assert second["facts"]["taken_back_2026-03-10_4"] == "-1.00"


async def test_a_payment_told_under_another_row_is_rejected(batch: BatchCaller) -> None:
    (row,) = await rows_of(batch, "nu_fee", "normal")
    await batch.bring("nu_fee", a_scroll("nu_fee", [row]))
    again = [*row[:1], "2", "2", *row[3:]]
    answer = await batch.bring("nu_fee", a_scroll("nu_fee", [again], cycle=2))
    assert answer["rejected"] == [{"seq": 2, "reason": "posted before"}]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("SCROLL,1,nu_fee", "SCROLL,1,school_fee", "422"),
        ("SCROLL,1", "SCROLL,2", "422"),
        (",common,", ",nesco,", "422"),
        ("scroll_date,scroll_no", "scroll_no,scroll_date", "422"),
        ("2026-03-10,1,common", "yesterday,1,common", "422"),
        ("2026-03-10,1,common", "2026-03-10,0,common", "422"),
        ("TRAILER,", "TRAILER", "422"),
        ("TRAILER,1", "TRAILER,2", "423"),
        (",prefund,", ",cash,", "423"),
        (",PAY", ",PAID", "422"),
        ("EKEY", "", "422"),
        (",0.00,0.00,", ",0.01,0.00,", "423"),
        (",0.00,0.00,", ",0,0.00,", "422"),
        (",prefund,", ',"prefund,', "422"),
    ],
)
async def test_a_file_that_is_not_right_is_refused_whole(
    batch: BatchCaller, old: str, new: str, code: str
) -> None:
    (row,) = await rows_of(batch, "nu_fee", "normal")
    row[8] = "EKEY"
    good = a_scroll("nu_fee", [row])
    assert old in good
    assert (await batch.bring("nu_fee", good.replace(old, new, 1)))["code"] == code
    assert await batch.payments() == []


@pytest.mark.parametrize("content", [b"", b"SCROLL", b"\xff\xfe", b"[]", b'{"file": 1}', b'{"fi'])
async def test_rubbish_posts_nothing(batch: BatchCaller, content: bytes) -> None:
    status, answer = await batch.bring_anything("nu_fee", content)
    assert (status, answer["code"]) in {(400, "400"), (200, "422")}
    assert await batch.payments() == []


async def test_nobody_brings_a_scroll_without_a_login_or_with_another_houses(batch: BatchCaller) -> None:
    batch.tokens["nu_fee"] = "x"
    assert (await batch.bring_anything("nu_fee", a_scroll("nu_fee", [])))[0] == 401
    await batch.log_in("school_fee")
    batch.tokens["nu_fee"] = batch.tokens["school_fee"]
    assert (await batch.bring_anything("nu_fee", a_scroll("nu_fee", [])))[0] == 401
    assert (await batch.post("nu_fee", "login", {"user": "ekpay", "password": "no"}))[0] == 401


async def test_an_answer_that_is_lost_leaves_a_file_that_was_not_looked_at(batch: BatchCaller) -> None:
    rows = await rows_of(batch, "nu_fee", "normal")
    await batch.admin("POST", "faults", {"house": "nu_fee", "fault": "close_before"})
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await batch.bring("nu_fee", a_scroll("nu_fee", rows))
    assert (await batch.bring("nu_fee", a_scroll("nu_fee", rows)))["posted"] == 1


async def test_the_book_survives_a_restart_and_knows_what_it_took(tmp_path: Path, clock: SetClock) -> None:
    async with batch_at(tmp_path, clock) as batch:
        rows = await rows_of(batch, "nu_fee", "normal")
        await batch.bring("nu_fee", a_scroll("nu_fee", rows))
    async with batch_at(tmp_path, clock) as batch:
        assert (await batch.bring("nu_fee", a_scroll("nu_fee", rows)))["code"] == "409"
        assert len(await batch.payments()) == 1
        assert rows[0][5] in await batch.end_of_day("nu_fee", "2026-03-10")


async def test_a_scroll_of_thousands_of_rows_fits(batch: BatchCaller) -> None:
    rows = [a_row(seq, f"none-{seq}", "1.00") for seq in range(1, 2_001)]
    answer = await batch.bring("nu_fee", a_scroll("nu_fee", rows))
    assert (answer["posted"], len(answer["rejected"])) == (0, 2_000)
