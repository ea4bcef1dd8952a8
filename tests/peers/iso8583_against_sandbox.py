"""Let the public codecs starkbank-iso8583 and iso_8583, unmodified, talk to the simulated hosts of two banks.

One has the alias in DE102 and so a second bitmap, the other in DE2. First both codecs write and read the five
messages of `iso8583_vectors.json`. Not a part of the tests, because it installs packages: run
`python -m tests.peers.iso8583_against_sandbox`.
"""

import hmac
import json
import sys
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.callers.payer.payer import Payer, pay
from sandbox.kit.institution.clock import Clock
from sandbox.providers.iso8583.family import HostsFamily
from sandbox.providers.iso8583.institutions import consent_secret_of, mac_key_of
from sandbox.providers.iso8583.settings import HostSettings
from tests.peers.peer import Answer, Json, converse, desk, node_client, python_client, run
from tests.sandbox.conftest import served

HOUSES = {"pubali": ("102", "025175000"), "islami_bank": ("2", "025125000")}
"""The field that an alias stands in, and the acquirer, as the protocol has them."""

_ORDERS = count(1)


def consent_link(origin: str, house: str) -> str:
    """A new order's page, signed as the protocol says."""
    told = {
        "acceptor": "EKPAYSWITCH0001",
        "order": f"PEER{next(_ORDERS):016d}",
        "amount": "125050",
        "currency": "050",
        "return": "https://merchant.example/return",
    }
    text = "\n".join(f"{name}={value}" for name, value in told.items())
    sign = hmac.new(consent_secret_of(house).encode(), text.encode(), "sha256").hexdigest()
    return f"{origin}/{house}/pay?{urlencode({**told, 'sign': sign})}"


def payer_at(origin: str) -> Answer:
    """Agree on a bank's page, and tell the order and the alias that the browser brings back."""

    async def answer(wanted: Json) -> Json:
        house = wanted["house"]
        payers = await desk(origin, f"payers?house={house}&kind=normal")
        visit = await pay(consent_link(origin, house), Payer(payers["payers"][0]["number"]))
        told = dict(parse_qsl(urlsplit(visit.sent_to or "").query))
        return {"alias": told["alias"], "order": told["order"]}

    return answer


def told_of(hosts: HostsFamily) -> str:
    """What a switch is told of each house."""
    places = {name: listener.place for name, listener in hosts.listeners.items()}
    return json.dumps(
        [
            {
                "id": house,
                "place": places[house],
                "mac_key": mac_key_of(house).hex(),
                "alias_field": field,
                "acquirer": acquirer,
            }
            for house, (field, acquirer) in HOUSES.items()
        ]
    )


async def show(folder: Path) -> list[Json]:
    python = python_client("starkbank-iso8583", folder / "python")
    node = node_client("iso_8583", folder / "node")
    ports = {house.id: 0 for house in HostsFamily.institutions}
    hosts = HostsFamily.open(HostSettings(home=folder / "book", host_ports=ports, accounts=50), Clock())
    async with served(hosts) as (_, origin):
        told = told_of(hosts)
        said = await converse(python, (told,), payer_at(origin))
        return said + await converse(node, (told,), payer_at(origin))


if __name__ == "__main__":
    sys.exit(run(show))
