"""`ekpay text-messages list`: what became of each message, without its number and text."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from ekpay_switch.domain.citizens.one_time_codes import CodePurpose
from ekpay_switch.domain.citizens.text_messages import MessageEnd, MessageKind
from ekpay_switch.persistence.citizens.one_time_codes import PostgresOneTimeCodes
from ekpay_switch.persistence.citizens.text_messages import PostgresTextMessages
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.citizens import NewCode, NewTextMessage, SendAnswer, SendVerdict
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.one_time_codes import CodeDigests
from tests.cli.command_result import Ekpay
from tests.database import database_of
from tests.persistence.books import SEALER

NUMBER, CODE = "01712345678", "482913"


async def _two_messages(home: Path) -> None:
    """One that the gateway refused for ever, and one that waits."""
    transactions = ShortTransactions(database_of(EmbeddedPostgres(home).start()).connect_hot)
    codes = PostgresOneTimeCodes(transactions, CodeDigests(KeyRing(bytes(range(32)))), SEALER)
    messages = PostgresTextMessages(transactions, SEALER)
    try:
        for _ in range(2):
            new = NewTextMessage(uuid7(), MessageKind.CODE, NUMBER, f"code {CODE}", timedelta(minutes=5))
            await codes.issue(NewCode(uuid7(), CodePurpose.TRACK, "SUBJECT", CODE), new)
        (leased,) = await messages.lease_due(1, 45.0)
        await messages.end(leased, MessageEnd.REFUSED, SendAnswer(SendVerdict.REFUSED, "code 4026"))
    finally:
        await transactions.close()


def test_messages_are_listed_with_what_became_of_them(ekpay: Ekpay, own_home: Path) -> None:
    here = {"EKPAY_HOME": str(own_home)}
    asyncio.run(_two_messages(own_home))
    listed = json.loads(ekpay("text-messages", "list", "--json", **here).out)
    assert sorted((str(line["ending"]), line["reason"]) for line in listed) == [
        ("None", None),
        ("refused", "code 4026"),
    ]
    waiting = json.loads(ekpay("text-messages", "list", "--waiting", "--json", **here).out)
    assert [(line["to"], line["ending"]) for line in waiting] == [("017*****678", None)]
    shown = ekpay("text-messages", "list", **here)
    assert (shown.code, shown.err) == (0, "")
    assert "017*****678" in shown.out
    for secret in (NUMBER, CODE):
        assert secret not in shown.out + json.dumps(listed)
