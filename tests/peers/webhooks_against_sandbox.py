"""Let public libraries of webhooks, unmodified, judge the messages that the switch signs.

Not a part of the tests, because it installs packages: run `python -m tests.peers.webhooks_against_sandbox`.
"""

import sys
import time
from pathlib import Path
from uuid import UUID

from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.webhook_signatures import WebhookKeys
from tests.peers.peer import Json, converse, node_client, python_client, run

NAMES = ("standardwebhooks", "svix")
KEYS, ENDPOINT, OTHER = WebhookKeys(KeyRing(bytes(range(32)))), UUID(int=1), UUID(int=2)
BODY = '{"type":"payment.completed","data":{"payer":"রাহেলা"}}'


def letter(title: str, **changes: object) -> Json:
    """A message of ours, or one that is changed in one thing."""
    made: Json = {
        "generations": (1,),
        "has_shared_secret": True,
        "age": 0,
        "sent": BODY,
        "of": ENDPOINT,
    } | changes
    sent_at = int(time.time()) - made["age"]
    headers = KEYS.headers(
        made["of"],
        made["generations"],
        "msg_1",
        sent_at,
        BODY.encode(),
        has_shared_secret=made["has_shared_secret"],
    )
    secret = KEYS.shared_secret(ENDPOINT, 1)
    return {"title": title, "secret": secret, "headers": headers, "body": made["sent"], "is_ours": False}


def letters() -> list[Json]:
    ours = [letter("a message of ours"), letter("during a rotation", generations=(2, 1))]
    return [
        *({**one, "is_ours": True} for one in ours),
        letter("another body", sent=BODY + " "),
        letter("another endpoint's", of=OTHER),
        letter("a new key, and the old secret", generations=(2,)),
        letter("without the shared secret", has_shared_secret=False),
        letter("an hour old", age=3_600),
    ]


async def answer(_wanted: Json) -> Json:
    return {"letters": letters()}


async def show(folder: Path) -> list[Json]:
    clients = [python_client(name, folder / f"python-{name}") for name in NAMES]
    clients += [node_client(name, folder / f"node-{name}") for name in NAMES]
    return [told for client in clients for told in await converse(client, (), answer)]


if __name__ == "__main__":
    sys.exit(run(show))
