"""The worker and the web side as they are put together: a payment is told, and its keys are published."""

import asyncio
import itertools
import json
from collections.abc import MutableMapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ekpay_switch.composition.http_app import build_app
from ekpay_switch.composition.worker import run_worker
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import Database, open_database
from ekpay_switch.persistence.notifications.endpoints import Endpoints
from ekpay_switch.persistence.parties.partners import NewPartner, Partners
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings
from sandbox.callers.partner.webhooks import WebhookReceiver
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.notifications.notifier_setup import Post, taking, until
from tests.wire.scripted_peer import rude_peer


async def _a_payment(home: Path) -> str:
    """A completed payment of a partner of its own; which one."""
    place = EmbeddedPostgres(home).start()
    group_commit = group_commit_of(database_of(place))
    await group_commit.start()
    books = Books(place, group_commit, itertools.count(uuid4().int % 10**11))
    engine = books.database.engine()
    try:
        partner = f"p{uuid4().hex[:10]}"
        await Partners(engine, KeyRing.open(home)).add(NewPartner(partner, "A wallet", partner))
        await books.top_up(partner, 60_000)
        await Post(books, engine).completed(1, partner)
        return partner
    finally:
        await engine.dispose()
        await group_commit.stop()


async def _published(settings: Settings, database: Database, endpoint_id: object) -> list[str]:
    """The keys that the web side shows."""
    app = build_app(settings, database)
    sent: list[MutableMapping[str, Any]] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": f"/.well-known/ekpay-webhook-keys/{endpoint_id}",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [],
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    assert sent[0]["status"] == 200
    keys = json.loads(sent[1]["body"])
    assert isinstance(keys, list)
    return keys


async def _has_answered(receiver: WebhookReceiver) -> bool:
    return bool(receiver.received_ids or receiver.refused)


async def test_a_worker_tells_what_happened_and_the_web_side_shows_the_key(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partner = await _a_payment(home)
    receiver = WebhookReceiver([])
    async with rude_peer(taking(receiver)) as peer:
        settings = Settings(
            home=home,
            database_url=None,
            worker_poll_seconds=0.1,
            operations_port=0,
            worker_operations_port=0,
            webhook_trusted_hosts=frozenset({f"127.0.0.1:{peer.port}"}),
        )
        database = open_database(settings)
        engine = database.engine()
        endpoint = await Endpoints(engine).add(partner, peer.url("/hooks"), [])
        await engine.dispose()
        receiver.trust(await _published(settings, database, endpoint.id))

        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(settings, database, stop))
        try:
            await until(partial(_has_answered, receiver))
        finally:
            stop.set()
            await worker

    (event,) = receiver.events.values()
    assert (event["type"], event["data"]["biller_id"]) == ("payment.completed", "b025")
    assert receiver.refused == []
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (warning,) = [line for line in logged if line["event"] == "webhook_hosts_trusted"]
    assert (warning["level"], warning["count"]) == ("warning", 1)
    assert [line["tries"] for line in logged if line.get("endpoint_id") == str(endpoint.id)] == [1]
