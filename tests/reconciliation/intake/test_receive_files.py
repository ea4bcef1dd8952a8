"""Which files count: sequence, corrections that overtake, strangers, headers against names."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from reconciliation.errors import MonthError
from reconciliation.intake.file_names import LogicalKey, parse_file_name
from tests.reconciliation.institution_files import Credit, Head, Movement, at, janata, npsb
from tests.reconciliation.small_month import SmallMonth

SUN, MON, TUE = date(2026, 4, 5), date(2026, 4, 6), date(2026, 4, 7)
ROW = Movement("000000000001", at("2026-04-05 10:00:00"), 100_000)

Make = Callable[..., SmallMonth]


@pytest.fixture
def small(tmp_path: Path) -> Make:
    return lambda *institutions, **more: SmallMonth(tmp_path, institutions, **more)


@pytest.mark.parametrize(
    ("name", "key", "correction"),
    [
        ("bkash_20260405_01.csv", LogicalKey("bkash", SUN, 1), 0),
        ("dbbl_nexus_20260405_12_c3.csv", LogicalKey("dbbl_nexus", SUN, 12), 3),
    ],
)
def test_a_name_tells_its_logical_key(name: str, key: LogicalKey, correction: int) -> None:
    told = parse_file_name(name)
    assert (told.key, told.correction) == (key, correction)


@pytest.mark.parametrize(
    "name", ["bkash.csv", "bkash_20260431_01.csv", "bkash_20260405_1.csv", "x_20260405_01_c0.csv", ""]
)
def test_a_name_that_tells_nothing_stops_the_run(name: str) -> None:
    with pytest.raises(MonthError):
        parse_file_name(name)


def test_a_number_that_is_skipped_is_found_once(small: Make) -> None:
    month = small("janata")
    for day, number in ((MON, 3), (TUE, 4)):
        month.put(LogicalKey("janata", day, 1), janata([], Head(day, sequence=number)))
    assert month.run().found == {("SEQUENCE_GAP", "janata_20260406_01.txt", "2026-04-06")}


def test_the_number_of_a_missing_file_is_no_gap(small: Make) -> None:
    done = small("janata", absent={LogicalKey("janata", MON, 1)}).run()
    assert done.found == {("FILE_MISSING", "janata_20260406_01.txt", "2026-04-06")}


def test_a_missing_file_blocks_judgement_of_its_day(small: Make) -> None:
    month = small("janata", absent={LogicalKey("janata", SUN, 1)}).book("janata", ROW)
    done = month.run()
    assert done.codes == ["FILE_MISSING"]
    assert [fate for *_, fate in done.fates(ROW.ours)] == ["open"]


def test_the_open_total_of_a_missing_file_is_what_waits_for_it(small: Make) -> None:
    done = small("janata", absent={LogicalKey("janata", SUN, 1)}).book("janata", ROW).run()
    ((_, one),) = done.progress.findings.values()
    assert one.open_total == 100_000


def test_each_open_taka_waits_for_the_file_of_its_cycle(small: Make) -> None:
    """Four files of a date are missing or refused: together they bear what is open, each its own part."""
    moved = [
        Movement(f"00000000000{cycle}", at(f"2026-04-05 {hour}:00:00"), 100_000 * cycle, theirs=f"F{cycle}")
        for cycle, hour in ((1, "05"), (2, "11"), (3, "17"), (4, "23"))
    ]
    month = small("npsb", absent={LogicalKey("npsb", SUN, cycle) for cycle in (1, 2, 3)})
    month.book("npsb", *moved)
    month.put(LogicalKey("npsb", SUN, 4), npsb(moved[3:], Head(SUN, 4, 4)).replace(b"FT^1", b"FT^2"))
    assert month.run().waits_for == {
        ("FILE_MISSING", "npsb_20260405_01.txt"): 100_000,
        ("FILE_MISSING", "npsb_20260405_02.txt"): 200_000,
        ("FILE_MISSING", "npsb_20260405_03.txt"): 300_000,
        ("CONTROL_TOTAL", "npsb_20260405_04.txt"): 400_000,
    }


def test_what_a_file_came_without_waits_for_the_next_one_of_its_date(small: Make) -> None:
    rows = [
        ROW.but(ours=f"00000000000{hour}", theirs=f"F{hour}", at=at(f"2026-04-05 0{hour}:00:00"))
        for hour in (1, 7)
    ]
    month = small("npsb", absent={LogicalKey("npsb", SUN, cycle) for cycle in (3, 4)})
    assert month.book("npsb", *rows).run().waits_for == {
        ("FILE_MISSING", "npsb_20260405_03.txt"): 200_000,
        ("FILE_MISSING", "npsb_20260405_04.txt"): 0,
    }


def test_the_first_break_about_a_file_bears_what_waits_for_it(small: Make) -> None:
    """Missing, then refused, then refused again: the same money, counted once."""
    row = ROW.but(ours="000000000001", theirs="F1", at=at("2026-04-05 23:00:00"))
    broken = npsb([row], Head(SUN, 4, 4)).replace(b"FT^1", b"FT^2")
    again = npsb([row], Head(SUN, 4, 4, correction=1)).replace(b"FT^1", b"FT^3")
    month = small("npsb").book("npsb", row).put(LogicalKey("npsb", SUN, 4), broken, night=1)
    done = month.put(LogicalKey("npsb", SUN, 4), again, night=2, correction=1).run()
    assert done.waits_for == {
        ("FILE_MISSING", "npsb_20260405_04.txt"): 100_000,
        ("CONTROL_TOTAL", "npsb_20260405_04.txt"): 0,
        ("CONTROL_TOTAL", "npsb_20260405_04_c1.txt"): 0,
    }


def test_what_moved_on_a_closed_day_waits_for_the_first_file_behind_it(small: Make) -> None:
    """Janata makes files on business days only: a Friday's payment is due on Sunday, with its one file."""
    friday = ROW.but(at=at("2026-04-03 10:00:00"))
    month = small("janata", days=3, first=date(2026, 4, 3), absent={LogicalKey("janata", SUN, 1)})
    assert month.book("janata", friday).run().waits_for == {
        ("FILE_MISSING", "janata_20260405_01.txt"): 100_000
    }


