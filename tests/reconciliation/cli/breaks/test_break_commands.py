"""What finance types. The commands run in a thread, each with an event loop of its own, as in a process."""

import asyncio
import csv
import json
from collections.abc import Awaitable, Callable
from datetime import date
from io import StringIO

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from reconciliation.cli.breaks import closing_commands, decision_commands, list_commands
from reconciliation.resolutions.decision_records import Resolution
from reconciliation.resolutions.resolution_actions import ResolutionAction
from reconciliation.results.records import BreakState
from tests.reconciliation.resolutions.scene import CHECKER, MAKER, NIGHT, OTHER, Scene
from tests.reconciliation.resolutions.test_corrections import V1, V2, closed, corrected

Type = Callable[..., Awaitable[tuple[int, str, str]]]
LATE = date(2026, 11, 9)


@pytest.fixture
def type_in(scene: Scene) -> Type:
    """Types a command as one or two persons, whose passphrases are their names; code, stdout, stderr."""
    app = typer.Typer()
    for part in (list_commands, decision_commands, closing_commands):
        part.register(app)

    async def typed(*words: str, by: str = MAKER, approved_by: str = CHECKER) -> tuple[int, str, str]:
        environment = {
            "EKPAY_STAFF_PASSPHRASE": by,
            "EKPAY_APPROVER_PASSPHRASE": approved_by,
            "COLUMNS": "300",
        }
        runner = CliRunner(env=environment)
        done = await asyncio.to_thread(runner.invoke, app, words, obj=scene.finance)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return typed


async def test_breaks_are_listed_with_what_is_over_marked(scene: Scene, type_in: Type) -> None:
    await scene.found("LEDGER_ONLY", reference="OLD", exposure=123_456)
    await scene.next_run(LATE)
    await scene.found("AMOUNT", reference="NEW", difference=5, deadline=date(2026, 11, 11))

    code, out, _ = await type_in("breaks")
    assert code == 0
    assert "2 breaks as of 2026-11-09" in out
    old = next(line for line in out.splitlines() if "OLD" in line)
    new = next(line for line in out.splitlines() if "NEW" in line)
    assert "2026-11-04 OVER" in old
    assert "1,234.56" in old
    assert "OVER" not in new
    assert "OLD stands apart." in old
    _, out, _ = await type_in("breaks", "--bangla")
    assert "গরমিল।" in out


FILTERS = [
    (["--code", "AMOUNT", "--code", "CURRENCY"], {"R2"}),
    (["--institution", "nagad"], {"R3"}),
    (["--owner", "operations"], {"R3"}),
    (["--state", "resolved"], {"R4"}),
    (["--state", "open", "--state", "resolved"], {"R1", "R2", "R3", "R4"}),
    (["--night", "2026-11-09"], {"R2"}),
    (["--older-than", "3"], {"R1", "R3"}),
    (["--at-least", "90.01"], {"R3"}),
    (["--reference", "R1"], {"R1"}),
    ([], {"R1", "R2", "R3"}),
]


