import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from joserfc import jwe
from joserfc.jwk import OctKey

from sandbox.callers.partner.client import (
    Partner,
    PartnerClient,
    TokenRefusedError,
    UnreadableAnswerError,
    result_code,
)
from sandbox.callers.partner.messages import Payout

SECRET = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
KEY = OctKey.import_key(SECRET.encode())
PARTNER = Partner("NS42", "s7", "bank", "pass-key", SECRET)
BASE = "/syndicate/api/"


@dataclass
class FakeSwitch:
    """Answers as the specification says, with another JWE library than the client's."""

    origin: str = ""
    tokens: int = 0
    life: str = "3600s"
    login_extra: dict[str, str] = field(default_factory=dict)
    refuse_times: int = 0
    rubbish: bytes = b""
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def get_token(self, request: web.Request) -> web.Response:
        if (await request.json()) != {"user_id": "bank", "pass_key": "pass-key"}:
            return web.json_response({"resp_cd": "2003", "resp_msg": "not allowed"}, status=401)
        self.tokens += 1
        answer = {
            "security_token": f"token{self.tokens}",
            "token_exp_time": self.life,
            "token_type": "Bearer",
            "resp_cd": "0000",
            "resp_msg": "success",
            "ack_timestamp": "2026-03-10T12:00:00+06:00",
        }
        return web.json_response(answer | self.login_extra)

    async def call(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        await asyncio.sleep(0)
        is_latest = request.headers.get("Authorization") == f"Bearer token{self.tokens}"
        if self.refuse_times or not is_latest:
            self.refuse_times = max(0, self.refuse_times - 1)
            return web.json_response({"resp_cd": "2002", "resp_msg": "token missing or expired"}, status=401)
        if self.rubbish:
            return web.Response(body=self.rubbish)
        message = json.loads(jwe.decrypt_compact(body, KEY, algorithms=["dir", "A256GCM"]).plaintext or b"")
        self.received.append((request.path.removeprefix(BASE), message))
        answer = {
            "hdrs": message["hdrs"],
            "bllr_inf": {"bllr_id": "b025", "bll_amnt_ttl": "500.00", "bll_cstnm": "করিম"},
            "resp_status": {"rsp_cd": "0000", "rsp_msg": "success", "refno_ack": "ACK1"},
        }
        header = {"cty": "JWT", "enc": "A256GCM", "alg": "dir"}
        return web.Response(text=jwe.encrypt_compact(header, json.dumps(answer), KEY))


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    fake = FakeSwitch()
    application = web.Application()
    application.router.add_post(f"{BASE}get-token", fake.get_token)
    application.router.add_post(BASE + "{call}", fake.call)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
async def client(switch: FakeSwitch) -> AsyncIterator[PartnerClient]:
    async with PartnerClient(switch.origin, PARTNER) as opened:
        yield opened


async def test_the_five_calls_go_to_their_paths(switch: FakeSwitch, client: PartnerClient) -> None:
    fetched = await client.fetch_bill("b025", bll_no="022610000000")
    assert fetched["bllr_inf"]["bll_cstnm"] == "করিম"
    await client.pay(fetched, Payout("PAY1"))
    await client.status(fetched["hdrs"]["ref_id"], "b025")
    await client.balance()
    await client.master_data()
    assert [(path, message["hdrs"]["nm"]) for path, message in switch.received] == [
        ("fetch-bill", "FETCH_BLL_REQ"),
        ("update-billPayment", "UPDT_BLL_PYMNT_REQ"),
        ("check-bill-status", "CHCK_BLL_STTS_REQ"),
        ("check-bbalance", "CHCK_BKT_BLNC_REQ"),
        ("fetch-MDMbillers", "FETCH_MDM_DATA_REQ"),
    ]
    assert switch.tokens == 1


async def test_calls_that_come_together_share_one_token(switch: FakeSwitch, client: PartnerClient) -> None:
    answers = await asyncio.gather(*(client.balance() for _ in range(20)))
    assert {result_code(answer) for answer in answers} == {"0000"}
    assert switch.tokens == 1


async def test_a_token_near_its_end_is_renewed(switch: FakeSwitch) -> None:
    now = 0.0
    switch.life = "1h"
    async with PartnerClient(switch.origin, PARTNER, monotonic=lambda: now) as client:
        await client.balance()
        now = 3_569.0
        await client.balance()
        assert switch.tokens == 1
        now = 3_570.0
        await client.balance()
        assert switch.tokens == 2


async def test_a_refused_token_is_renewed_and_the_same_bytes_sent_once_more(
    switch: FakeSwitch, client: PartnerClient
) -> None:
    switch.refuse_times = 1
    assert result_code(await client.balance()) == "0000"
    assert switch.tokens == 2
    assert len(switch.bodies) == 2
    assert switch.bodies[0] == switch.bodies[1]


async def test_a_call_refused_twice_is_answered_as_it_is(switch: FakeSwitch, client: PartnerClient) -> None:
    switch.refuse_times = 2
    answer = await client.balance()
    assert (answer["http_status"], result_code(answer)) == (401, "2002")
    assert len(switch.bodies) == 2


async def test_a_wrong_pass_key_gives_no_token(switch: FakeSwitch) -> None:
    stranger = Partner("NS42", "s7", "bank", "guess", SECRET)
    async with PartnerClient(switch.origin, stranger) as client:
        with pytest.raises(TokenRefusedError) as refused:
            await client.balance()
    assert refused.value.answer["resp_cd"] == "2003"
    assert switch.bodies == []


@pytest.mark.parametrize("extra", [{"seventh": "member"}, {"token_exp_time": "soon"}, {"resp_cd": "2003"}])
async def test_a_token_answer_of_another_form_is_a_failure(
    switch: FakeSwitch, client: PartnerClient, extra: dict[str, str]
) -> None:
    switch.login_extra = extra
    with pytest.raises(TokenRefusedError):
        await client.get_token()


@pytest.mark.parametrize("rubbish", [b"<html>", b"\xff", b"a.b.c.d.e"])
async def test_an_answer_that_cannot_be_opened_is_an_error(
    switch: FakeSwitch, client: PartnerClient, rubbish: bytes
) -> None:
    switch.rubbish = rubbish
    with pytest.raises(UnreadableAnswerError):
        await client.balance()


async def test_rubbish_is_sent_as_it_is(switch: FakeSwitch, client: PartnerClient) -> None:
    answer = await client.send("fetch-bill", b"rubbish")
    assert answer.status == 401
    assert switch.bodies == [b"rubbish"]


def test_pass_key_and_secret_stay_out_of_the_text_of_a_partner() -> None:
    assert "pass-key" not in repr(PARTNER)
    assert SECRET not in repr(PARTNER)
