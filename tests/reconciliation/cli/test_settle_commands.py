"""`ekpay settle` as finance types it, over real tables."""

import asyncio
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from reconciliation.canonical_row import BROKEN
from reconciliation.cli.settle_commands import app
from reconciliation.settlement import current_state as desk
from reconciliation.settlement.instructions import pacs009
from reconciliation.settlement.instructions.account_registry import PayoutSettings, read_registry
from reconciliation.settlement.instructions.withholding_rows import WithholdingRow
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import (
    CHECKER,
    MAKER,
    KeptRows,
    Stage,
    booked,
    expected,
    pair,
    report,
    row,
)

RTGS = 12_000_000
TWO_PERSONS = ("--by", MAKER, "--approved-by", CHECKER)
Typed = Callable[..., Any]


@pytest.fixture
def stage(settlement_stage: Stage) -> Stage:
    """The stage of settlement, where its neighbours have that of nights."""
    return settlement_stage


@pytest.fixture
async def typed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types a command over a reconciled Sunday."""
    stage.rows = [
        *pair("npsb", "N1", RTGS + 900),
        *pair("desco_postpaid", "D1", RTGS),
        row("desco_postpaid", "D2", 500, ordinal=2, verdict=BROKEN),
    ]
    await stage.hold({"receivable:npsb": RTGS + 900, "payable:desco_postpaid": RTGS, "settlement_bank": 100})
    await stage.run(SUN)
    monkeypatch.setattr(desk, "RunRows", lambda _: KeptRows(stage.kept))
    monkeypatch.setenv("EKPAY_STAFF_PASSPHRASE", "one")
    monkeypatch.setenv("EKPAY_APPROVER_PASSPHRASE", "two")

    async def _type(*words: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(words), obj=stage.office))

    return _type


async def test_positions_are_shown_and_sum_to_zero(typed: Typed) -> None:
    shown = await typed("positions")
    assert shown.exit_code == 0, shown.output
    assert "biller:desco_postpaid" in shown.output
    assert "sum of all nets: 0.00" in shown.output
    told = json.loads((await typed("positions", "--json", "--value-date", str(MON))).output)
    assert (told["value_date"], told["sum"]) == (str(MON), 0)
    rows = list(csv.DictReader((await typed("positions", "--csv")).output.splitlines()))
    assert [(one["party"], one["net"], one["instructed"]) for one in rows] == [
        ("desco_postpaid", str(-RTGS), str(RTGS)),
        ("npsb", str(RTGS + 900), "0"),
        ("ours", "-900", "0"),
    ]


async def test_a_position_is_drilled_down_to_its_rows(typed: Typed) -> None:
    told = json.loads((await typed("explain", "desco_postpaid", "--value-date", str(MON), "--json")).output)
    assert [(one["our_reference"], one["amount"], one["state"], one["columns"]) for one in told["lines"]] == [
        ("D1", -RTGS, "agreed", {"gross_out": -RTGS, "net": -RTGS}),
        ("D2", -500, "held", {"gross_out": -500, "held": -500}),
    ]
    shown = await typed("explain", "biller:desco_postpaid", "--value-date", str(MON))
    assert "2 lines, net -120000.00" in shown.output


async def test_a_party_that_nobody_is_is_refused_with_those_like_it(typed: Typed) -> None:
    near = await typed("explain", "desko_postpaid", "--value-date", str(MON))
    assert near.exit_code == 2
    assert "desko_postpaid is no party with a line; near: biller:desco_postpaid" in _plain(near)
    far = await typed("explain", "zzz", "--value-date", str(MON))
    assert far.exit_code == 2
    assert "zzz is no party with a line: biller:desco_postpaid, connector:npsb" in _plain(far)


def _plain(result: Result) -> str:
    """What was said, without the frame around it."""
    return " ".join(result.output.replace("│", " ").split())


async def test_tax_is_shown_by_positions_instruct_and_explain(
    typed: Typed, stage: Stage, tmp_path: Path
) -> None:
    row_of_tax = WithholdingRow.model_validate(
        {"role": "biller", "section": "94", "basis_points": 1_000, "valid_from": MON}
    )
    payouts = PayoutSettings(withholding=(row_of_tax,))
    registry = read_registry(stage.office.config / "settlement.toml").model_copy(update={"payouts": payouts})
    expected_tax = {
        "party": "biller:desco_postpaid", "gross": RTGS, "section": "94", "basis_points": 1_000,
        "tax": 1_200_000, "net": 10_800_000,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "read_registry", lambda _: registry)
        day = ("--value-date", str(MON))
        assert "Tax withheld at source" in (await typed("positions", *day)).output
        assert json.loads((await typed("positions", *day, "--json")).output)["withheld"] == [expected_tax]
        instruct = (
            "instruct",
            *day,
            *TWO_PERSONS,
            "--out",
            str(tmp_path),
            "--override",
            "no night is closed",
        )
        told = json.loads((await typed(*instruct, "--json")).output)
        assert (told["withheld"], told["files"][0]["amount"]) == ([expected_tax], 10_800_000)
        explained = ("explain", "desco_postpaid", *day)
        assert json.loads((await typed(*explained, "--json")).output)["withheld"] == [expected_tax]
        assert "1,08,000.00" in (await typed(*explained)).output


async def test_two_persons_settle_a_day_and_find_the_same_files_again(
    typed: Typed, stage: Stage, tmp_path: Path
) -> None:
    words = ("instruct", "--value-date", str(MON), *TWO_PERSONS, "--out", str(tmp_path / "out"))
    first = await typed(*words)
    assert first.exit_code == 0, first.output
    assert stage.office.persons.asked == [(MAKER, "one"), (CHECKER, "two")]
    (place,) = (tmp_path / "out").iterdir()
    pacs009.check_message(place.read_bytes())
    again = await typed(*words, "--json")
    told = json.loads(again.output)
    assert (told["is_new"], told["files"][0]["amount"]) == (False, RTGS)
    assert f"stands, settled by {MAKER} and {CHECKER}" in (await typed(*words)).output


async def test_the_value_date_behind_the_newest_night_is_settled_by_last(
    typed: Typed, tmp_path: Path
) -> None:
    out = ("--out", str(tmp_path / "out"))
    settled = await typed("instruct", "--last", *TWO_PERSONS, *out, "--json")
    assert json.loads(settled.output)["value_date"] == str(MON)
    explained = await typed("explain", "desco_postpaid", "--json")
    assert json.loads(explained.output)["value_date"] == str(MON)
    for words in ([], ["--last", "--value-date", str(MON)]):
        refused = await typed("instruct", *words, *TWO_PERSONS, *out)
        assert (refused.exit_code, "name the day, or say --last" in _plain(refused)) == (2, True)


async def test_one_person_settles_nothing(typed: Typed, stage: Stage, tmp_path: Path) -> None:
    found = await typed(
        "instruct", "--value-date", str(MON), "--by", MAKER, "--approved-by", MAKER, "--out", str(tmp_path)
    )
    assert found.exit_code == 2
    assert stage.office.persons.asked == []


async def test_a_refusal_is_one_line_and_nothing_is_left(typed: Typed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = await typed("instruct", "--value-date", "2026-04-10", *TWO_PERSONS, "--out", str(out))
    assert (found.exit_code, found.output.count("\n")) == (1, 1)
    assert "no business day" in found.output
    assert not out.exists()


async def test_a_banks_answer_is_taken_in(typed: Typed, stage: Stage, tmp_path: Path) -> None:
    issued = await stage.settle(MON)
    name = issued.files[0].content.partition(b"<EndToEndId>")[2].partition(b"<")[0].decode()
    file = tmp_path / "answer.xml"
    file.write_bytes(report(name, "RJCT"))
    alone = await typed("answer", str(file), "--by", MAKER, "--approved-by", MAKER)
    assert (alone.exit_code, "it takes two persons" in alone.output) == (2, True)
    found = await typed("answer", str(file), *TWO_PERSONS)
    assert found.exit_code == 0, found.output
    assert stage.office.persons.asked == [(MAKER, "one"), (CHECKER, "two")]
    assert "rejected" in found.output
    assert "1 instructions and 0 credits moved on" in found.output
    file.write_bytes(b"<Document/>")
    refused = await typed("answer", str(file), *TWO_PERSONS)
    assert refused.exit_code == 1
    assert "answer.xml: no status report in the message" in refused.output


async def test_what_a_bank_rejected_and_executed_is_red_until_two_persons_decide(
    typed: Typed, stage: Stage
) -> None:
    issued = await stage.settle(MON)
    name = issued.files[0].content.partition(b"<EndToEndId>")[2].partition(b"<")[0].decode()
    await stage.follow(report(name, "RJCT"))
    stage.rows.append(booked("stmt_sonali", name, -RTGS, MON, ordinal=9))
    await stage.run(MON)
    found = await typed("credits")
    assert found.exit_code == 1
    assert f"ekpay settle decide {name} executed|rejected" in " ".join(found.output.split())
    said = ("--reason", "letter 12", *TWO_PERSONS)
    assert (await typed("decide", name, "maybe", *said)).exit_code == 2
    assert (await typed("decide", name, "executed", "--reason", " ", *TWO_PERSONS)).exit_code == 2
    refused = await typed("decide", name, "rejected", *said)
    assert (refused.exit_code, "has come back" in refused.output) == (1, True)
    # The beginning of its id names it.
    decided = await typed("decide", name[:4], "executed", *said)
    assert decided.exit_code == 0, decided.output
    assert f"{name} was executed" in decided.output
    assert "biller:desco_postpaid is paid again with the next value date" in decided.output
    assert (await typed("credits")).exit_code == 0


async def test_only_what_moved_now_or_is_open_is_listed(typed: Typed, stage: Stage) -> None:
    issued = await stage.settle(MON)
    name = issued.files[0].content.partition(b"<EndToEndId>")[2].partition(b"<")[0].decode()
    before = await typed("credits")
    assert (name in before.output, "ended before" in before.output) == (True, False), "it is waiting"
    stage.rows += [
        booked("stmt_sonali", name, -RTGS, MON, ordinal=9),
        expected("stmt_janata", "NPSB20260406", RTGS, MON),
        booked("stmt_janata", "NPSB20260406", RTGS, MON),
    ]
    await stage.run(MON)
    moved = await typed("credits")
    assert ("settled" in moved.output, "NPSB20260406" in moved.output) == (True, True)
    again = await typed("credits")
    assert "2 ended before: ekpay settle credits --all" in again.output
    assert ("settled" in again.output, "NPSB20260406" in again.output) == (False, False)
    everything = await typed("credits", "--all")
    assert ("settled" in everything.output, "NPSB20260406" in everything.output) == (True, True)
    assert len(json.loads((await typed("credits", "--json")).output)["credits"]) == 1


async def test_a_debit_and_its_return_of_one_run_are_one_instruction(typed: Typed, stage: Stage) -> None:
    await stage.settle(MON)
    name = str(await stage.books.value("SELECT end_to_end_id FROM reconciliation.settlement_instructions"))
    for paisa, day in ((-RTGS, MON), (RTGS, TUE)):
        stage.rows.append(booked("stmt_sonali", name, paisa, day, ordinal=len(stage.rows)))
    await stage.run(TUE)
    found = await typed("credits")
    assert "1 instructions and 0 credits moved on" in found.output, found.output
    assert "rejected" in found.output


async def test_credits_that_are_short_are_red(typed: Typed, stage: Stage) -> None:
    stage.rows += [
        expected("stmt_janata", "NPSB20260406", RTGS, MON),
        booked("stmt_janata", "NPSB20260406", RTGS - 1, MON),
    ]
    await stage.run(MON)
    told = await typed("credits", "--json")
    assert told.exit_code == 1
    (credit,) = json.loads(told.output)["credits"]
    assert (credit["ending"], credit["difference"], credit["connector"]) == ("funds_short", -1, "npsb")
    assert "funds_short" in (await typed("credits")).output


async def test_the_cover_is_shown_and_a_short_one_is_red(typed: Typed, stage: Stage) -> None:
    shown = await typed("cover")
    assert shown.exit_code == 1
    assert (
        "trust cover is short by 119999.00 taka of 120000.00 owed; covered once connectors pay"
        in shown.output
    )
    told = json.loads((await typed("cover", "--json")).stdout)
    assert (told["strict"], told["with_receivables"]) == (100 - RTGS, 1_000)
    assert (told["shortfall"], told["is_bank_negative"], told["cost"]["status"]) == (
        RTGS - 100,
        False,
        "draft",
    )
    assert "119999.00 taka short would cost, by draft PSO Regulation 2025 (a draft, not law):" in shown.output
    await stage.hold({"settlement_bank": RTGS})
    assert (await typed("cover")).exit_code == 0


async def test_without_a_night_there_is_nothing_to_settle(stage: Stage) -> None:
    found = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["positions"], obj=stage.office))
    assert (found.exit_code, "no night was reconciled yet" in found.output) == (1, True)


async def test_the_basis_of_an_order_is_seen_before_and_after_it(
    typed: Typed, stage: Stage, tmp_path: Path
) -> None:
    # Another night: Sunday's is not closed, and the bank has given money back that nobody can claim.
    await stage.run(MON)
    await stage.hold({"settlement_bank": -1_001})
    preview = json.loads((await typed("positions", "--json")).output)
    assert preview["held_back"] == []
    assert (preview["cover"]["before"], preview["cover"]["after"], len(preview["cover"]["against"])) == (
        -1,
        -1,
        2,
    )
    assert "cover with receivables: -0.01 before, -0.01 after" in (await typed("positions")).output
    words = ("instruct", "--value-date", str(TUE), *TWO_PERSONS, "--out", str(tmp_path / "out"))
    refused = await typed(*words)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert "below the reserve of 0.00; earlier nights are not closed: 2026-04-05" in refused.output
    given = await typed(*words, "--override", "closed by letter 12")
    assert given.exit_code == 0, given.output
    assert "overridden by two persons: closed by letter 12" in given.output


async def test_two_persons_set_a_limit_and_its_history_is_listed(typed: Typed, stage: Stage) -> None:
    given = await typed("limit", "desco_postpaid", "300.00", *TWO_PERSONS)
    assert given.exit_code == 0, given.output
    assert "biller:desco_postpaid may be paid 300.00 at our risk" in given.output
    assert stage.office.persons.asked == [(MAKER, "one"), (CHECKER, "two")]
    listed = json.loads((await typed("limits", "--json")).output)
    assert [(item["payee"], item["amount"], item["set_by"]) for item in listed] == [
        ("biller:desco_postpaid", 30_000, MAKER)
    ]
    assert "300.00" in (await typed("limits")).output
    for wrong in (("desco_postpaid", "-1.00"), ("npsb", "1.00"), ("desco_postpaid", "1.001")):
        assert (await typed("limit", *wrong, *TWO_PERSONS)).exit_code == 2
    assert await stage.books.count("reconciliation.settlement_limits") == 1
