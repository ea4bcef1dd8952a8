"""Files of merchants and payees: whole or not at all, every wrong cell named, as often as one likes."""

import csv
import io
import json
import stat
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import pytest

from ekpay_switch.cli.merchants import import_files as merchant_files
from ekpay_switch.cli.merchants.import_files import KeyFile
from ekpay_switch.persistence.merchants.staff_actions import MerchantKey
from tests.cli.command_result import Ekpay, Typed
from tests.cli.two_persons import FOUNDERS, FOUNDERS_PASSPHRASE, on_the_staff

PASSPHRASE = "correct horse battery"
WRITES = {"EKPAY_STAFF_PASSPHRASE": PASSPHRASE, "EKPAY_APPROVER_PASSPHRASE": FOUNDERS_PASSPHRASE}
COLUMNS = (
    "mer_reg_id",
    "name_en",
    "name_bn",
    "return_hosts",
    "networks",
    "refund_limit",
    "charges_on_refund",
)
_NUMBERS = count(1)


@pytest.fixture
def by(ekpay: Ekpay) -> str:
    name = f"Rahima of unions {next(_NUMBERS)}"
    on_the_staff(ekpay, name, PASSPHRASE)
    return name


@pytest.fixture
def upazila() -> str:
    """One that no other test uses."""
    number = next(_NUMBERS)
    return f"pan_{chr(97 + number // 26)}{chr(97 + number % 26)}x"


def a_line(upazila: str, union: str, **cells: str) -> dict[str, str]:
    usual = {
        "mer_reg_id": f"{upazila}_{union}_up",
        "name_en": f"Union {union}",
        "name_bn": "ইউনিয়ন পরিষদ",
        "return_hosts": "union.example",
        "networks": "192.0.2.7 2001:db8::/32",
        "refund_limit": "500.00",
        "charges_on_refund": "",
    }
    return usual | cells


def written(folder: Path, *lines: Mapping[str, str], name: str = "unions.csv") -> Path:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    path = folder / name
    path.write_text("\ufeff" + text.getvalue(), encoding="utf-8", newline="")
    return path


def taken(ekpay: Ekpay, path: Path, by: str, keys: Path) -> Typed:
    return ekpay(
        "merchants",
        "import",
        str(path),
        "--keys",
        str(keys),
        "--by",
        by,
        "--approved-by",
        FOUNDERS[1],
        "--json",
        **WRITES,
    )


