"""A database that fails under a loop: counted, logged and tried again, never passed over."""

import ast
import asyncio
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import OperationalError

from ekpay_switch import jobs, telemetry
from ekpay_switch.domain.errors import CommitUnknownError
from ekpay_switch.domain.outcome import NoAnswer
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import RecordAnswer, Recording
from ekpay_switch.flows.payments.pay_bill import pay_bill
from ekpay_switch.jobs.housekeeping import run_housekeeping
from ekpay_switch.jobs.resolver import run_resolver
from ekpay_switch.jobs.slots import Pace
from ekpay_switch.ports.world import LeasedPayment, World
from tests.factories import TOTAL, a_world, an_order, quote_another
from tests.fakes.billers import LOSES_ANSWER
from tests.fakes.payments import FakePayments, books_balance
from tests.fakes.world import FakeBudget, SmallWorld
from tests.scenarios.job_rounds import resolve_due

LEASE_SECONDS = 45.0
PACE = Pace(poll_seconds=0.001, lease_seconds=LEASE_SECONDS)
FIRST_QUESTION_SECONDS = 90
PATIENCE_SECONDS = 120

MakeError = Callable[[], Exception]
ERRORS: dict[str, MakeError] = {
    "refused": ConnectionRefusedError,
    "timed out": TimeoutError,
    "deadlock": lambda: asyncpg.DeadlockDetectedError("deadlock detected"),
    "restarting": lambda: asyncpg.CannotConnectNowError("the database system is starting up"),
    "through SQLAlchemy": lambda: OperationalError("SELECT 1", {}, OSError("connection reset")),
    "verdict unknown": CommitUnknownError,
}
Lines = pytest.CaptureFixture[str]


@dataclass
class Sickness:
    """Which call of the database fails, and with what, one error each."""

    call: str
    errors: list[Exception] = field(default_factory=list)

    def strike(self, call: str) -> None:
        if call == self.call and self.errors:
            raise self.errors.pop()


class SickBooks(FakePayments):
    """The books while their database fails."""

    sickness: Sickness

    async def lease_due(
        self,
        limit: int,
        lease_seconds: float,
        *,
        per_far_side: int = 16,
        passing_over: Collection[str] = (),
    ) -> Sequence[LeasedPayment]:
        self.sickness.strike("lease_due")
        return await super().lease_due(
            limit, lease_seconds, per_far_side=per_far_side, passing_over=passing_over
        )

    async def postpone(
        self, leased: LeasedPayment, ask_again_seconds: float | None, why: str, *, was_asked: bool
    ) -> None:
        self.sickness.strike("postpone")
        await super().postpone(leased, ask_again_seconds, why, was_asked=was_asked)

    async def record(self, recording: Recording) -> RecordAnswer:
        self.sickness.strike("record")
        return await super().record(recording)


class SickBudget(FakeBudget):
    """The budget of the same database."""

    sickness: Sickness

    async def take(self, far_side: str, per_second: float) -> float:
        self.sickness.strike("take")
        return await super().take(far_side, per_second)


async def doubtful(payments: int = 1) -> SmallWorld:
    """Payments that their biller holds and gave no usable answer about, due for their first question."""
    small = a_world()
    for number in range(1, payments + 1):
        quote_another(small, f"Q{number}", number=f"{number:012}")
        small.biller.deeds.append(LOSES_ANSWER)
        await pay_bill(an_order(f"R{number}", f"Q{number}"), small.world)
    small.clock.pass_by(FIRST_QUESTION_SECONDS)
    return small


def struck(small: SmallWorld, sickness: Sickness) -> World:
    """The same world over a database that fails."""
    books, budget = SickBooks(**vars(small.books)), SickBudget(**vars(small.budget))
    books.sickness = budget.sickness = sickness
    return replace(small.world, payments=books, budget=budget)


def counted(event: str) -> float:
    """What the metrics say of a loop's errors."""
    found = re.search(
        rf'^ekpay_loop_errors_total{{event="{event}"}} (.+)$', telemetry.render().decode(), re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def error_lines(captured: Lines) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in captured.readouterr().err.splitlines()]
    return [line for line in lines if line["level"] == "error"]


