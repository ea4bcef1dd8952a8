"""kill -9 of web, worker and PostgreSQL at moments that nobody chose, under load (T83-T85).

Partners pay from their prefunds, and a shop collects from payers by wallet. Whatever the moment, the outcome
holds: the history of all that was asked and heard proves it, with the books of both sides
(api-conventions-and-security.md 4.5, "consistency"), and the three books of wallet payments beside it.
A history that fails is kept; `python -m tests.faults.crashes_under_load.history FILE` reads it again.
"""

import asyncio
import random
import subprocess
from bisect import bisect
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from ekpay_switch.persistence.audit import run as audit
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from tests.faults.crashes.kill_matrix import Recovery, Row
from tests.faults.crashes.payment_checks import DONE
from tests.faults.crashes_under_load.history import History, check
from tests.faults.crashes_under_load.load_run import SEED, Rehearsal, loading, rehearsing
from tests.faults.crashes_under_load.process_kills import Strike, strike
from tests.faults.crashes_under_load.wallet_shops import WalletLoad, wallets_loading
from tests.faults.installation import Installation
from tests.faults.wallet_crashes.kill_matrix import WalletRow
from tests.faults.wallet_crashes.shop import WalletShop

MOMENTS, MOMENTS_A_WAVE = 200, 50


async def wave(rehearsal: Rehearsal, draws: random.Random) -> None:
    """Strike again and again, then prove the books while the load goes on."""
    for _ in range(MOMENTS_A_WAVE):
        drawn = Strike.drawn(draws)
        if drawn.waits_for_recovery:
            await rehearsal.recover()
        await asyncio.sleep(drawn.pause_seconds)
        rehearsal.note_strike(*drawn.victims)
        strike(rehearsal.site, drawn.victims)
    await rehearsal.recover()
    assert await audit.run(rehearsal.site.database) is None


def recovered(history: History, wallets: WalletLoad) -> list[Recovery]:
    """How soon after each strike work went through again, by what was struck together.

    To be read beside the targets of api-conventions-and-security.md 4.5: how soon is a matter of the machine.
    """
    paid = sorted((one.began, one.ended) for one in history.heard() if one.op == "pay" and one.code == DONE)
    asked = sorted(float(line["at"]) for line in history.lines["question"])
    seconds: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    collected: defaultdict[str, list[float]] = defaultdict(list)
    for line in history.lines["kill"]:
        at = float(line["at"])
        paid_at = min(ended for began, ended in paid if began > at)
        # After the last strikes there may be nothing left to ask.
        asked_at = next((moment for moment in asked if moment > at), at)
        victims = ", ".join(line["victims"])
        seconds[victims].append((paid_at - at, asked_at - at))
        collected[victims] += wallets.collected_again(at)
    return [
        Recovery(victims, [paid for paid, _ in pairs], [asked for _, asked in pairs], collected[victims])
        for victims, pairs in sorted(seconds.items())
    ]


def cut_short(history: History) -> int:
    """How many payments were on their way when a strike fell, and were not answered."""
    calls = {line["id"]: line for line in history.lines["call"] if line["op"] == "pay"}
    strikes = [float(line["at"]) for line in history.lines["kill"]]
    return sum(
        bisect(strikes, calls[line["id"]]["at"]) < bisect(strikes, line["at"])
        for line in history.lines["silence"]
        if line["id"] in calls
    )


def checksums_hold(home: Path) -> bool:
    """Whether every page of the database is as it was written; the server is stopped for it."""
    server = EmbeddedPostgres(home)
    program = Path(server.psql_command()[0][0]).with_name("pg_checksums")
    server.stop()
    try:
        command = [str(program), "--check", "--pgdata", str(home / "data")]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - the wheel's
    finally:
        server.start()


@dataclass(frozen=True, slots=True)
class Tables:
    """What the run adds to."""

    rows: list[Row]
    wallet_rows: list[WalletRow]
    recoveries: list[Recovery]


@pytest.fixture
def tables(matrix: list[Row], wallet_rows: list[WalletRow], recoveries: list[Recovery]) -> Tables:
    return Tables(matrix, wallet_rows, recoveries)


async def test_kills_at_random_moments_lose_and_double_nothing(
    site: Installation, shop: WalletShop, tables: Tables, tmp_path: Path
) -> None:
    draws = random.Random(SEED)  # noqa: S311 - not a secret, a rehearsal that can be repeated
    point = f"{MOMENTS} moments under load"
    async with rehearsing(site, tmp_path / "history.jsonl") as rehearsal:
        async with loading(rehearsal), wallets_loading(rehearsal, shop) as wallets:
            for _ in range(MOMENTS // MOMENTS_A_WAVE):
                await wave(rehearsal, draws)
        row, history = await rehearsal.row("random", point)
        wallet_row = await wallets.row(rehearsal, point)
    found = recovered(history, wallets)
    tables.rows.append(row)
    tables.wallet_rows.append(wallet_row)
    tables.recoveries.extend(found)
    assert check(history) == ()
    assert wallet_row.verdict.faults == ()
    assert await audit.run(site.database) is None
    assert await asyncio.to_thread(checksums_hold, site.settings.home)
    assert cut_short(history) > MOMENTS // 4, "the strikes met hardly a payment on its way"