def test_a_correction_of_a_refused_file_is_simply_loaded(small: Make) -> None:
    broken = npsb([ROW], Head(SUN, 4, 4)).replace(b"FT^1", b"FT^2")
    month = small("npsb").book("npsb", ROW).put(LogicalKey("npsb", SUN, 4), broken)
    done = month.send("npsb", [ROW], SUN, correction=1, night=1).run()
    assert done.found == {("CONTROL_TOTAL", "npsb_20260405_04.txt", "2026-04-05")}
    assert {fate for *_, fate in done.fates(ROW.ours)} == {"matched"}


def test_an_original_that_its_correction_overtook_changes_nothing(small: Make) -> None:
    wrong = ROW.but(gross=70_000)
    month = small("npsb").book("npsb", ROW).send("npsb", [ROW], SUN, correction=1, night=0)
    done = month.send("npsb", [wrong], SUN, night=1).run()
    assert done.found == {("FILE_SUPERSEDED", "npsb_20260405_04.txt", "2026-04-06")}
    assert {fate for *_, fate in done.fates(ROW.ours)} == {"matched"}


def test_a_second_correction_replaces_the_first(small: Make) -> None:
    month = small("npsb", days=4).book("npsb", ROW).send("npsb", [ROW.but(gross=1)], SUN)
    month.send("npsb", [ROW.but(gross=2)], SUN, correction=1, night=1)
    done = month.send("npsb", [ROW], SUN, correction=2, night=2).run()
    assert done.codes == ["AMOUNT", "FILE_SUPERSEDED", "FILE_SUPERSEDED"]
    assert {fate for *_, fate in done.fates(ROW.ours)} == {"matched"}


def test_a_correction_that_loses_a_row_opens_its_payment_again(small: Make) -> None:
    month = small("npsb").book("npsb", ROW).send("npsb", [ROW], SUN)
    done = month.send("npsb", [], SUN, correction=1, night=1).run()
    assert done.found == {
        ("FILE_SUPERSEDED", "npsb_20260405_04.txt", "2026-04-06"),
        ("LEDGER_ONLY", ROW.ours, "2026-04-06"),
    }


@pytest.mark.parametrize(
    "head",
    [Head(MON, 4, 4), Head(SUN, 3, 4), Head(SUN, 4, 4, correction=1)],
    ids=["another date", "another cycle", "a mark that the name lacks"],
)
def test_a_header_that_contradicts_the_name_refuses_the_file(small: Make, head: Head) -> None:
    done = small("npsb").put(LogicalKey("npsb", SUN, 4), npsb([], head)).run()
    assert done.found == {("CONTROL_TOTAL", "npsb_20260405_04.txt", "2026-04-05")}


def test_a_statement_must_open_where_the_last_one_closed(small: Make) -> None:
    month = small("stmt_sonali").credit([Credit(100, "")], SUN)
    month.credit([Credit(5, "", "SB2")], MON, opening=99)
    month.absent.add(LogicalKey("stmt_sonali", TUE, 1))
    done = month.run()
    assert done.found == {
        ("FILE_ONLY", "SB1", "2026-04-05"),
        ("CONTROL_TOTAL", "stmt_sonali_20260406_01.xml", "2026-04-06"),
        ("FILE_MISSING", "stmt_sonali_20260407_01.xml", "2026-04-07"),
    }


def test_yesterdays_bytes_under_todays_name_are_a_duplicate(small: Make) -> None:
    month = small("bkash", days=4)
    row = ROW.but(ours="EKF1")
    month.book("bkash", row).send("bkash", [row], SUN).send("bkash", [row], MON)
    assert month.run().found == {
        ("FILE_DUPLICATE", "bkash_20260406_01.csv", "2026-04-07"),
        ("FILE_MISSING", "bkash_20260406_01.csv", "2026-04-07"),
    }


def test_a_file_for_a_day_on_which_none_is_made_is_refused(tmp_path: Path, small: Make) -> None:
    month = small("janata", days=6, first=date(2026, 4, 5))
    friday = date(2026, 4, 10)
    written = month.write()
    (written.files(friday) / "janata_20260410_01.txt").write_bytes(janata([], Head(friday)))
    (tmp_path / "files" / "2026-04-10" / "nobody_20260410_01.txt").write_bytes(b"")
    assert {code for code, *_ in month.of(written).found} == {"ROW_REJECTED"}
