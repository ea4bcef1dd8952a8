"""Rubbish on the line does not stop the payments behind it, and no log tells what it must not."""

import asyncio
import os

import pytest

from tests.acceptance.installation import DESCO, DONE, House, a_reference, sealed
from tests.acceptance.raw_socket import RawLine, post

# The processes and connections of the house live in one event loop, so its stories do too.
pytestmark = pytest.mark.asyncio(loop_scope="package")

TEN_MEGABYTES = 10 * 1024 * 1024


async def test_rubbish_is_answered_or_cut_and_payments_go_on(house: House) -> None:
    bank, port = house.shapla, house.stage.setting.switch_port
    token = await bank.client.get_token()
    message = bank.client.write.fetch(DESCO, bll_no=house.bill().number)
    whole = sealed(message, bank.player.secret)
    many_headers = [f"X-Rubbish-{number}: {number}" for number in range(2_000)]
    rubbish = {
        "too_big": post("fetch-bill", b"A" * TEN_MEGABYTES, token),
        "too_many_headers": post("fetch-bill", whole, token, *many_headers),
        "garbage_in_an_envelope": post("fetch-bill", os.urandom(2_000), token),
        "garbage": os.urandom(2_000) + b"\r\n\r\n",
    }
    half = post("update-billPayment", whole, token)[:-50]
    async with RawLine(port) as hanging:
        await hanging.send(half)
        statuses = await asyncio.gather(*(_answered(port, sent) for sent in rubbish.values()))
        told = dict(zip(rubbish, statuses, strict=True))
        assert told["too_big"] in {413, None}
        assert told["too_many_headers"] in {431, 400, None}
        assert told["garbage_in_an_envelope"] == 400
        assert told["garbage"] in {400, None}
        assert await bank.pay(await bank.fetch(house.bill()), a_reference()) == DONE
    assert await bank.pay(await bank.fetch(house.bill()), a_reference()) == DONE
    await house.ends_well()


async def _answered(port: int, sent: bytes) -> int | None:
    async with RawLine(port) as line:
        await line.send(sent)
        return await line.status()


async def test_no_log_holds_a_secret_or_a_whole_account_number(house: House) -> None:
    bank, bill, reference = house.shapla, house.bill(), a_reference()
    assert await bank.pay(await bank.fetch(bill), reference) == DONE
    logs = {path.name: path.read_text() for path in house.stage.setting.logs.iterdir()}
    (payment,) = await house.payments(reference)
    assert payment["id"] in logs["switch.log"]
    assert "worker_started" in logs["worker.log"]

    for banker in (house.shapla, house.doyel, house.poor):
        house.secrets.add(await banker.client.get_token())
    told = [
        (name, text) for name, log in logs.items() for text in house.secrets | house.accounts if text in log
    ]
    assert told == []
