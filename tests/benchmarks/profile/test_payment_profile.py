"""The profile: how stacks are divided into layers, what a handler sees, and what the page says of numbers."""

import dis
import re
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.kit.turns import Turn
from benchmarks.profile import (
    page as profile_page,
)
from benchmarks.profile import (
    payment_profile as profile,
)
from benchmarks.profile import (
    postgres_activity as profile_server,
)
from benchmarks.profile.instrumented_switch import stack_of
from benchmarks.profile.layers import LAYERS, Frame, Layer, Profile, layer_of, profile_of, short
from benchmarks.profile.postgres_activity import (
    BETWEEN_BATCHES,
    COMMITTERS,
    FOR_THE_SWITCH,
    ON_PROCESSOR,
    Activity,
)
from benchmarks.profile.profile_turns import (
    FETCH,
    PAY,
    SWITCH,
    MeasuredTurn,
    PaymentProfile,
    Statements,
    StepProfile,
)
from ekpay_switch.persistence.group_commit.write import WRITE_BATCH

ROOT = Path(__file__).parents[3]
LIBRARIES = "/opt/venv/lib/python3.11/site-packages"
STANDARD = "/usr/lib/python3.11"
OURS = "/srv/checkout"

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
files = st.one_of(
    words,
    st.builds(lambda start, rest: f"{LIBRARIES}/{start}{rest}", st.sampled_from(sorted(LAYERS)), words),
    st.builds(lambda start, rest: f"{OURS}/{start}{rest}", st.sampled_from(sorted(LAYERS)), words),
    st.builds(lambda rest: f"{STANDARD}/{rest}", words),
)
stacks = st.lists(st.tuples(files, words), max_size=8).map(tuple)


@given(stacks)
def test_every_stack_has_a_layer(stack: tuple[Frame, ...]) -> None:
    assert layer_of(stack) in Layer


@given(st.lists(st.tuples(stacks, st.integers(1, 5)), min_size=1, max_size=20))
def test_layers_and_functions_share_out_all_samples(counted: list[tuple[tuple[Frame, ...], int]]) -> None:
    found = profile_of(counted)
    assert found.samples == sum(count for _, count in counted)
    for shares in (found.layers, found.own, found.by_ours):
        assert sum(shares.values()) == pytest.approx(1)
    assert all(0 < share < 1 for share in found.cumulative.values())


@pytest.mark.parametrize("folder", sorted(p.name for p in (ROOT / "ekpay_switch").iterdir() if p.is_dir()))
def test_every_room_of_the_core_has_a_layer_of_its_own_choice(folder: str) -> None:
    if folder != "__pycache__":
        assert f"ekpay_switch/{folder}/" in LAYERS


def test_every_file_that_a_layer_names_exists() -> None:
    named = [name for name in LAYERS if name.startswith(("ekpay_switch", "biller_adapters", "connectors"))]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("file", "layer"),
    [
        (f"{LIBRARIES}/asyncpg/connection.py", Layer.DRIVER),
        (f"{LIBRARIES}/fastapi/routing.py", Layer.HTTP),
        (f"{LIBRARIES}/pydantic_core/core_schema.py", Layer.PARSING),
        (f"{OURS}/ekpay_switch/api/limits.py", Layer.HTTP),
        (f"{OURS}/ekpay_switch/api/strict_json.py", Layer.PARSING),
        (f"{OURS}/ekpay_switch/security/envelope.py", Layer.JWE),
        (f"{OURS}/ekpay_switch/persistence/batch_judge.py", Layer.GROUP_COMMIT),
        (f"{OURS}/ekpay_switch/telemetry.py", Layer.LOGGING),
        (f"{OURS}/biller_adapters/dialect.py", Layer.WIRE),
        (f"{STANDARD}/asyncio/timeouts.py", Layer.LOOP),
    ],
)
def test_the_longest_name_that_fits_decides(file: str, layer: Layer) -> None:
    assert layer_of([(file, "f")]) is layer


def test_the_standard_library_works_for_its_caller() -> None:
    stack = [
        (f"{STANDARD}/json/decoder.py", "decode"),
        (f"{OURS}/biller_adapters/dialect.py", "read"),
        (f"{STANDARD}/asyncio/runners.py", "run"),
    ]
    assert layer_of(stack) is Layer.WIRE
    assert layer_of(stack[:1]) is Layer.REST


@given(files)
def test_a_short_name_shows_no_folder_of_the_machine(file: str) -> None:
    assert not short(file).startswith((LIBRARIES, STANDARD, OURS))


