"""Let the public client pybkash, unmodified, take and refund payments at the simulated bKash.

Not a part of the tests, because it installs packages: run `python -m tests.peers.pybkash_against_sandbox`.
"""

import sys
from pathlib import Path

from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from tests.peers.peer import Json, converse, python_client, run
from tests.sandbox.caller import process_of

WALLET = "01700000003"


async def payer(wanted: Json) -> Json:
    visit = await pay(wanted["page"], Payer(WALLET), PayerDecision.APPROVE)
    return {"status": visit.status}


async def show(folder: Path) -> list[Json]:
    client = python_client("pybkash", folder / "client")
    async with process_of(folder / "book", "--bkash-port") as (_, origin):
        return await converse(client, (origin,), payer)


if __name__ == "__main__":
    sys.exit(run(show))