async def settled_by(job: "asyncio.Task[None]", small: SmallWorld) -> None:
    """Let virtual time pass until the payment is completed; a loop that gave up fails here."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while small.books.only().state is not State.COMPLETED:
            assert not job.done()
            small.clock.pass_by(1)
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("call", "event"),
    [
        ("lease_due", "resolver_failed"),
        ("take", "resolving_failed"),
        ("postpone", "resolving_failed"),
        ("record", "resolving_failed"),
    ],
)
async def test_swallowed_db_error_alarms(call: str, event: str, error: str, capsys: Lines) -> None:
    small = await doubtful()
    if call == "postpone":
        small.biller.inquiries.append(NoAnswer("silence"))
    before, stop = counted(event), asyncio.Event()
    sickness = Sickness(call, [ERRORS[error]()])
    job = asyncio.create_task(run_resolver(struck(small, sickness), PACE, stop))
    await settled_by(job, small)
    stop.set()
    await job
    assert counted(event) == before + 1
    (line,) = error_lines(capsys)
    assert line["event"] == event
    assert type(ERRORS[error]()).__name__ in str(line["error"])
    assert small.books.balance("payable:desco_postpaid") == TOTAL
    assert books_balance(small.books)


async def test_each_error_is_counted_while_the_database_stays_away(capsys: Lines) -> None:
    small, before, stop = await doubtful(), counted("resolver_failed"), asyncio.Event()
    sickness = Sickness("lease_due", [ConnectionRefusedError() for _ in range(7)])
    job = asyncio.create_task(run_resolver(struck(small, sickness), PACE, stop))
    await settled_by(job, small)
    stop.set()
    await job
    assert counted("resolver_failed") == before + 7
    assert len(error_lines(capsys)) == 7


async def test_one_payments_error_holds_up_none_of_the_others(capsys: Lines) -> None:
    small, before = await doubtful(payments=3), counted("resolving_failed")
    world = struck(small, Sickness("record", [CommitUnknownError()]))
    found = []
    for _ in range(3):  # one question after the other, as the budget spaces them
        found.append(await resolve_due(world, LEASE_SECONDS))
        small.clock.pass_by(1)
    assert found == [3, 2, 1]
    states = sorted(payment.state for payment in small.books.payments.values())
    assert states == [State.COMPLETED, State.COMPLETED, State.DELIVERING]
    (left,) = (p for p in small.books.payments.values() if p.state is State.DELIVERING)
    (line,) = error_lines(capsys)
    assert (line["payment_id"], counted("resolving_failed")) == (str(left.standing.payment_id), before + 1)


async def test_a_payment_whose_record_failed_comes_back_when_its_lease_ends() -> None:
    small = await doubtful()
    world = struck(small, Sickness("record", [CommitUnknownError()]))
    assert await resolve_due(world, LEASE_SECONDS) == 1
    small.clock.pass_by(LEASE_SECONDS)
    assert await resolve_due(world, LEASE_SECONDS) == 0, "it is still held"
    small.clock.pass_by(1)
    assert await resolve_due(world, LEASE_SECONDS) == 1
    assert small.books.only().state is State.COMPLETED
    assert len(small.biller.orders) == 1, "asking again is not paying again"


@pytest.mark.parametrize("error", ERRORS)
async def test_a_chore_that_fails_is_counted_and_done_again_and_keeps_no_other(
    error: str, capsys: Lines
) -> None:
    before, stop = counted("housekeeping_failed"), asyncio.Event()
    failing, done = [ERRORS[error]()], []

    async def fails_once() -> None:
        if failing:
            raise failing.pop()
        done.append("again")
        stop.set()

    async def other() -> None:
        done.append("other")

    async with asyncio.timeout(PATIENCE_SECONDS):
        await run_housekeeping((fails_once, other), 0.001, stop)
    assert done == ["other", "again", "other"]
    assert counted("housekeeping_failed") == before + 1
    (line,) = error_lines(capsys)
    assert line["event"] == "housekeeping_failed"


def test_every_job_counts_what_it_outlives() -> None:
    found, silent = 0, []
    for path in sorted(Path(str(jobs.__file__)).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and "Exception" in ast.dump(
                node.type or ast.Name("Exception")
            ):
                found += 1
                if "count_error" not in ast.unparse(node):
                    silent.append(f"{path.name}:{node.lineno}")
    assert found >= 3
    assert silent == [], "telemetry.count_error counts and logs"