def test_shares_of_functions() -> None:
    inner = (f"{LIBRARIES}/asyncpg/connection.py", "fetch")
    ours = (f"{OURS}/ekpay_switch/persistence/batch.py", "write_batch")
    start = (f"{OURS}/ekpay_switch/cli/main.py", "run")
    found = profile_of([((inner, ours, start), 3), ((ours, start), 1)])
    named = [(short(file), function) for file, function in (inner, ours)]
    assert found.layers == {Layer.DRIVER: 0.75, Layer.GROUP_COMMIT: 0.25}
    assert found.own == dict(zip(named, (0.75, 0.25), strict=True))
    assert found.by_ours == {named[1]: 1.0}
    assert found.cumulative == {named[0]: 0.75}


def test_more_samples_leave_less_doubt() -> None:
    few, many = (replace(profile_of([]), samples=count) for count in (100, 10_000))
    assert few.doubt(0.2) == pytest.approx(10 * many.doubt(0.2))
    assert 0.07 < few.doubt(0.2) < 0.08


def _seen_while(work: Callable[[], object]) -> Counter[tuple[str, ...]]:
    """The functions on the stack, the innermost first, each time a signal interrupts the work."""
    seen: Counter[tuple[str, ...]] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        codes = stack_of(frame)
        seen[tuple(code.co_name for code in codes[:2])] += 1

    before = signal.signal(signal.SIGUSR2, look)
    try:
        work()
    finally:
        signal.signal(signal.SIGUSR2, before)
    return seen


def test_a_tick_in_native_code_is_its_callers() -> None:
    def caller() -> None:
        signal.raise_signal(signal.SIGUSR2)

    assert list(_seen_while(caller)) == [("caller", "_seen_while")]


def _frame(function: Callable[..., object], instruction: str, below: object = None) -> FrameType:
    """What a handler is given when a signal is seen at the first such instruction of a function."""
    code = function.__code__
    at = next(found.offset for found in dis.get_instructions(code) if found.opname == instruction)
    return cast("FrameType", SimpleNamespace(f_code=code, f_lasti=at, f_back=below))


def test_a_tick_seen_as_a_function_is_entered_is_its_callers() -> None:
    def caller(value: int) -> int:
        return value

    async def called(value: int) -> int:
        return value

    below = _frame(caller, "RETURN_VALUE")
    assert stack_of(_frame(called, "RESUME", below)) == (caller.__code__,)
    assert stack_of(_frame(called, "RETURN_VALUE", below)) == (called.__code__, caller.__code__)
    assert stack_of(_frame(called, "RESUME")) == ()


def test_no_frame_is_an_empty_stack() -> None:
    assert stack_of(None) == ()


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (("idle", "Client", "ClientRead"), BETWEEN_BATCHES),
        (("idle in transaction", "Client", "ClientRead"), FOR_THE_SWITCH),
        (("active", "Client", "ClientRead"), FOR_THE_SWITCH),
        (("active", "IO", "WalSync"), "IO: WalSync"),
        (("active", None, None), ON_PROCESSOR),
    ],
)
def test_what_a_backend_does_in_words(seen: tuple[str, str | None, str | None], told: str) -> None:
    assert profile_server.state_of(*seen) == told


def test_statements_have_the_names_of_the_code() -> None:
    assert profile_server.statement_name(WRITE_BATCH) == "WRITE_BATCH"
    assert profile_server.statement_name(WRITE_BATCH[:1023]) == "WRITE_BATCH"
    assert profile_server.statement_name(WRITE_BATCH[:20]) != "WRITE_BATCH"
    assert profile_server.statement_name("COMMIT;") == "COMMIT"
    assert profile_server.statement_name("SELECT  1\n FROM nowhere") == "SELECT 1 FROM nowhere"


def test_activity_adds_up() -> None:
    activity = Activity(
        Counter(
            {
                ("A", ON_PROCESSOR): 3,
                ("B", "IO: WalSync"): 1,
                ("-", BETWEEN_BATCHES): 4,
                ("B", ON_PROCESSOR): 2,
            }
        )
    )
    assert activity.states == {ON_PROCESSOR: 0.5, BETWEEN_BATCHES: 0.4, "IO: WalSync": 0.1}
    assert activity.work == {"A": 0.5, "B": 0.5}
    assert activity.processor("A") == 0.6
    assert activity.processor("nothing") == 0
    timed = replace(activity, backends=2, seconds=5.0)
    assert timed.served("B") == pytest.approx(3.0)
    assert timed.served("-") == 0


def _turn(what: str, rate: float, *, switch: float, others: float = 0.0) -> Turn:
    cores = {"switch": switch, "postgres": 0.3, "others": others, "waiting for disk": 0.1}
    return Turn(what, 128, 1000, rate, {}, cores, 6000.0, 30.0, 30.0)