async def test_a_narrow_screen_cuts_no_id_and_no_amount(
    scene: Scene, type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "desco_postpaid_20261126_01.csv:15"
    found = await scene.found("LEDGER_ONLY", reference=long, exposure=123_456_789)
    await scene.next_run(LATE)
    shown = StringIO()
    narrow = Console(file=shown, width=80, markup=False, highlight=False)
    monkeypatch.setattr("reconciliation.cli.breaks.break_tables.screen", lambda: narrow)
    code, _, _ = await type_in("breaks")
    out = shown.getvalue()
    assert code == 0
    for whole in (str(found)[:8], "12,34,567.89", "LEDGER_ONLY", long, "2026-11-04 OVER", "stands apart."):
        assert whole in out
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80


async def test_each_filter_takes_its_breaks(scene: Scene, type_in: Type) -> None:
    await scene.found("LEDGER_ONLY", reference="R1")
    await scene.found("FILE_ONLY", "nagad", "R3", owner="operations", exposure=9_001)
    await scene.decided(await scene.found("FILE_MISSING", reference="R4"), ResolutionAction.NO_ACTION)
    await scene.next_run(LATE)
    await scene.found("AMOUNT", reference="R2", difference=3)

    for options, wanted in FILTERS:
        code, out, _ = await type_in("breaks", "--json", *options)
        assert code == 0
        assert {row["reference"] for row in json.loads(out)} == wanted, options


async def test_csv_holds_no_formula(scene: Scene, type_in: Type) -> None:
    for reference in ("=1+1", "@x", "-2", "+3", "\tq", "R1"):
        await scene.found("LEDGER_ONLY", reference=reference, difference=-7)
    code, out, _ = await type_in("breaks", "--csv")
    assert code == 0
    rows = list(csv.DictReader(out.splitlines()))
    assert {row["reference"] for row in rows} == {"'=1+1", "'@x", "'-2", "'+3", "'\tq", "R1"}
    # A number of ours stays one.
    assert {row["difference_paisa"] for row in rows} == {"-7"}


async def test_from_proposal_to_entry_by_the_beginning_of_ids(scene: Scene, type_in: Type) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    code, out, _ = await type_in(
        "resolve", str(break_id)[:6], "--action", "write_off", "--reason", "gone", "--by", MAKER
    )
    assert code == 0
    [one] = await scene.decisions(break_id)
    assert "credit receivable:bkash 5.00" in out
    assert f"Resolution {one.short_number} ({one.id}) over 5.00 taka waits for one more person:" in out
    assert f"approve {one.short_number} --by" in out

    code, out, err = await type_in("approve", str(one.id)[:13], "--by", MAKER, approved_by=MAKER)
    assert (code, out) == (1, "")
    assert err.startswith("ekpay: Who proposed a resolution cannot check it")
    code, out, _ = await type_in("approve", str(one.id)[:13], "--by", CHECKER)
    assert (code, out) == (0, f"{_name(one)} is approved, entry {one.entry_id}.\n")
    assert await scene.balances() == {"receivable:bkash": -500, "write_off": 500}

    code, out, _ = await type_in("reverse", str(one.id), "--reason", "it came", "--by", OTHER, by=OTHER)
    assert code == 0
    _, reversal = await scene.decisions(break_id)
    code, out, _ = await type_in("approve", str(reversal.id), "--by", CHECKER)
    assert code == 0
    assert await scene.balances() == {}

    code, out, _ = await type_in("break", str(break_id)[:8])
    assert code == 0
    for words in ("reverses write_off", "it came", CHECKER, "refused", "reversed"):
        assert words in out
    assert "Fitting: write_off, claim_from_institution, no_action" in out
    code, out, _ = await type_in("break", str(break_id), "--json")
    told = json.loads(out)
    assert [event["event"] for event in told["events"]] == await scene.kinds(break_id)
    assert [one["action"] for one in told["resolutions"]] == ["write_off", "write_off"]


def _name(resolution: Resolution) -> str:
    return f"Resolution {resolution.short_number} ({resolution.id})"


async def test_several_breaks_are_worked_by_the_numbers_of_the_lists(scene: Scene, type_in: Type) -> None:
    found = [await scene.found("LEDGER_ONLY", reference=f"R{place}") for place in range(3)]
    numbers = [str((await scene.broken(each)).short_number) for each in found]
    _, out, _ = await type_in("breaks", "--json")
    assert sorted(str(row["number"]) for row in json.loads(out)) == sorted(numbers)
    _, out, _ = await type_in("breaks")
    assert all(
        any(line.split()[1] == number for line in out.splitlines() if "R" in line) for number in numbers
    )

    code, out, err = await type_in("note", *numbers, "asked by telephone", "--by", MAKER)
    assert (code, out, err) == (0, "Noted.\n" * 3, "")
    # The first break is typed twice, once by its id: it has one proposal all the same.
    words = ("--action", "write_off", "--reason", "gone", "--by", MAKER)
    code, _, _ = await type_in("resolve", *numbers, str(found[0]), *words)
    assert code == 0
    proposals = [(await scene.decisions(each))[0] for each in found]
    assert await scene.count("reconciliation.resolutions") == 3

    code, out, _ = await type_in("proposals")
    assert code == 0
    assert "3 proposals wait" in out
    for resolution, number in zip(proposals, numbers, strict=True):
        line = next(line for line in out.splitlines() if f" {number} LEDGER_ONLY bkash" in line)
        assert line.split()[1] == str(resolution.short_number)
        assert "receivable:bkash -5.00" in line
    _, out, _ = await type_in("proposals", "--json")
    assert [row["short_number"] for row in json.loads(out)] == [one.short_number for one in proposals]

    code, _, err = await type_in("approve", *(str(one.short_number) for one in proposals), "--by", CHECKER)
    assert (code, err) == (0, "")
    assert await scene.balances() == {"receivable:bkash": -1_500, "write_off": 1_500}
    _, out, _ = await type_in("proposals")
    assert "0 proposals wait" in out


async def test_one_of_several_that_is_refused_holds_up_none(scene: Scene, type_in: Type) -> None:
    missing, money = await scene.found("FILE_MISSING"), await scene.found("LEDGER_ONLY", reference="R2")
    words = ("--action", "write_off", "--reason", "gone", "--by", MAKER)
    code, out, err = await type_in("resolve", str(missing), str(money), *words)
    assert code == 1
    assert f"ekpay: break {missing}: " in err
    assert "waits for one more person" in out
    assert [len(await scene.decisions(each)) for each in (missing, money)] == [0, 1]


async def test_an_unknown_one_of_several_refuses_all(scene: Scene, type_in: Type) -> None:
    break_id = await scene.found("LEDGER_ONLY")
    words = ("--action", "write_off", "--reason", "gone", "--by", MAKER)
    code, out, err = await type_in("resolve", str(break_id), "ffff", *words)
    assert (code, out) == (1, "")
    assert "no break has the number ffff" in err
    assert await scene.decisions(break_id) == []


async def test_the_newest_night_is_closed_by_last(type_in: Type) -> None:
    code, out, err = await type_in("close", "--last", "--by", MAKER, "--approved-by", CHECKER)
    assert (code, err) == (0, "")
    assert out.startswith("2026-11-02 is closed; digest ")


async def test_two_checkers_and_a_rejection_are_told_as_such(scene: Scene, type_in: Type) -> None:
    break_id = await scene.found("LEDGER_ONLY", amount=2_000_000)
    one = await scene.propose(break_id)
    code, out, _ = await type_in("approve", str(one.id), "--by", CHECKER)
    assert (code, out) == (0, f"{_name(one)} is approved by 1 of 2; it waits for another person.\n")
    code, out, _ = await type_in("approve", str(one.id), "--by", OTHER, "--reject", approved_by=OTHER)
    assert (code, out) == (0, f"{_name(one)} is rejected.\n")
    assert await scene.state(break_id) is BreakState.OPEN


async def test_a_note_is_kept(scene: Scene, type_in: Type) -> None:
    break_id = await scene.found("FILE_MISSING")
    assert await type_in("note", str(break_id), "they have a holiday", "--by", MAKER) == (0, "Noted.\n", "")
    *_, last = await scene.events(break_id)
    assert (last.actor, last.facts) == (MAKER, {"text": "they have a holiday"})


async def test_a_card_number_in_a_note_is_kept_masked(scene: Scene, type_in: Type) -> None:
    break_id = await scene.found("FILE_MISSING")
    await type_in("note", str(break_id), "card 4111-1111-1111-1111", "--by", MAKER)
    *_, last = await scene.events(break_id)
    assert last.facts == {"text": "card 4111-11**-****-1111"}


async def test_a_day_is_closed_and_listed(scene: Scene, type_in: Type) -> None:
    break_id = await scene.found("FILE_MISSING")
    words = ("close", "2026-11-02", "--by", MAKER, "--approved-by", CHECKER)
    code, _, err = await type_in(*words)
    assert code == 1
    assert "FILE_MISSING bkash R1, is open without a note" in err
    await scene.desk.note(break_id, "a holiday", MAKER)
    code, out, _ = await type_in(*words)
    assert code == 0
    assert out.startswith("2026-11-02 is closed; digest ")

    code, out, _ = await type_in("closings", "--night", "2026-11-02")
    assert code == 0
    assert f"{MAKER}, {CHECKER}" in out
    code, out, _ = await type_in("closings", "--json")
    assert json.loads(out)[0]["figures"]["night"] == NIGHT.isoformat()
    await scene.root.execute("UPDATE reconciliation.closed_days SET digest = 'x'")
    code, out, err = await type_in("closings")
    assert code == 1
    assert "FIGURES DO NOT VERIFY" in out
    assert "not those that were frozen" in err


async def test_a_restatement_is_listed_with_what_changed(scene: Scene, type_in: Type) -> None:
    first_file = await scene.file(V1, "loaded", 30_000)
    break_id = await scene.found("LEDGER_ONLY")
    one = await scene.decided(break_id)
    await closed(scene)
    await corrected(scene, [break_id], first_file)
    _, reversal = await scene.decisions(break_id)
    code, out, _ = await type_in("closings")
    assert code == 0
    assert f"2026-11-02 restated as 2: {V1} replaced by {V2}, 3 rows changed, 1.77 taka\n" in out
    for line in (
        *("h1", "h2", "h3"),
        "bkash settles 301.77 taka instead of 300.00",
        "LEDGER_ONLY bkash R1 has ended",
        f"decision {one.id} over 5.00 taka is reversed by {reversal.id}",
    ):
        assert f"  {line}\n" in out


BAD = [
    (["breaks", "--code", "NO_SUCH"], 2, "NO_SUCH is no code: AMBIGUOUS, AMOUNT, "),
    (["breaks", "--code", "LEDGER_ONYL"], 2, "LEDGER_ONYL is no code; near: LEDGER_ONLY"),
    (["breaks", "--code", "AMOUNT", "--code", "dup"], 2, "dup is no code; near: DUP_"),
    (["breaks", "--institution", "bkas"], 2, "--institution: bkas is no institution; near: bkash"),
    (["breaks", "--institution", "nobody_at_all"], 2, "nobody_at_all is no institution: aamarpay, "),
    (["breaks", "--owner", "Finanse"], 2, "--owner: Finanse is no owner of breaks; near: finance"),
    (["breaks", "--owner", "us"], 2, "us is no owner of breaks: finance, nobody yet, operations,"),
    (["breaks", "--at-least", "1.234"], 2, "at most two decimals"),
    (["breaks", "--night", "yesterday"], 2, "not a night"),
    (["breaks", "--night", "2026-02-30"], 2, "not a night"),
    (["breaks", "--older-than", "-1"], 2, "--older-than"),
    (["breaks", "--state", "gone"], 2, "gone"),
    (["break", "ffff"], 1, "no break has the number ffff"),
    (["break", "'; --"], 1, "names no break"),
    (["break", "0"], 1, "no break has the number 0"),
    (["resolve", "ffff", "--action", "write_off", "--reason", "x", "--by", MAKER], 1, "no break has"),
    (["resolve", "ffff", "--action", "burn", "--reason", "x", "--by", MAKER], 2, "burn is no action"),
    (
        ["resolve", "ffff", "--action", "write_off", "--reason", "x", "--by", " "],
        2,
        "a name of the staff",
    ),
    (["approve", "ffff", "--by", CHECKER], 1, "no resolution has"),
    (["reverse", "ffff", "--reason", "x", "--by", MAKER], 1, "no resolution has"),
    (["note", "ffff", "x", "--by", MAKER], 1, "no break has"),
    (["close", "2026-11-05", "--by", MAKER, "--approved-by", CHECKER], 1, "not reconciled yet"),
    (["close", "2026-11-02", "--by", MAKER, "--approved-by", MAKER], 1, "second person"),
    (["close", "--by", MAKER, "--approved-by", CHECKER], 2, "name the night, or say --last"),
    (["close", "2026-11-02", "--last", "--by", MAKER, "--approved-by", CHECKER], 2, "and not both"),
]


async def test_bad_input_is_one_clear_line_and_changes_nothing(scene: Scene, type_in: Type) -> None:
    for words, code, told in BAD:
        approved_by = MAKER if words[-1] == MAKER else CHECKER
        exit_code, out, err = await type_in(*words, approved_by=approved_by)
        assert (exit_code, out) == (code, ""), words
        assert told in " ".join(err.replace("│", " ").split()), words
    for table in ("break_events", "resolutions", "resolution_checks", "closed_days"):
        assert await scene.count(f"reconciliation.{table}") == 0


async def test_a_name_that_only_a_break_has_is_known(scene: Scene, type_in: Type) -> None:
    await scene.found("FILE_ONLY", "left_long_ago", "R1", owner="treasury")
    for options in (["--institution", "left_long_ago"], ["--owner", "treasury"]):
        code, out, _ = await type_in("breaks", "--json", *options)
        assert (code, [row["reference"] for row in json.loads(out)]) == (0, ["R1"])
    # A name of the configuration that has no break is no mistake either.
    assert (await type_in("breaks", "--institution", "nagad", "--owner", "operations"))[0] == 0


async def test_a_decision_that_does_not_fit_is_one_line(scene: Scene, type_in: Type) -> None:
    break_id = await scene.found("FILE_MISSING")
    words = ("resolve", str(break_id), "--action", "write_off", "--reason", "x", "--by", MAKER)
    code, out, err = await type_in(*words)
    assert (code, out, err) == (1, "", "ekpay: write_off does not fit FILE_MISSING; what fits: no_action\n")


async def test_before_the_first_night_there_is_nothing_to_list(scene: Scene, type_in: Type) -> None:
    await scene.root.execute("DELETE FROM reconciliation.positions; DELETE FROM reconciliation.runs")
    assert await type_in("breaks") == (1, "", "ekpay: No night was reconciled yet.\n")


async def test_passphrases_come_from_where_all_staff_commands_take_them(scene: Scene, type_in: Type) -> None:
    break_id = await scene.found("FILE_MISSING")
    with pytest.raises(AssertionError):
        await type_in("note", str(break_id), "x", "--by", MAKER, by="somebody else")
    assert await scene.kinds(break_id) == ["found"]
