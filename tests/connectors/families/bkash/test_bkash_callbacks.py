"""What comes unasked: believed as a hint at most, and only as far as its proof goes."""

import json
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.bkash.connector import Bkash
from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from ekpay_switch.ports.world import NotSent, WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import the_manifest
from tests.connectors.families.bkash.bkash_stage import BkashDesk, bkash_stage
from tests.connectors.families.bkash.sns_messages import (
    CERTIFICATE_URL,
    HOST,
    INNER,
    TOPIC,
    Letter,
    certificate,
    rsa_key,
)
from tests.wire.scripted_peer import Caller

HINT = CallbackHint("8f2b1f3e-0000-5000-8000-000000000001", "", "Completed", EXAMPLE_ORDER.reference)
NOTIFIED = {"x-amz-sns-message-type": "Notification", "content-type": "text/plain; charset=UTF-8"}


@dataclass
class Shelf:
    """A wire that finds what lies at a URL and reaches nothing else."""

    pages: dict[str, WireReply] = field(default_factory=dict)
    visited: list[tuple[str, str, str]] = field(default_factory=list)

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        self.visited.append((far_side, request.method, request.url))
        return self.pages.get(request.url, NotSent("nothing there"))


def page(body: bytes, status: int = 200) -> WireAnswer:
    return WireAnswer(status, {}, body)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf({CERTIFICATE_URL: page(certificate(rsa_key()))})


def a_bkash(shelf: Shelf, **environ: str) -> Bkash:
    given = {"EKPAY_BKASH_SNS_TOPIC_ARN": TOPIC, **environ}
    around = FamilyContext(shelf, InMemoryTokens(), StoppedClock(NOON), given)
    return Bkash(the_manifest("bkash"), around)


@pytest.mark.parametrize("claims", ["success", "failure", "cancel"])
async def test_a_browser_that_comes_back_is_a_hint(shelf: Shelf, claims: str) -> None:
    query = f"paymentID=TR0011abc&status={claims}&signature=x%2By&apiVersion=1.2.0-beta".encode()
    bkash = a_bkash(shelf)
    told = await bkash.read_callback({}, query)
    is_agreed = claims == "success"
    assert told == CallbackHint(f"TR0011abc {claims}", "TR0011abc", claims, is_agreed=is_agreed)
    assert await bkash.read_callback({"cookie": "a=b"}, query) == told
    assert shelf.visited == []


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"status=success",
        b"paymentID=TR0011abc",
        b"paymentID=TR0011abc&status=paid",
        b"paymentID=&status=success",
        b"paymentID=a%20b&status=success",
        b"paymentID=" + b"x" * 65 + b"&status=success",
        b"paymentID=TR0011abc&paymentID=TR0011abd&status=success",
        b"paymentID=TR0011abc&status=success&" + b"x" * 5_000,
        b"&".join([b"paymentID=TR0011abc", b"status=success", *(b"x=1" for _ in range(30))]),
        b"\xff\xfe",
    ],
)
async def test_a_query_that_says_nothing_certain_is_no_hint(shelf: Shelf, query: bytes) -> None:
    assert isinstance(await a_bkash(shelf).read_callback({}, query), NoHint)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("members", [{}, {"Subject": "Payment"}])
async def test_a_signed_notification_is_a_hint_by_our_reference(
    shelf: Shelf, version: str, members: dict[str, object]
) -> None:
    body = Letter(version=version, members=members).body()
    assert await a_bkash(shelf).read_callback(NOTIFIED, body) == HINT
    assert shelf.visited == [("bkash_sns", "GET", CERTIFICATE_URL)]


async def test_the_certificate_is_fetched_once(shelf: Shelf) -> None:
    bkash = a_bkash(shelf)
    for _ in range(3):
        assert await bkash.read_callback({}, Letter().body()) == HINT
    assert len(shelf.visited) == 1


async def test_a_repeat_has_the_same_event_whatever_else_it_says(shelf: Shelf) -> None:
    bkash = a_bkash(shelf)
    late = Letter(members={"Timestamp": "2025-10-27T06:01:03.000Z"})
    assert await bkash.read_callback(NOTIFIED, Letter().body()) == HINT
    assert await bkash.read_callback(NOTIFIED, late.body()) == HINT