def _kind(what: str, *, switch: float = 0.95, others: float = 0.0, cost: float = 1.05) -> StepProfile:
    taken = MeasuredTurn(
        _turn(what, 1000.0, switch=switch, others=others), {SWITCH: 900.0, COMMITTERS: 300.0}
    )
    sampled = replace(taken, each={SWITCH: 900.0 * cost})
    layers = {Layer.WIRE: 0.5, Layer.HTTP: 0.3, Layer.METRICS: 0.02}
    frames = {("ekpay_switch/api/limits.py", "__call__"): 0.3}
    return StepProfile((taken,), (sampled,), Profile(400, layers, frames, frames, frames))


def _measured(**pay: float) -> PaymentProfile:
    seen = Counter(
        {("WRITE_BATCH", ON_PROCESSOR): 30, ("COMMIT", "IO: WalSync"): 20, ("-", FOR_THE_SWITCH): 50}
    )
    facts = {
        "date": "2026-01-01", "machine": "a processor", "cores": 2, "kernel": "Linux 6",
        "versions": {"Python": "3.11"}, "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
        "flush_ms": 0.5, "partners": 16, "connections": 128, "seconds": 6,
    }  # fmt: skip
    timed = Statements(
        300, {"COMMIT": 10, "WRITE_BATCH": 10}, {"COMMIT": 0.05, "WRITE_BATCH": 0.2}, Activity(seen, 2, 1.0)
    )
    return PaymentProfile(facts, _kind(FETCH), _kind(PAY, **pay), timed, "clean")


def _limits(measured: PaymentProfile) -> str:
    return profile_page.render_page(measured).split("## What limits it\n")[1].split("\n## ")[0]


def test_a_full_core_of_python_is_what_limits() -> None:
    told = _limits(_measured(switch=0.95))
    assert "one Python process limits paying: it uses 0.95 of the one core" in told
    assert "At 900 µs a payment it cannot pass 1111 payments a second." in told
    assert "believe" not in told


def test_a_full_machine_is_what_limits_and_others_are_named() -> None:
    told = _limits(_measured(switch=0.6, others=1.0))
    assert "The processor limits paying" in told
    assert "Other processes used up to 1.00 cores" in told


def test_a_machine_that_is_not_full_waits() -> None:
    assert "Waiting limits paying: 0.80 of 2 cores are in use" in _limits(_measured(switch=0.5))


def test_dear_sampling_and_a_broken_audit_are_told() -> None:
    assert "Sampling added 20%" in _limits(_measured(cost=1.2))
    assert "The audit is not clean" in _limits(replace(_measured(), audit="chain broken"))


def test_what_is_large_is_named_and_what_is_small_is_not() -> None:
    told = _limits(_measured())
    assert "call of the biller (50%), HTTP server and middlewares (30%)." in told
    assert (
        "If the largest, call of the biller, cost nothing, a payment would use 450 µs instead of 900." in told
    )
    assert "300 µs of processor time a payment, 33% of what the switch uses" in told
    assert "waiting for the switch and 30% on a core" in told
    assert "Waits within the server of a tenth of their time and more: IO: WalSync (20%)." in told
    assert "A batch asks the server 2.0 times and waits 25.0 ms" in told
    assert "Of what they spend within the server most, 60%, is `WRITE_BATCH`." in told


def test_tables_tell_microseconds() -> None:
    page = profile_page.render_page(_measured())
    assert "\n| call of the biller | 450 ± 44 | 50.0% | 450 ± 44 | 50.0% |\n" in page
    assert "\n| `ekpay_switch/api/limits.py` `__call__` | 270 | 270 |\n" in page
    assert "\n| `WRITE_BATCH` | 1.00 | 20.00 | 667 | 60.00 | 300 |\n" in page
    assert "\n| `COMMIT` | 1.00 | 5.00 | 167 | 40.00 | 0 |\n" in page


def test_the_page_in_the_docs_has_the_headings_that_the_command_writes() -> None:
    page = profile.PAGE.read_text(encoding="utf-8")
    assert page.startswith(f"# {profile_page.TITLE}\n")
    assert tuple(re.findall(r"^## (.+)$", page, re.MULTILINE)) == profile_page.HEADINGS
    assert (
        tuple(re.findall(r"^## (.+)$", profile_page.render_page(_measured()), re.MULTILINE))
        == profile_page.HEADINGS
    )


def test_the_page_in_the_docs_names_layers_that_there_are() -> None:
    page = profile.PAGE.read_text(encoding="utf-8")
    section = page.split("## The switch, by layer\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| \d", section, re.MULTILINE)
    assert rows
    assert set(rows) <= set(Layer)
