"""`ekpay billers scroll` and `ekpay billers load`, typed over a database that is really there."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ekpay_switch.domain.business_day import business_date
from tests.cli.command_result import Ekpay, Typed
from tests.cli.payments.test_payment_commands import Written, completed
from tests.domain.scrolls.test_bill_files import GOOD, written

__all__ = ["completed"]  # a fixture: a payment of DESCO's

CONFIG = Path(__file__).parents[3] / "config"
TODAY = business_date(datetime.now(UTC))


@pytest.fixture
def config(tmp_path: Path) -> str:
    """The manifests of this installation, with many files a day for DESCO."""
    billers = tmp_path / "config" / "billers"
    billers.mkdir(parents=True)
    for path in (CONFIG / "billers").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        if path.stem == "desco_postpaid":
            text = text.replace("[scroll]\n", "[scroll]\ncycles_per_day = 24\n")
        (billers / path.name).write_text(text, encoding="utf-8")
    return str(billers.parent)


def scroll(ekpay: Ekpay, config: str, *words: str, day: object = TODAY) -> Typed:
    return ekpay("billers", "scroll", "desco_postpaid", "--date", str(day), *words, EKPAY_CONFIG=config)


def test_a_scroll_is_written_under_its_own_name_and_again_the_same(
    ekpay: Ekpay, config: str, completed: Written, tmp_path: Path
) -> None:
    done = scroll(ekpay, config, "--cycle", "1", "--out", str(tmp_path))
    assert done.code == 0, done.err
    path = tmp_path / f"scroll_desco_postpaid_{TODAY:%Y%m%d}_01.csv"
    content = path.read_text(encoding="utf-8")
    assert f",{completed.reference}," in content
    lines = content.split("\n")
    digest = hashlib.sha256("".join(f"{line}\n" for line in lines[2:-2]).encode()).hexdigest()
    assert done.out.startswith(f"{path.name}: {len(lines) - 4} rows, ")
    assert f"SHA-256 {digest}, in {path}" in done.out

    again = scroll(ekpay, config, "--cycle", "1", "--out", str(tmp_path))
    shown = scroll(ekpay, config, "--cycle", "1", "--out", "-")

    assert again.out == done.out
    assert shown.out == path.read_text(encoding="utf-8") == content
    assert shown.err.startswith(path.name)


def test_another_file_in_its_place_is_left_alone(ekpay: Ekpay, tmp_path: Path) -> None:
    place = tmp_path / "mine.csv"
    place.write_text("mine")
    words = ("--date", str(TODAY), "--cycle", "1", "--out", str(place))
    done = ekpay("billers", "scroll", "school_fee", *words)
    assert done.code == 2
    assert "is there already and is another file" in done.err
    assert place.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "days", "why"),
    [
        ((), 0, "once the day is over in Dhaka"),
        (("--cycle", "25"), 0, "no such cycle"),
        (("--cycle", "1"), 1, "has not begun in Dhaka"),
    ],
)
def test_a_file_before_its_time_is_refused_in_one_line(
    ekpay: Ekpay, config: str, words: tuple[str, ...], days: int, why: str
) -> None:
    done = scroll(ekpay, config, *words, day=TODAY + timedelta(days=days))
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert why in done.err


@pytest.mark.parametrize(
    "words", [("scroll", "nobody", "--date", "2026-03-01"), ("load", "nobody", __file__)]
)
def test_a_biller_that_is_not_here_is_refused(ekpay: Ekpay, words: tuple[str, ...]) -> None:
    done = ekpay("billers", *words)
    assert done.code == 1
    assert "no biller of this id" in done.err


def test_a_day_that_is_none_is_misuse(ekpay: Ekpay) -> None:
    assert ekpay("billers", "scroll", "nu_fee", "--date", "yesterday").code == 2


# ---- bill files


def load(ekpay: Ekpay, tmp_path: Path, content: bytes, biller: str = "nu_fee") -> Typed:
    path = tmp_path / "bills.csv"
    path.write_bytes(content)
    return ekpay("billers", "load", biller, str(path))


def test_a_bill_file_is_taken_over_once_and_in_its_turn(ekpay: Ekpay, tmp_path: Path) -> None:
    content = written(GOOD, GOOD | {"bill_no": "NU-2"})
    done = load(ekpay, tmp_path, content)
    assert done.code == 0, done.err
    assert done.out == (
        "File 3 of nu_fee: 2 bills added, 0 stated again, 0 left as they are since we have taken them.\n"
    )
    again = load(ekpay, tmp_path, content)
    assert (again.code, again.out) == (1, "")
    assert "loaded before" in again.err
    other = load(ekpay, tmp_path, written(GOOD, head="BILLS,1,nu_fee,9,2026-03-02"))
    assert "is number 4, and this is 9" in other.err


def test_every_problem_is_named_by_its_line_without_what_stands_there(ekpay: Ekpay, tmp_path: Path) -> None:
    done = load(ekpay, tmp_path, written(GOOD | {"amount": "485,5", "due_on": "17 March"}))
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "ekpay: bills.csv: line 3: due_on: no date as YYYY-MM-DD",
        "ekpay: bills.csv: line 3: amount: no taka with two decimals",
        "ekpay: nothing was taken over",
    ]


def test_of_many_problems_the_first_are_named_and_the_rest_counted(ekpay: Ekpay, tmp_path: Path) -> None:
    rows = [GOOD | {"bill_no": f"NU-{number}", "amount": "x", "lines": ""} for number in range(80)]
    done = load(ekpay, tmp_path, written(*rows))
    assert done.err.splitlines()[-2:] == ["ekpay: and 30 more problems", "ekpay: nothing was taken over"]


def test_a_biller_that_is_spoken_to_takes_no_bill_files(ekpay: Ekpay, tmp_path: Path) -> None:
    done = load(ekpay, tmp_path, written(GOOD), "desco_postpaid")
    assert done.code == 2
    assert "hands over no bills in files" in done.err
