import asyncio
from collections import Counter
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.paying.round_trips import CountedTurn, RoundTripsResult, far_socket, relayed_url
from benchmarks.paying.sql_relay import (
    GROUP_COMMIT,
    OTHER_CONNECTIONS,
    SOCKET,
    WORKER,
    Frontend,
    RelayError,
    Tally,
    open_sql_relay,
    statement_label,
)


def message(letter: str, content: bytes = b"") -> bytes:
    return letter.encode() + (len(content) + 4).to_bytes(4) + content


def startup(**parameters: str) -> bytes:
    words = b"".join(f"{name}\0{text}\0".encode() for name, text in parameters.items())
    content = (196_608).to_bytes(4) + words + b"\0"
    return (len(content) + 4).to_bytes(4) + content


def parse(name: str, text: str) -> bytes:
    return message("P", f"{name}\0{text}\0".encode() + b"\0\0")


def bind(name: str) -> bytes:
    # Two parameters of which one looks like messages.
    return message("B", f"\0{name}\0".encode() + b"\0\0\0\1\0\0\0\7SQS\0\0\0\4\0\0")


SYNC = message("S")
EXECUTE = message("E", b"\0\0\0\0\0")
PREPARED = parse("s1", "SELECT 1") + message("D", b"Ss1\0") + SYNC
CONVERSATION = (
    startup(user="ekpay_app")
    + message("p", b"secret\0")
    + message("Q", b"BEGIN;\0")
    + PREPARED
    + bind("s1")
    + EXECUTE
    + SYNC
    + bind("s1")
    + EXECUTE
    + SYNC
    + message("C", b"Ss1\0")
    + SYNC
    + message("X")
)
KINDS = {
    (OTHER_CONNECTIONS, "BEGIN"): 1,
    (OTHER_CONNECTIONS, "prepare SELECT 1"): 1,
    (OTHER_CONNECTIONS, "SELECT 1"): 2,
}
KINDS |= {(OTHER_CONNECTIONS, "close a statement"): 1}


def test_every_sync_and_every_query_is_one_round_trip() -> None:
    tally = Tally()
    Frontend(tally).feed(CONVERSATION)
    assert (tally.syncs, tally.queries, tally.round_trips) == (4, 1, 5)
    assert tally.kinds == KINDS


@given(st.lists(st.integers(1, len(CONVERSATION)), max_size=12))
def test_the_count_does_not_depend_on_how_the_bytes_arrive(cuts: list[int]) -> None:
    tally = Tally()
    frontend = Frontend(tally)
    edges = [0, *sorted(cuts), len(CONVERSATION)]
    for start, end in pairwise(edges):
        frontend.feed(CONVERSATION[start:end])
    assert tally.kinds == KINDS


def test_asking_for_tls_first_is_no_start() -> None:
    tally = Tally()
    asking = (8).to_bytes(4) + (80_877_103).to_bytes(4)
    Frontend(tally).feed(asking + CONVERSATION)
    assert tally.round_trips == 5


@pytest.mark.parametrize(
    ("parameters", "group"),
    [
        ({"user": "ekpay_app", "plan_cache_mode": "force_generic_plan"}, GROUP_COMMIT),
        ({"user": "ekpay_app", "application_name": "worker"}, WORKER),
        ({"user": "worker", "application_name": "psql"}, OTHER_CONNECTIONS),
    ],
)
def test_connections_are_told_apart_by_how_they_begin(parameters: dict[str, str], group: str) -> None:
    tally = Tally()
    Frontend(tally).feed(startup(**parameters) + message("Q", b"COMMIT;\0"))
    assert tally.of(group) == 1


def test_statements_of_one_connection_are_not_those_of_another() -> None:
    tally = Tally()
    Frontend(tally).feed(startup() + PREPARED)
    Frontend(tally).feed(startup() + bind("s1") + SYNC)
    assert tally.kinds[OTHER_CONNECTIONS, "?"] == 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [("BEGIN;", "BEGIN"), ("  SELECT\n  1 ", "SELECT 1"), (";", ";"), ("x" * 60, "x" * 48 + "…")],
)
def test_a_statement_is_known_by_its_beginning(statement: str, expected: str) -> None:
    assert statement_label(statement) == expected