FORGED = {
    "tampered": Letter(afterwards={"Message": json.dumps(INNER | {"amount": "5000.00"})}),
    "another id for the same message": Letter(
        afterwards={"MessageId": "8f2b1f3e-0000-5000-8000-000000000002"}
    ),
    "a subject added": Letter(afterwards={"Subject": "Payment"}),
    "signed by a stranger": Letter(key=rsa_key(2_048, 1)),
    "signed in the other version": Letter(afterwards={"SignatureVersion": "2"}),
    "signed in a version that is not there": Letter(afterwards={"SignatureVersion": "3"}),
    "no base64": Letter(afterwards={"Signature": "??"}),
    "base64 of nothing": Letter(afterwards={"Signature": "AAAA"}),
    "another topic": Letter(members={"TopicArn": f"{TOPIC}-other"}),
    "a topic of another account": Letter(members={"TopicArn": TOPIC.replace("1234", "4321")}),
    "a type that is none": Letter(members={"Type": "Notice"}),
    "another type than the header says": Letter("SubscriptionConfirmation"),
}


@pytest.mark.parametrize("letter", list(FORGED.values()), ids=list(FORGED))
async def test_a_forged_message_is_no_hint(shelf: Shelf, letter: Letter) -> None:
    told = await a_bkash(shelf).read_callback(NOTIFIED, letter.body())
    assert isinstance(told, NoHint)
    assert told.is_forged


ELSEWHERE = [
    "https://sns.example.com/SimpleNotificationService-0.pem",
    "http://sns.ap-southeast-1.amazonaws.com/SimpleNotificationService-0.pem",
    "https://sns.ap-southeast-1.amazonaws.com.example.com/x.pem",
    "https://sns.ap-southeast-1.amazonaws.com@example.com/x.pem",
    "https://example.com\\@sns.ap-southeast-1.amazonaws.com/x.pem",
    "https://sns.ap-southeast-1.amazonaws.com:8443/x.pem",
    "https://sns.eu-west-1.amazonaws.com/x.pem",
    "https://example.com/sns.ap-southeast-1.amazonaws.com/x.pem",
    f"{HOST}/x.crt",
    f"{HOST}/../x.pem",
    f"{HOST}/x.pem?y=.pem",
    f"{HOST}/x.pem#.pem",
    "https://ap-southeast-1.amazonaws.com/x.pem",
    "https://sns.ap-southeast-1.amazonaws.com\t/x.pem",
    "file:///etc/x.pem",
    "https://127.0.0.1/x.pem",
]


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_a_certificate_from_elsewhere_is_not_even_fetched(shelf: Shelf, url: str) -> None:
    told = await a_bkash(shelf).read_callback(NOTIFIED, Letter(members={"SigningCertURL": url}).body())
    assert told == NoHint("a certificate from elsewhere", is_forged=True)
    assert shelf.visited == []


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (certificate(rsa_key(), days=30), "not valid now"),
        (certificate(rsa_key(), issued=NOON.replace(year=2026)), "not valid now"),
        (certificate(rsa_key(1_024)), "another kind of key"),
        (certificate(ec.generate_private_key(ec.SECP256R1())), "another kind of key"),
    ],
    ids=["ended", "not begun", "short", "no RSA"],
)
async def test_a_certificate_that_proves_nothing_is_refused(pem: bytes, why: str) -> None:
    told = await a_bkash(Shelf({CERTIFICATE_URL: page(pem)})).read_callback(NOTIFIED, Letter().body())
    assert isinstance(told, NoHint)
    assert told.is_forged
    assert why in told.why


@pytest.mark.parametrize("answer", [page(b"<html>"), page(certificate(rsa_key()), 404), NotSent("down")])
async def test_without_its_certificate_a_message_is_no_hint_and_no_forgery(answer: WireReply) -> None:
    told = await a_bkash(Shelf({CERTIFICATE_URL: answer})).read_callback(NOTIFIED, Letter().body())
    assert isinstance(told, NoHint)
    assert not told.is_forged


async def test_a_subscription_is_confirmed_once_it_is_proven(shelf: Shelf) -> None:
    letter = Letter("SubscriptionConfirmation")
    url = str(letter.envelope()["SubscribeURL"])
    shelf.pages[url] = page(b"<ConfirmSubscriptionResponse/>")
    told = await a_bkash(shelf).read_callback({}, letter.body())
    assert told == NoHint("a subscription was confirmed")
    assert shelf.visited[-1] == ("bkash_sns", "GET", url)


@pytest.mark.parametrize("url", ["https://example.com/?Action=ConfirmSubscription", "http://127.0.0.1/", "x"])
async def test_a_subscription_is_not_confirmed_elsewhere(shelf: Shelf, url: str) -> None:
    letter = Letter("SubscriptionConfirmation", members={"SubscribeURL": url})
    told = await a_bkash(shelf).read_callback({}, letter.body())
    assert told == NoHint("a subscription to be confirmed elsewhere", is_forged=True)
    assert [visited[2] for visited in shelf.visited] == [CERTIFICATE_URL]


