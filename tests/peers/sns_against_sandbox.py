"""Let the public verifier sns-validator, unmodified, judge what is signed here as Amazon's SNS signs.

Two codecs of ours write such messages: the simulated bKash, and the tests of the connector that reads them.
Not a part of the tests, because it installs a package: run `python -m tests.peers.sns_against_sandbox`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from tests.connectors.families.bkash.sns_messages import CERTIFICATE_URL, Letter, certificate, rsa_key
from tests.peers.peer import Json, converse, node_client, run
from tests.sandbox.caller import process_of
from tests.sandbox.providers.bkash.caller import BkashCaller, Endpoint, an_endpoint

SIGNED, WRONG, ELSEWHERE = "signed", "signature is invalid", "invalid domain"
SENT = (
    ("notification", SIGNED),
    ("second_id", SIGNED),
    ("week_late", SIGNED),
    ("other_topic", SIGNED),
    ("unfounded", SIGNED),
    ("bad_signature", WRONG),
    ("tampered", WRONG),
    ("foreign_key", WRONG),
    ("foreign_host", ELSEWHERE),
)
"""What the desk sends, and what a verifier that knows no topic and no clock must say of it."""


def written() -> Iterator[Json]:
    """Messages by the codec of the connector's tests."""
    for version in ("1", "2"):
        told = f"ours, version {version}: "
        yield letter(f"{told}a notification", Letter(version=version), SIGNED)
        yield letter(
            f"{told}one with a subject", Letter(version=version, members={"Subject": "paid"}), SIGNED
        )
        asked = Letter("SubscriptionConfirmation", version)
        yield letter(f"{told}a subscription", asked, SIGNED)
        # Amazon signs its token too; this verifier leaves it out, and so refuses what is right.
        farewell = Letter("UnsubscribeConfirmation", version)
        yield letter(f"{told}a farewell, which it reads as a notification", farewell, WRONG)
        changed = Letter(version=version, afterwards={"Timestamp": "2025-10-20T06:01:04.000Z"})
        yield letter(f"{told}another time", changed, WRONG)
        stranger = Letter(version=version, key=rsa_key(number=1))
        yield letter(f"{told}somebody else's key", stranger, WRONG)


def letter(title: str, wrote: Letter, words: str) -> Json:
    return {"title": title, "message": wrote.envelope(), "words": words}


async def sent(bkash: BkashCaller, endpoint: Endpoint) -> list[Json]:
    """Messages by the simulated bKash: the question of a subscription, then every kind in both versions."""
    await bkash.log_in()
    await bkash.admin("POST", "sns-endpoint", {"url": endpoint.url})
    payment_id, _ = await bkash.a_paid()
    letters = await endpoint.after(2)
    told = [{"title": f"bKash: {one['Type']}", "message": one, "words": SIGNED} for one in letters]
    for version in ("1", "2"):
        for kind, words in SENT:
            before = len(endpoint.bodies)
            await bkash.admin("POST", "sns", {"kind": kind, "paymentID": payment_id, "version": version})
            message = (await endpoint.after(before + 1))[before]
            told.append({"title": f"bKash, version {version}: {kind}", "message": message, "words": words})
    return told


async def show(folder: Path) -> list[Json]:
    client = node_client("sns-validator", folder / "client")
    async with (
        process_of(folder / "book", "--bkash-port") as (_, origin),
        aiohttp.ClientSession() as session,
        an_endpoint() as endpoint,
    ):
        letters = [*written(), *await sent(BkashCaller(session, origin), endpoint)]
        async with session.get(f"{origin}/_admin/sns-certificate.pem") as answer:
            theirs = await answer.text()
        urls = {one["message"]["SigningCertURL"] for one in letters} - {CERTIFICATE_URL}
        certificates = {**dict.fromkeys(urls, theirs), CERTIFICATE_URL: certificate(rsa_key()).decode()}

        async def answer_with(_wanted: Json) -> Json:
            return {"letters": letters, "certificates": certificates}

        return await converse(client, (), answer_with)


if __name__ == "__main__":
    sys.exit(run(show))
