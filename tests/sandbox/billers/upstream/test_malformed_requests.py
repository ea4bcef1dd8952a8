"""Whatever is no whole, well sealed message of the one partner is answered with an error and does nothing."""

import base64
import json
from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path

import pytest

from sandbox.kit.jwe import seal
from tests.sandbox.billers.upstream.caller import PATHS, SECRET, UpstreamCaller, code_of, upstream_at
from tests.sandbox.billers.upstream.test_wire import GAS
from tests.sandbox.caller import Json, SetClock

RUBBISH: list[object] = [None, "", " ", 17, True, [], {}, "x" * 300, "১২৩", "\x00", "-1", "1e3", "a\nb"]
CHECKED: dict[str, dict[str, tuple[str, ...]]] = {
    "FETCH_BLL_REQ": {
        "hdrs": ("nm", "ver", "tms", "ref_id"),
        "trx": ("trx_id", "trx_tms"),
        "bll_inf": ("bllr_accno", "bll_typ", "bill_mobno", "mode"),
    },
    "UPDT_BLL_PYMNT_REQ": {
        "hdrs": ("nm", "ver", "tms", "ref_id"),
        "trx": ("trx_id", "trx_tms", "refno_ack"),
        "bllr_inf": ("bll_typ", "bll_amnt_ttl", "ekpay_fee", "mode"),
        "pyd_inf": ("pyd_trxn_refid", "pyd_tms", "pyd_amnt"),
    },
    "CHCK_BLL_STTS_REQ": {"hdrs": ("ref_id",), "trx": ("trx_id",), "bll_inf": ("mode",)},
    "CHCK_BKT_BLNC_REQ": {"hdrs": ("ref_id",), "trx": ("trx_id", "refno_ack")},
}
FIELDS = [(n, b, m) for n, blocks in CHECKED.items() for b, members in blocks.items() for m in members]
# Texts of these members may be anything a person could write; what they name is then simply not there.
FREE = {"bllr_accno", "bill_mobno"}


@pytest.fixture
async def upstream(tmp_path: Path, clock: SetClock) -> AsyncIterator[UpstreamCaller]:
    async with upstream_at(tmp_path, clock) as caller:
        yield caller


async def a_message(caller: UpstreamCaller, name: str) -> Json:
    payment = await caller.a_payment(GAS)
    return {
        "FETCH_BLL_REQ": await caller.a_fetch(GAS),
        "UPDT_BLL_PYMNT_REQ": payment,
        "CHCK_BLL_STTS_REQ": caller.write.status(payment["hdrs"]["ref_id"], "b430"),
        "CHCK_BKT_BLNC_REQ": caller.write.balance(),
    }[name]


@pytest.mark.parametrize(("name", "block", "member"), FIELDS)
async def test_rubbish_in_a_field_is_malformed(
    upstream: UpstreamCaller, name: str, block: str, member: str
) -> None:
    good = await a_message(upstream, name)
    for rubbish in RUBBISH:
        spoilt = deepcopy(good)
        spoilt[block][member] = rubbish
        code = code_of(await upstream.exchange(spoilt, PATHS[name]))
        is_text = isinstance(rubbish, str) and rubbish.isprintable() and 0 < len(rubbish) <= 128
        is_free = member in FREE and is_text
        is_reference = member == "pyd_trxn_refid" and str(rubbish) in {"-1", "1e3"}
        assert code == "2001" or is_free or is_reference, rubbish
    assert len(await upstream.payments()) <= 1


@pytest.mark.parametrize("name", CHECKED)
async def test_a_block_that_is_missing_or_none_is_malformed(upstream: UpstreamCaller, name: str) -> None:
    good = await a_message(upstream, name)
    for block in (*CHECKED[name], "usr_inf"):
        for rubbish in RUBBISH:
            assert code_of(await upstream.exchange(good | {block: rubbish}, PATHS[name])) == "2001"
    assert await upstream.payments() == []


@pytest.mark.parametrize(("block", "member"), [("hdrs", "nd_id"), ("usr_inf", "syndct_id")])
async def test_another_partners_name_is_not_allowed(
    upstream: UpstreamCaller, block: str, member: str
) -> None:
    for name in CHECKED:
        message = await a_message(upstream, name)
        message[block][member] = "NS1"
        assert code_of(await upstream.exchange(message)) == "2003"


async def test_a_message_at_another_path_is_malformed(upstream: UpstreamCaller) -> None:
    for name in CHECKED:
        message = await a_message(upstream, name)
        for path in set(PATHS.values()) - {PATHS[name]}:
            assert code_of(await upstream.exchange(message, path)) == "2001"
    assert await upstream.payments() == []


async def test_a_payment_needs_a_trx_id_of_its_own(upstream: UpstreamCaller) -> None:
    fetch = await upstream.a_fetch(GAS)
    fetched = await upstream.exchange(fetch)
    payment = await upstream.a_payment(GAS)
    payment["hdrs"]["ref_id"] = fetch["hdrs"]["ref_id"]
    payment["trx"] |= {"refno_ack": fetched["resp_status"]["refno_ack"], "trx_id": fetch["trx"]["trx_id"]}
    assert await upstream.pay(payment) == "2001"
    payment["trx"]["trx_id"] = "T" * 26
    assert await upstream.pay(payment) == "0000"


async def test_what_was_sealed_is_answered_sealed_even_where_it_is_no_message(
    upstream: UpstreamCaller,
) -> None:
    for plain in (b"", b"[]", b"null", b"{", b"\xff"):
        status, told = await upstream.post("fetch-bill", seal(plain, SECRET).encode())
        assert (status, told.count(".")) == (200, 4)


def other_header(**header: object) -> bytes:
    first = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")
    return first + seal(b"{}", SECRET).encode()[len(seal(b"{}", SECRET).partition(".")[0]) :]


UNSEALED = {
    "nothing": b"",
    "JSON": b'{"hdrs": {}}',
    "JSON that pretends": b'{"message": {"hdrs": {}}}',
    "another secret": seal(b"{}", "O" * 32).encode(),
    "half an envelope": seal(b"{}", SECRET).encode()[:-5],
    "no ASCII": "é".encode(),
    "no content type": other_header(alg="dir", enc="A256GCM"),
    "compressed": other_header(cty="JWT", alg="dir", enc="A256GCM", zip="DEF"),
    "another cipher": other_header(cty="JWT", alg="dir", enc="A128GCM"),
    "a header that is none": b"e30.." + b"AAAA.AAAA.AAAA",
}


@pytest.mark.parametrize("body", UNSEALED)
async def test_what_cannot_be_opened_is_answered_in_the_clear(upstream: UpstreamCaller, body: str) -> None:
    for path in PATHS.values():
        status, told = await upstream.post(path, UNSEALED[body])
        assert (status, json.loads(told).keys()) == (400, {"resp_cd", "resp_msg"})
        assert json.loads(told)["resp_cd"] == "2001"


async def test_without_a_living_token_nothing_is_opened(upstream: UpstreamCaller) -> None:
    body = seal(json.dumps(await upstream.a_fetch(GAS)).encode(), SECRET).encode()
    for token in ("", "made-up"):
        status, told = await upstream.post("fetch-bill", body, token)
        assert (status, json.loads(told)["resp_cd"]) == (401, "2002")


async def test_a_login_that_is_none_is_malformed(upstream: UpstreamCaller) -> None:
    for login in (b"", b"{}", b"[]", b'{"user_id": "ekpay"}', b'{"user_id": 1, "pass_key": []}'):
        status, told = await upstream.post("get-token", login)
        assert (status, json.loads(told)["resp_cd"]) == (400, "2001")
