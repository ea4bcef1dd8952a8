"""One writer of past payments: generates their rows and copies them into the database.

Standard input: the database's URL on one line, its share of the work on the next. Output: a number for every
batch of payments written, and at the end one JSON object with the heads of its lanes and the paisa taken from
prefunds.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from io import BytesIO
from random import Random

import asyncpg

from benchmarks.paying.prefill_rows import COLUMNS, LaneHeads, Payer, PrefillDay, WriterShare, rows_of

_BATCH_ROWS = 10_000
# No row is checked by itself: keys are built and checked after all is written.
_SESSION = {"session_replication_role": "replica", "synchronous_commit": "off"}


def batches(share: WriterShare) -> Iterator[tuple[PrefillDay, list[tuple[int, Payer]]]]:
    """The share in order of time, in batches of one day each."""
    for day in share.days:
        places = share.places(day)
        for first in range(0, len(places), _BATCH_ROWS):
            yield day, places[first : first + _BATCH_ROWS]


async def write(url: str, share: WriterShare) -> LaneHeads:
    """Copy every row of the share, and print the progress."""
    heads, random = LaneHeads(dict(share.heads)), Random(share.seed)  # noqa: S311 - a seed for rows of nobody
    connection = await asyncpg.connect(url, server_settings=_SESSION, statement_cache_size=0)
    try:
        for day, places in batches(share):
            rows = rows_of(day, places, heads, random)
            async with connection.transaction():
                for table, text in rows.items():
                    await connection.copy_to_table(
                        table, source=BytesIO(text), columns=COLUMNS[table], format="text", timeout=None
                    )
            _print_line(str(len(places)))
    finally:
        await connection.close()
    return heads


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Write the share that standard input names."""
    url, share = sys.stdin.readline().strip(), WriterShare.from_json(sys.stdin.readline())
    heads = asyncio.run(write(url, share))
    own = {payer.lane for payer in share.payers if payer is not None}
    lanes = {lane: [seq, digest.hex()] for lane, (seq, digest) in heads.lanes.items() if lane in own}
    _print_line(json.dumps({"lanes": lanes, "taken": heads.taken_paisa}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
