"""Every peer, one after the other: `python -m tests.peers`; exit code 1 if a step of any came out wrong."""

import sys

from tests.peers import (
    iso8583_against_sandbox,
    jose_against_sandbox,
    nagad_against_sandbox,
    pybkash_against_sandbox,
    shurjopay_against_sandbox,
    sns_against_sandbox,
    sslcommerz_against_sandbox,
    webhooks_against_sandbox,
)
from tests.peers.peer import run

PEERS = (
    pybkash_against_sandbox,
    nagad_against_sandbox,
    sslcommerz_against_sandbox,
    shurjopay_against_sandbox,
    iso8583_against_sandbox,
    sns_against_sandbox,
    webhooks_against_sandbox,
    jose_against_sandbox,
)


def main() -> int:
    wrong = 0
    for peer in PEERS:
        sys.stdout.write(f"== {peer.__name__.rpartition('.')[2]}\n")
        wrong += run(peer.show)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
