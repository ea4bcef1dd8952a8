"""What a person types about files that cannot be read."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
import typer
from typer.testing import CliRunner

from reconciliation.cli.quarantine_commands import register
from reconciliation.intake.file_names import LogicalKey
from tests.reconciliation.institution_files import Head, Movement, at, breb
from tests.reconciliation.nightly.stage import BREB, SUN, NightStage

ROW = Movement("EKP1", at("2026-04-05 10:00:00"), 100_000, theirs="T1")
NAME = "breb_postpaid_20260405_02.txt"
BROKEN = breb([ROW], Head(SUN, 2, 2)).replace(b"|1000.00", b"|much")
BY = ("--by", "Salma", "--reason", "it is damaged")

Type = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def type_in(stage: NightStage) -> Type:
    """Types the command as Salma, whose passphrase is her name; code, stdout, stderr."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)

    async def typed(*words: str) -> tuple[int, str, str]:
        runner = CliRunner(env={"EKPAY_STAFF_PASSPHRASE": "Salma", "COLUMNS": "300"})
        done = await asyncio.to_thread(runner.invoke, app, ["quarantine", *words], obj=stage)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return typed


async def test_refused_files_are_listed_for_persons_and_programs(stage: NightStage, type_in: Type) -> None:
    await stage.book(BREB, ROW).lay(LogicalKey(BREB, SUN, 2), BROKEN).full_night(SUN)
    code, out, _ = await type_in()
    (line,) = [line for line in out.splitlines() if NAME in line]
    assert code == 0
    for word in ("archive", "1,000.00", "line 2, column "):
        assert word in line
    (told,) = json.loads((await type_in("--json"))[1])
    assert (told["name"], told["place"], told["exposure"], len(told["sha256"])) == (
        NAME,
        "archive",
        100_000,
        64,
    )


async def test_a_file_is_taken_out_and_put_back_in_a_persons_name(stage: NightStage, type_in: Type) -> None:
    (stage.inbox / NAME).write_bytes(BROKEN)
    code, out, _ = await type_in(NAME, *BY)
    assert (code, "quarantine" in out, "Salma" in out) == (0, True, True)
    assert not (stage.inbox / NAME).exists()
    assert (await type_in(NAME, "--release", *BY))[0] == 0
    assert (stage.inbox / NAME).read_bytes() == BROKEN


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((NAME,), 2, "a name of the staff"),
        ((NAME, "--by", "Salma"), 2, "why, in a few words"),
        (("--release", *BY), 2, "which one is to be put back"),
        ((NAME, *BY), 1, f"{NAME} is not in the inbox"),
        ((NAME, "--release", *BY), 1, f"{NAME} is neither in quarantine nor refused"),
    ],
)
async def test_what_is_not_said_is_asked_for(
    type_in: Type, words: tuple[str, ...], code: int, told: str
) -> None:
    done, _, complaint = await type_in(*words)
    assert (done, told in complaint) == (code, True), complaint