def keys_in(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as opened:
        return {row["mer_reg_id"]: row["pass_key"] for row in csv.DictReader(opened)}


def test_an_upazila_is_added_at_once_and_its_keys_are_for_one_pair_of_eyes(
    ekpay: Ekpay, by: str, upazila: str, tmp_path: Path
) -> None:
    path = written(tmp_path, *(a_line(upazila, union) for union in ("boda", "sakoa", "moidan")))
    keys = tmp_path / "keys.csv"
    ids = [f"{upazila}_{union}_up" for union in ("boda", "sakoa", "moidan")]

    rehearsed = ekpay("merchants", "import", str(path), "--dry-run", "--json")
    assert json.loads(rehearsed.out) == {"would_be_added": ids, "left_alone": 0}
    assert upazila not in ekpay("merchants", "list", "--json").out

    done = taken(ekpay, path, by, keys)

    assert json.loads(done.out) == {"added": ids, "left_alone": 0}
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    told = keys_in(keys)
    assert list(told) == ids
    assert len({*told.values()}) == 3
    assert not any(key in done.out + done.err for key in told.values())
    assert not list(tmp_path.glob("*.partial"))
    shown = json.loads(ekpay("merchants", "show", f"{upazila}-boda-up".replace("_", "-"), "--json").out)
    assert (shown["name_en"], shown["networks"]) == ("Union boda", ["192.0.2.7/32", "2001:db8::/32"])
    assert (shown["refund_limit"], shown["charges_on_refund"]) == (50_000, "kept")
    assert [(change["did"], change["by"]) for change in shown["changes"]] == [("added", by)]


def test_a_file_may_be_taken_again_with_more_in_it(
    ekpay: Ekpay, by: str, upazila: str, tmp_path: Path
) -> None:
    lines = [a_line(upazila, union) for union in ("boda", "sakoa")]
    first, second, third = (tmp_path / f"keys{number}.csv" for number in range(3))
    assert taken(ekpay, written(tmp_path, lines[0]), by, first).code == 0

    more = taken(ekpay, written(tmp_path, *lines), by, second)
    assert json.loads(more.out) == {"added": [f"{upazila}_sakoa_up"], "left_alone": 1}
    assert list(keys_in(second)) == [f"{upazila}_sakoa_up"]

    again = taken(ekpay, written(tmp_path, *lines), by, third)
    assert json.loads(again.out) == {"added": [], "left_alone": 2}
    assert not third.exists()


def test_every_wrong_cell_is_named_and_nothing_is_taken(
    ekpay: Ekpay, by: str, upazila: str, tmp_path: Path
) -> None:
    path = written(
        tmp_path,
        a_line(upazila, "boda"),
        a_line(upazila, "sakoa", networks="0.0.0.0/0", refund_limit="five"),
        a_line(upazila, "boda", name_bn=""),
        a_line(upazila, "Moidan"),
        a_line("dha_sav", "amin"),
    )

    done = taken(ekpay, path, by, tmp_path / "keys.csv")

    assert done.code == 1
    assert [line.removeprefix("ekpay: unions.csv: ") for line in done.err.splitlines()] == [
        "line 3, networks: at least one network, and none that is everybody's",
        "line 3, refund_limit: not taka with at most two decimals, such as 1250.50",
        "line 4, mer_reg_id: the same as in line 2",
        "line 4, name_bn: is missing",
        "line 5, mer_reg_id: not <3 letters district>_<3 letters upazila>_<union>_up in small letters",
        f"line 6, mer_reg_id: of another upazila than {upazila}",
        "ekpay: nothing was taken over",
    ]
    assert upazila not in ekpay("merchants", "list", "--json").out
    assert not (tmp_path / "keys.csv").exists()


def test_a_merchant_that_stands_with_other_content_keeps_the_whole_file_out(
    ekpay: Ekpay, by: str, upazila: str, tmp_path: Path
) -> None:
    assert taken(ekpay, written(tmp_path, a_line(upazila, "boda")), by, tmp_path / "first.csv").code == 0
    path = written(tmp_path, a_line(upazila, "sakoa"), a_line(upazila, "boda", networks="192.0.2.8"))

    rehearsed = ekpay("merchants", "import", str(path), "--dry-run")
    done = taken(ekpay, path, by, tmp_path / "second.csv")

    assert rehearsed.code == done.code == 1
    wrong = "ekpay: unions.csv: line 3, networks: stands already, and is another there\n"
    assert rehearsed.err == done.err == f"{wrong}ekpay: nothing was taken over\n"
    assert f"{upazila}_sakoa_up" not in ekpay("merchants", "list", "--json").out


def test_a_file_of_keys_is_never_written_over(ekpay: Ekpay, by: str, upazila: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.csv"
    for there in (keys, tmp_path / "keys.csv.partial"):
        there.write_text("the only copy")
        done = taken(ekpay, written(tmp_path, a_line(upazila, "boda")), by, keys)
        assert done.code == 1
        assert "only copy of keys" in done.err
        assert there.read_text() == "the only copy"
        there.unlink()
    assert upazila not in ekpay("merchants", "list", "--json").out


def test_where_the_keys_cannot_be_kept_no_merchant_is_added(
    ekpay: Ekpay, by: str, upazila: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ekpay_switch.cli.merchants.import_files.os.fsync", full)
    keys = tmp_path / "keys.csv"

    done = taken(ekpay, written(tmp_path, a_line(upazila, "boda")), by, keys)

    assert (done.code, "No space left" in done.err) == (1, True)
    assert upazila not in ekpay("merchants", "list", "--json").out
    assert not list(tmp_path.glob("keys*"))


def test_an_import_needs_a_person_and_a_place_for_keys(
    ekpay: Ekpay, by: str, upazila: str, tmp_path: Path
) -> None:
    path = written(tmp_path, a_line(upazila, "boda"))
    for words in ((), ("--by", by), ("--keys", str(tmp_path / "keys.csv"))):
        done = ekpay("merchants", "import", str(path), *words, **WRITES)
        assert (done.code, "name --keys, --by and --approved-by, or --dry-run" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "line 1: a file has a heading and at least one line below it"),
        (b"code,kind,name\n\n\n", "line 1: a file has a heading and at least one line below it"),
        (b"code,kind,name\nS1,seller\n", "line 2: has 2 cells, the heading 3"),
        (b"code,kind,colour\nS1,seller,blue\n", "line 1, colour: there is no such column"),
        (b"code,kind,colour\nS1,seller,blue\n", "line 1, name: is missing"),
        (b"code,kind,name,name\nS1,seller,a,b\n", "line 1, name: stands twice"),
        (b"code,kind,name\nS1,seller,\xff\n", "line 2: not UTF-8"),
        (b'code,kind,name\nS1,seller,"a"b\n', "line 2: not CSV"),
        (b"code,kind,name\nS:1,buyer,a\n", "line 2, code: not up to 32"),
        (b"code,kind,name\nS:1,buyer,a\n", "line 2, kind: not one of agent, delivery, seller"),
        (b"code,kind,name\nS1,seller,a\nS1,agent,b\n", "line 3, code: the same as in line 2"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(
    ekpay: Ekpay, by: str, tmp_path: Path, content: bytes, why: str
) -> None:
    path = tmp_path / "payees.csv"
    path.write_bytes(content)
    done = ekpay("merchants", "payees", "import", "nobody", str(path), "--by", by, **WRITES)
    assert done.code == 1
    assert f"ekpay: payees.csv: {why}" in done.err
    assert done.err.endswith("nothing was taken over\n")


def test_what_is_too_large_is_not_read(ekpay: Ekpay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "payees.csv"
    path.write_text("code,kind,name\nS1,seller,a\nS2,seller,b\n")
    for limit, why in (("FILE_BYTES_MAX", "more than 2 bytes"), ("LINES_MAX", "more than 2 lines")):
        with monkeypatch.context() as patched:
            patched.setattr(merchant_files, limit, 2)
            done = ekpay("merchants", "payees", "import", "nobody", str(path), "--dry-run")
        assert (done.code, why in done.err) == (1, True)


def test_fifty_problems_are_enough_to_begin_with(ekpay: Ekpay, tmp_path: Path) -> None:
    path = tmp_path / "payees.csv"
    path.write_text("code,kind,name\n" + "".join(f"S{n},buyer,a\n" for n in range(60)))
    done = ekpay("merchants", "payees", "import", "nobody", str(path), "--dry-run")
    assert len(done.err.splitlines()) == 52
    assert "and 10 more problems" in done.err


def test_payees_of_a_file_are_registered_once(ekpay: Ekpay, by: str, upazila: str, tmp_path: Path) -> None:
    assert taken(ekpay, written(tmp_path, a_line(upazila, "boda")), by, tmp_path / "keys.csv").code == 0
    shop = f"{upazila}-boda-up".replace("_", "-")
    lines = [
        {"code": "AG-1", "kind": "agent", "name": "ডিজিটাল সেন্টার"},
        {"code": "S1", "kind": "seller", "name": "A seller"},
    ]
    path = written(tmp_path, *lines, name="payees.csv")
    words = ("merchants", "payees", "import", shop, str(path))

    assert json.loads(ekpay(*words, "--dry-run", "--json").out) == {
        "would_be_registered": ["AG-1", "S1"],
        "left_alone": 0,
    }
    assert json.loads(ekpay(*words, "--by", by, "--json", **WRITES).out)["registered"] == ["AG-1", "S1"]
    assert ekpay(*words, "--by", by, **WRITES).out == "0 registered, 2 left alone.\n"
    assert ekpay(*words).code == 2

    written(tmp_path, lines[0] | {"kind": "seller"}, name="payees.csv")
    clash = ekpay(*words, "--by", by, **WRITES)
    assert (clash.code, "line 2, kind: stands already" in clash.err) == (1, True)


def test_no_cell_of_a_key_file_is_a_formula(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.csv")
    names = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", 'A, "quoted" name']
    file.keep([MerchantKey("p", "r", name, "k") for name in names])
    file.finish()

    with file.path.open(encoding="utf-8", newline="") as opened:
        _, *rows = csv.reader(opened)
    assert [row[1] for row in rows] == [f"'{name}" for name in names[:5]] + names[5:]
