import base64
import json

import pytest

from ekpay_switch.api.syndicate.codes import MESSAGES
from sandbox.kit.jwe import PROTECTED_HEADER, seal
from tests.api.api_setup import Caller, Desk, code_of

MALFORMED = {
    "resp_cd": "2001",
    "resp_msg": f"{MESSAGES['2001']}: the body is no JWE that a key of this partner opens",
}


def under(header: bytes, envelope: bytes) -> bytes:
    """The same envelope with another protected header."""
    return b".".join((base64.urlsafe_b64encode(header).rstrip(b"="), *envelope.split(b".")[1:]))


def spoilt(envelope: bytes) -> dict[str, bytes]:
    head, key, nonce, text, tag = envelope.split(b".")
    flipped = (b"A" if text[:1] != b"A" else b"B") + text[1:]
    return {
        "empty": b"",
        "no envelope": b"hello",
        "json": b'{"hdrs":{}}',
        "four parts": b".".join((head, nonce, text, tag)),
        "six parts": envelope + b".AAAA",
        "tampered text": b".".join((head, key, nonce, flipped, tag)),
        "tampered tag": b".".join((head, key, nonce, text, b"A" * len(tag))),
        "cut tag": b".".join((head, key, nonce, text, tag[:-4])),
        "another nonce": b".".join((head, key, b"A" * len(nonce), text, tag)),
        "an encrypted key": b".".join((head, b"AAAA", nonce, text, tag)),
        "another key": seal(b"{}", "x" * 32).encode(),
        "not base64": b".".join((head, key, b"!!!!", text, tag)),
        "not ascii": envelope.replace(b".", "।".encode()),
        "alg none": under(b'{"alg":"none","enc":"A256GCM","cty":"JWT"}', envelope),
        "alg A256KW": under(b'{"alg":"A256KW","enc":"A256GCM","cty":"JWT"}', envelope),
        "zip": under(b'{"alg":"dir","enc":"A256GCM","cty":"JWT","zip":"DEF"}', envelope),
        "crit": under(b'{"alg":"dir","enc":"A256GCM","cty":"JWT","crit":["x"],"x":1}', envelope),
        "jwk": under(b'{"alg":"dir","enc":"A256GCM","cty":"JWT","jwk":{"kty":"oct","k":"AA"}}', envelope),
        "header is a list": under(b"[]", envelope),
        "header is deep": under(b"[" * 20_000, envelope),
        "binary": bytes(range(256)) * 4,
    }


@pytest.mark.parametrize("kind", sorted(spoilt(seal(b"{}", "x" * 32).encode())))
async def test_what_cannot_be_opened_is_malformed_in_plain_text_and_pays_nothing(
    desk: Desk, bank: Caller, kind: str
) -> None:
    sealed = bank.sealed(bank.payment(await bank.fetch()))
    before = desk.small.books.image()
    reply = await bank.post("update-billPayment", spoilt(sealed)[kind])
    assert (reply.status, reply.plain) == (400, MALFORMED)
    assert desk.small.books.image() == before
    assert desk.small.biller.orders == []


async def test_an_answer_has_the_one_header_and_is_text(bank: Caller) -> None:
    reply = await bank.post("check-bbalance", bank.sealed(bank.write.balance()))
    head = reply.body.split(b".")[0]
    assert base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)) == PROTECTED_HEADER
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/json", "", "multipart/form-data", "image/png", "\xff"]
)
async def test_any_content_type_is_taken(bank: Caller, content_type: str) -> None:
    reply = await bank.post("check-bbalance", bank.sealed(bank.write.balance()), content_type)
    assert reply.status == 200


async def test_space_around_an_envelope_does_not_matter(bank: Caller) -> None:
    reply = await bank.post("check-bbalance", b"\r\n " + bank.sealed(bank.write.balance()) + b"\n")
    assert reply.status == 200


async def test_the_message_of_another_partner_does_not_open(desk: Desk, bank: Caller) -> None:
    other = desk.partner(202)
    reply = await bank.post("check-bbalance", other.sealed(other.write.balance()))
    assert (reply.status, reply.plain) == (400, MALFORMED)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"null",
        b"[]",
        b"17",
        b"{",
        b"\xef\xbb\xbf{}",
        b'{"hdrs":"\xff\xfe"}',
        b"\x00",
        b"[" * 40_000,
        b'{"a":' * 8_000,
        b"{" + b",".join(b'"k%d":1' % n for n in range(4_000)) + b"}",
        b'{"hdrs":{},"hdrs":{}}',
        b'{"hdrs":NaN}',
        b'{"hdrs":-Infinity}',
        b'{"hdrs":1e400}',
        b'{"hdrs":' + b"9" * 5_000 + b"}",
        b'{"hdrs":{"nm":"\\ud800"}}',
        b'{"hdrs":{"nm":"\\u0000"}}',
        b'{"hdrs":[["\\udfff"]]}',
        b"{} {}",
    ],
)
async def test_a_sealed_text_that_is_no_message_is_malformed_under_seal(
    desk: Desk, bank: Caller, plain: bytes
) -> None:
    before = desk.small.books.image()
    for name in (
        "fetch-MDMbillers",
        "fetch-bill",
        "update-billPayment",
        "check-bill-status",
        "check-bbalance",
    ):
        answer = await bank.say(name, plain)
        assert code_of(answer) == "2001"
        assert answer["hdrs"] == {
            "nm": "",
            "ver": "v1.3.0",
            "tms": "2026-03-01T12:00:00+06:00",
            "ref_id": "",
            "nd_id": "",
        }
    assert desk.small.books.image() == before


async def test_a_member_that_stands_twice_is_malformed_wherever_it_stands(desk: Desk, bank: Caller) -> None:
    text = json.dumps(bank.payment(await bank.fetch()))
    for member in ('"pyd_amnt": "1050.00"', '"refno_ack": "', '"bllr_id": "b025"'):
        assert member in text
        name = member.split(":")[0]
        doubled = text.replace(member, f'{name}: "1", {member}', 1)
        assert code_of(await bank.say("update-billPayment", doubled.encode())) == "2001"
    assert desk.small.biller.orders == []


async def test_each_end_point_takes_its_own_message_alone(bank: Caller) -> None:
    for name in ("fetch-bill", "update-billPayment", "check-bill-status", "fetch-MDMbillers"):
        assert code_of(await bank.say(name, json.dumps(bank.write.balance()).encode())) == "2001"
