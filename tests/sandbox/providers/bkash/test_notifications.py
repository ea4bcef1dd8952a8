"""Notifications: what they say, how they are signed, and that they come until they are taken."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import sandbox.providers.bkash.institution as bkash_house
from sandbox.kit.institution.clock import Clock
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.sandbox.caller import Json, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.providers.bkash.caller import BkashCaller, Endpoint, an_endpoint

TOPIC = "arn:aws:sns:ap-southeast-1:000000000000:bkash-sandbox"
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
SIGNED["UnsubscribeConfirmation"] = SIGNED["SubscriptionConfirmation"]


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with an_endpoint() as opened:
        yield opened


@pytest.fixture
async def told(bkash: BkashCaller, endpoint: Endpoint) -> BkashCaller:
    """A merchant who has subscribed; the first message is the question whether that was meant."""
    await bkash.admin("POST", "sns-endpoint", {"url": endpoint.url})
    return bkash


async def certificate(bkash: BkashCaller) -> x509.Certificate:
    async with bkash.session.get(f"{bkash.origin}/_admin/sns-certificate.pem") as answer:
        return x509.load_pem_x509_certificate(await answer.read())


async def check(bkash: BkashCaller, message: Json) -> None:
    """Check a signature as Amazon describes it.

    Raises:
        InvalidSignature: it is none of this message.
    """
    key = (await certificate(bkash)).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    pairs = [(name, message[name]) for name in SIGNED[message["Type"]] if name in message]
    text = "".join(f"{name}\n{value}\n" for name, value in pairs)
    algorithm = {"1": hashes.SHA1, "2": hashes.SHA256}[message["SignatureVersion"]]()
    signature = base64.b64decode(message["Signature"])
    key.verify(signature, text.encode(), padding.PKCS1v15(), algorithm)


async def test_an_executed_payment_is_told(told: BkashCaller, endpoint: Endpoint) -> None:
    payment_id, trx_id = await told.a_paid(amount="120.50", merchantInvoiceNumber="INV-N")
    message = (await endpoint.after(2))[1]
    assert message["Type"] == "Notification"
    assert message["TopicArn"] == TOPIC
    assert message["Timestamp"] == "2026-03-10T06:00:00.000Z"
    assert message["SigningCertURL"].startswith("https://sns.ap-southeast-1.amazonaws.com/Simple")
    assert message["SigningCertURL"].endswith(".pem")
    assert message["UnsubscribeURL"].startswith("https://sns.ap-southeast-1.amazonaws.com/")
    await check(told, message)
    assert json.loads(message["Message"]) == {
        "dateTime": "20260310120000",
        "debitMSISDN": "8801700000003",
        "creditOrganizationName": "ekPay",
        "creditShortCode": "50022",
        "trxID": trx_id,
        "transactionStatus": "Completed",
        "transactionType": "10002294",
        "amount": "120.50",
        "currency": "BDT",
        "transactionReference": "01712345678",
        "merchantInvoiceNumber": "INV-N",
        "couponAmount": "0.00",
        "merchantShareAmount": "0.00",
        "saleAmount": "120.50",
    }
    headers = endpoint.headers[1]
    assert headers["content-type"].startswith("text/plain")
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert headers["x-amz-sns-message-id"] == message["MessageId"]
    assert payment_id


async def test_a_subscription_asks_to_be_confirmed_and_is(told: BkashCaller, endpoint: Endpoint) -> None:
    message = (await endpoint.after(1))[0]
    assert (message["Type"], len(message["Token"])) == ("SubscriptionConfirmation", 128)
    assert endpoint.headers[0]["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    await check(told, message)
    host, query = message["SubscribeURL"].split("/?")
    assert host == "https://sns.ap-southeast-1.amazonaws.com"
    async with told.session.get(f"{told.origin}/?{query}x") as answer:
        assert answer.status == 403
    assert not (await told.admin("GET", "dump"))["subscription"]["is_confirmed"]
    async with told.session.get(f"{told.origin}/?{query}") as answer:
        assert answer.status == 200
    subscription = (await told.admin("GET", "dump"))["subscription"]
    assert subscription == {"endpoint": endpoint.url, "is_confirmed": True}


async def test_a_certificate_is_amazons_by_name_and_its_address_is_its_own(bkash: BkashCaller) -> None:
    made = await certificate(bkash)
    assert "Amazon" in made.issuer.rfc4514_string()
    assert await certificate(bkash) == made


async def send(bkash: BkashCaller, kind: str, payment_id: str, **more: object) -> None:
    answer = await bkash.admin("POST", "sns", {"kind": kind, "paymentID": payment_id, **more})
    assert "sent" in answer, answer


@pytest.mark.parametrize("kind", ["bad_signature", "tampered", "foreign_key"])
async def test_a_forged_notification_does_not_verify(
    told: BkashCaller, endpoint: Endpoint, kind: str
) -> None:
    payment_id, _ = await told.a_paid(amount="100")
    await send(told, kind, payment_id)
    message = (await endpoint.after(3))[2]
    with pytest.raises(InvalidSignature):
        await check(told, message)
    amount = json.loads(message["Message"])["amount"]
    assert amount == ("9100.00" if kind == "tampered" else "100.00")


async def test_a_foreign_host_another_topic_and_an_unfounded_one_verify_all_the_same(
    told: BkashCaller, endpoint: Endpoint
) -> None:
    payment_id = (await told.create())["paymentID"]
    await told.admin("POST", "approve", {"paymentID": payment_id})
    await send(told, "unfounded", payment_id)
    await told.execute(payment_id)
    await endpoint.after(3)
    for kind in ("foreign_host", "other_topic"):
        await send(told, kind, payment_id)
    messages = await endpoint.after(5)
    for message in messages:
        await check(told, message)
    assert json.loads(messages[1]["Message"])["transactionStatus"] == "Completed"
    assert messages[3]["SigningCertURL"].startswith("https://sns.example.com/")
    assert messages[4]["TopicArn"] == f"{TOPIC}-other"


async def test_a_replay_is_the_same_to_the_last_byte_and_a_second_id_is_not(
    told: BkashCaller, endpoint: Endpoint
) -> None:
    payment_id, _ = await told.a_paid()
    await endpoint.after(2)
    await send(told, "notification", payment_id, times=5)
    await send(told, "second_id", payment_id)
    messages = await endpoint.after(8)
    assert all(message == messages[1] for message in messages[1:7])
    assert messages[7]["MessageId"] != messages[1]["MessageId"]
    assert messages[7]["Message"] == messages[1]["Message"]


async def test_a_week_late_is_right_but_for_its_age(told: BkashCaller, endpoint: Endpoint) -> None:
    payment_id, _ = await told.a_paid()
    await send(told, "week_late", payment_id, version="2")
    message = (await endpoint.after(3))[2]
    await check(told, message)
    assert (message["Timestamp"], message["SignatureVersion"]) == ("2026-03-03T06:00:00.000Z", "2")


async def test_questions_can_be_asked_at_any_time(told: BkashCaller, endpoint: Endpoint) -> None:
    for kind in ("confirmation", "unsubscribe"):
        await told.admin("POST", "sns", {"kind": kind})
    messages = await endpoint.after(3)
    assert [message["Type"] for message in messages[1:]] == [
        "SubscriptionConfirmation",
        "UnsubscribeConfirmation",
    ]
    for message in messages:
        await check(told, message)


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"kind": "notification"}, 400),
        ({"kind": "confirmation", "paymentID": "TR1"}, 400),
        ({"kind": "nothing", "paymentID": "TR1"}, 400),
        ({"kind": "replay", "paymentID": "TR1", "times": 0}, 400),
        ({"kind": "notification", "paymentID": "TR1"}, 409),
        ({"kind": "notification", "paymentID": "{unpaid}"}, 409),
    ],
)
async def test_an_order_for_what_has_not_happened_sends_nothing(
    told: BkashCaller, endpoint: Endpoint, order: dict[str, str], status: int
) -> None:
    unpaid = (await told.create())["paymentID"]
    body = {name: unpaid if value == "{unpaid}" else value for name, value in order.items()}
    async with told.session.post(f"{told.origin}/_admin/sns", json=body) as answer:
        assert answer.status == status
    assert len((await told.admin("GET", "sns"))["sent"]) == len(endpoint.bodies) == 1


async def test_without_an_endpoint_nothing_is_sent_or_owed(bkash: BkashCaller) -> None:
    payment_id, _ = await bkash.a_paid(magic_wallet(WalletKind.NOTICE_FIRST))
    body = {"kind": "notification", "paymentID": payment_id}
    async with bkash.session.post(f"{bkash.origin}/_admin/sns", json=body) as answer:
        assert answer.status == 409
    assert (await bkash.admin("GET", "dump"))["notices"] == []
    async with bkash.session.post(f"{bkash.origin}/_admin/sns-endpoint", json={"url": "ftp://x"}) as answer:
        assert answer.status == 400


async def test_a_notification_can_come_before_the_answer_to_its_execute(
    told: BkashCaller, endpoint: Endpoint
) -> None:
    payment_id = await told.a_payment(magic_wallet(WalletKind.NOTICE_FIRST))
    endpoint.gate = asyncio.Event()
    call = asyncio.create_task(told.execute(payment_id))
    await endpoint.after(2)
    assert not call.done()
    endpoint.gate.set()
    assert (await call)["transactionStatus"] == "Completed"


async def test_what_is_not_taken_is_sent_again_until_it_is(tmp_path: Path, clock: SetClock) -> None:
    async with an_endpoint(refusals=3) as endpoint:
        settings = BkashSettings(home=tmp_path, sns_endpoint=endpoint.url, sns_retry_seconds=(0.0, 0.01))
        institution = bkash_house.BkashInstitution.open(settings, Clock(clock.now))
        async with served(institution) as (session, origin):
            caller = BkashCaller(session, origin)
            await caller.log_in()
            await endpoint.after(1)
            await caller.a_paid()
            messages = await endpoint.after(4)
            assert messages[0]["Type"] == "SubscriptionConfirmation"
            assert messages[1] == messages[2] == messages[3]
            while (await caller.admin("GET", "dump"))["notices"][0]["delivered_at"] is None:
                assert endpoint.refusals == 0
            assert (await caller.admin("GET", "sns"))["sent"][1]["tries"] == 3


async def test_what_was_owed_at_a_kill_is_sent_when_the_process_is_back(
    tmp_path: Path, clock: SetClock
) -> None:
    async with an_endpoint(refusals=2) as endpoint:
        settings = BkashSettings(home=tmp_path, sns_endpoint=endpoint.url, sns_retry_seconds=(3_600.0,))
        async with served(bkash_house.BkashInstitution.open(settings, Clock(clock.now))) as (session, origin):
            caller = BkashCaller(session, origin)
            await caller.log_in()
            await endpoint.after(1)
            payment_id, trx_id = await caller.a_paid()
            await endpoint.after(2)
        async with served(bkash_house.BkashInstitution.open(settings, Clock(clock.now))) as (session, origin):
            again = BkashCaller(session, origin)
            messages = await endpoint.after(3)
            # The key is new, and so is the address of its certificate; the message is not.
            await check(again, messages[2])
            assert messages[2]["MessageId"] == messages[1]["MessageId"]
            assert json.loads(messages[2]["Message"])["trxID"] == trx_id
            assert messages[2]["SigningCertURL"] != messages[1]["SigningCertURL"]
    assert payment_id


async def test_an_endpoint_that_nobody_listens_at_stops_nothing(bkash: BkashCaller) -> None:
    await bkash.admin("POST", "sns-endpoint", {"url": "http://127.0.0.1:1/sns"})
    payment_id, _ = await bkash.a_paid(magic_wallet(WalletKind.NOTICE_FIRST))
    sent = (await bkash.admin("GET", "sns"))["sent"]
    assert [(one["kind"], one["status"]) for one in sent] == [("confirmation", None), ("notification", None)]
    assert (await bkash.status(payment_id))["transactionStatus"] == "Completed"