async def test_a_confirmation_that_is_not_heard_is_no_success(shelf: Shelf) -> None:
    told = await a_bkash(shelf).read_callback({}, Letter("SubscriptionConfirmation").body())
    assert told == NoHint("an address of a notification did not answer")


async def test_a_forged_subscription_is_not_confirmed(shelf: Shelf) -> None:
    letter = Letter("SubscriptionConfirmation", key=rsa_key(2_048, 1))
    await a_bkash(shelf).read_callback({}, letter.body())
    assert [visited[2] for visited in shelf.visited] == [CERTIFICATE_URL]


async def test_a_farewell_is_no_hint_and_visits_nothing(shelf: Shelf) -> None:
    told = await a_bkash(shelf).read_callback({}, Letter("UnsubscribeConfirmation").body())
    assert told == NoHint("unsubscribed")
    assert len(shelf.visited) == 1


@pytest.mark.parametrize("topic", ["", "payments", "arn:aws:sqs:ap-southeast-1:123456789012:payments"])
async def test_without_a_topic_of_ours_nothing_is_believed(shelf: Shelf, topic: str) -> None:
    bkash = a_bkash(shelf, EKPAY_BKASH_SNS_TOPIC_ARN=topic)
    told = await bkash.read_callback(NOTIFIED, Letter().body())
    assert told == NoHint("EKPAY_BKASH_SNS_TOPIC_ARN names no topic")
    assert shelf.visited == []


@pytest.mark.parametrize("inner", ["", "[]", "null", "{}", json.dumps({"merchantInvoiceNumber": ""})])
async def test_a_message_that_names_no_payment_of_ours_is_no_hint(shelf: Shelf, inner: str) -> None:
    told = await a_bkash(shelf).read_callback(NOTIFIED, Letter(members={"Message": inner or " "}).body())
    assert isinstance(told, NoHint)
    assert not told.is_forged


async def test_a_message_without_end_is_not_read(shelf: Shelf) -> None:
    assert isinstance(await a_bkash(shelf).read_callback(NOTIFIED, b"{" * 300_000), NoHint)


async def test_a_rehearsal_finds_certificate_and_confirmation_at_the_sandbox(bkash: Manifest) -> None:
    pages = {"/sns.pem": certificate(rsa_key()), "/?Action=ConfirmSubscription&Token=token-1": b"<ok/>"}

    async def serve(caller: Caller) -> None:
        await caller.answer(pages[caller.heard.path])

    desk = BkashDesk(rude=dict.fromkeys(pages, serve))
    async with bkash_stage(bkash, desk, EKPAY_BKASH_SNS_TOPIC_ARN=TOPIC) as stage:
        stage.environ["EKPAY_BKASH_SNS_CERTIFICATE_URL"] = stage.peer.url("/sns.pem")
        rehearsed = stage.another_process()
        assert await rehearsed.read_callback(NOTIFIED, Letter().body()) == HINT
        told = await rehearsed.read_callback({}, Letter("SubscriptionConfirmation").body())
        assert told == NoHint("a subscription was confirmed")
        assert stage.paths() == list(pages)


async def test_a_rehearsal_still_checks_where_the_certificate_is_said_to_lie(shelf: Shelf) -> None:
    bkash = a_bkash(shelf, EKPAY_BKASH_SNS_CERTIFICATE_URL="http://127.0.0.1:8193/sns.pem")
    told = await bkash.read_callback(NOTIFIED, Letter(members={"SigningCertURL": ELSEWHERE[0]}).body())
    assert told == NoHint("a certificate from elsewhere", is_forged=True)


@pytest.mark.parametrize("url", ["https://example.com/sns.pem", "http://127.0.0.1@example.com/x", "x"])
def test_a_rehearsal_anywhere_but_on_this_machine_is_refused(shelf: Shelf, url: str) -> None:
    with pytest.raises(ManifestError, match="loopback"):
        a_bkash(shelf, EKPAY_BKASH_SNS_CERTIFICATE_URL=url)


@given(st.binary(max_size=200), st.sampled_from([{}, NOTIFIED]))
async def test_whatever_comes_nothing_is_raised_and_nothing_believed(
    body: bytes, headers: dict[str, str]
) -> None:
    told = await a_bkash(Shelf()).read_callback(headers, body)
    assert isinstance(told, NoHint) or (not headers and b"paymentID=" in body)
