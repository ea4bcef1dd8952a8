"""Let the public clients sslcommerz-client and sslcommerz-lts, unmodified, at the simulated SSLCommerz.

Not a part of the tests, because it installs packages: run `python -m tests.peers.sslcommerz_against_sandbox`.
"""

import sys
from pathlib import Path

from tests.peers.peer import Answer, Json, converse, gateway, node_client, payers_of, python_client, run
from tests.sandbox.kit.provider.push_receiver import Letterbox, a_letterbox


def merchant(payer: Answer, letterbox: Letterbox) -> Answer:
    """Be the payer, or the merchant's own server to which the IPN was posted."""

    async def answer(wanted: Json) -> Json:
        if wanted["wants"] == "payer":
            return await payer(wanted)
        await letterbox.until(1)
        return {"body": letterbox.letters[0][1].decode()}

    return answer


async def show(folder: Path) -> list[Json]:
    python = python_client("sslcommerz-client", folder / "python")
    node = node_client("sslcommerz-lts", folder / "node")
    async with gateway("sslcommerz", folder) as origin, a_letterbox() as letterbox:
        answer = merchant(payers_of(origin, "sslcommerz"), letterbox)
        arguments = (f"{origin}/sslcommerz", f"{letterbox.url}/ipn")
        return await converse(python, arguments, answer) + await converse(node, arguments, answer)


if __name__ == "__main__":
    sys.exit(run(show))