def test_what_came_since_is_the_difference() -> None:
    before = Tally(1, 2, 3, 4, Counter({(OTHER_CONNECTIONS, "a"): 1}))
    after = Tally(11, 22, 33, 4, Counter({(OTHER_CONNECTIONS, "a"): 1, (WORKER, "b"): 5}))
    assert after.since(before) == Tally(10, 20, 30, 0, Counter({(WORKER, "b"): 5}))


async def test_the_relay_passes_everything_on_and_counts_it() -> None:
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            heard.extend(chunk)
            writer.write(b"answer")
        writer.close()

    with TemporaryDirectory(prefix="ekpay-relay-") as name:
        far = Path(name) / "far"
        server = await asyncio.start_unix_server(serve, str(far))
        async with open_sql_relay(Path(name), far) as relay:
            reader, writer = await asyncio.open_unix_connection(str(Path(name) / SOCKET))
            for part in (startup(), message("Q", b"BEGIN;\0"), message("Q", b"COMMIT;\0")):
                writer.write(part)
                assert await reader.readexactly(6) == b"answer"
            tally = await relay.tally()
            writer.close()
            await writer.wait_closed()
        server.close()
        await server.wait_closed()
    assert bytes(heard) == startup() + message("Q", b"BEGIN;\0") + message("Q", b"COMMIT;\0")
    assert (tally.queries, tally.turns, tally.connections) == (2, 3, 1)
    assert tally.kinds == {(OTHER_CONNECTIONS, "BEGIN"): 1, (OTHER_CONNECTIONS, "COMMIT"): 1}


async def test_a_relay_that_has_ended_is_told() -> None:
    with TemporaryDirectory(prefix="ekpay-relay-") as name:
        async with open_sql_relay(Path(name), Path(name) / "far") as relay:
            relay.process.terminate()
            await relay.process.wait()
            with pytest.raises(RelayError, match="has ended"):
                await relay.tally()


def test_the_switch_is_led_through_the_relay_with_the_same_role_and_password() -> None:
    url = "postgresql://ekpay_app:p%2Fw@/ekpay?host=/run/data&port=5432"
    assert far_socket(url) == Path("/run/data/.s.PGSQL.5432")
    assert relayed_url(url, Path("/tmp/r")) == "postgresql://ekpay_app:p%2Fw@/ekpay?host=/tmp/r&port=5432"  # noqa: S108


def turn(done: int, **kinds: int) -> CountedTurn:
    counts = Counter({(GROUP_COMMIT, "COMMIT"): kinds["commit"], (WORKER, "BEGIN"): kinds["worker"]})
    whole = sum(kinds.values())
    return CountedTurn(done, Tally(whole, 0, whole, 0, counts), 30.0)


def result() -> RoundTripsResult:
    pays = (
        turn(100, commit=100, worker=20),
        turn(100, commit=200, worker=0),
        turn(200, commit=260, worker=0),
    )
    return RoundTripsResult(pays, (turn(10, commit=5, worker=0),), 20.0, (0.0, 9.5), "clean")


def test_the_figure_is_the_median_of_the_turns_with_the_worker_in_it() -> None:
    figures = result().figures()
    assert figures["round_trips_per_payment"] == 1.3
    details = figures["round_trips"]
    assert details["per_payment_by_turn"] == [1.2, 2.0, 1.3]
    assert (details["group_commit_per_payment"], details["worker_per_payment"]) == (1.4, 0.05)
    assert details["by_statement"] == {"group commit: COMMIT": 1.4, "worker: BEGIN": 0.05}
    assert details["per_fetch"] == 0.5
    # 30 steps of 15 payments fit into one batch; 100, 200 and 260 round trips for 100, 100 and 200 payments.
    assert details["per_batch"] == 19.5


def test_the_table_shows_the_figure_and_the_audit() -> None:
    console = Console(record=True, width=100)
    result().show(console)
    text = console.export_text()
    assert "1.300" in text
    assert "audit: clean" in text
