"""Let the public client shurjopay-plugin, unmodified, take payments at the simulated shurjoPay.

Not a part of the tests, because it installs packages: run `python -m tests.peers.shurjopay_against_sandbox`.
"""

import sys
from pathlib import Path

from tests.peers.peer import Json, converse, gateway, payers_of, python_client, run


async def show(folder: Path) -> list[Json]:
    client = python_client("shurjopay-plugin", folder / "client")
    async with gateway("token_init_status", folder) as origin:
        # The client puts its own path below this, so the address ends with a slash.
        return await converse(client, (f"{origin}/shurjopay/",), payers_of(origin, "shurjopay"))


if __name__ == "__main__":
    sys.exit(run(show))
