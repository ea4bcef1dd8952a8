"""Let the public clients nagadpy and nagad-payment-gateway, unmodified, take payments at the simulated Nagad.

Not a part of the tests, because it installs packages: run `python -m tests.peers.nagad_against_sandbox`.
"""

import json
import sys
from pathlib import Path

from sandbox.providers.nagad.institutions import MERCHANT_ID
from tests.peers.peer import Json, converse, desk, gateway, node_client, payers_of, python_client, run

# Node decrypts RSAES-PKCS1-v1_5 only when it is told to; Nagad has no other encryption.
DECRYPTS = "--security-revert=CVE-2023-46809"


async def show(folder: Path) -> list[Json]:
    python = python_client("nagadpy", folder / "python")
    node = node_client("nagad-payment-gateway", folder / "node", DECRYPTS)
    async with gateway("nagad", folder) as origin:
        keys = json.dumps({**await desk(origin, "keys?house=nagad"), "MERCHANT_ID": MERCHANT_ID})
        payer = payers_of(origin, "nagad")
        said = await converse(python, (f"{origin}/nagad/api/dfs", keys), payer)
        # This one adds the path itself.
        return said + await converse(node, (f"{origin}/nagad", keys), payer)


if __name__ == "__main__":
    sys.exit(run(show))
