"""Opening a page in two calls, and asking what became of it, over a socket with every kind of manners."""

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from connectors.families.nagad.connector import Nagad
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from ekpay_switch.domain.collections.connector_calls import Collected, PageCreated
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import Connector, FindsMovements
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON, DhakaClock
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.conftest import the_manifest
from tests.connectors.families.nagad.nagad_stage import (
    BEGUN,
    COMPLETE,
    GAVE_BACK,
    INITIALISE,
    MERCHANT_ID,
    NEVER,
    OURS,
    PAGE,
    PAID,
    PENDING,
    THEIRS,
    VERIFY,
    NagadDesk,
    a_key,
    a_refund,
    an_order,
    answered,
    nagad_stage,
    plain,
    public_text,
    read,
    refused,
    sealed,
    secrets,
)
from tests.wire.scripted_peer import Caller, Manners

REASONS = {
    "InvalidMerchant": "not_allowed",
    "InactiveMerchant": "not_allowed",
    "SignatureVerificationFailed": "not_allowed",
    "InvalidOrderId": "malformed",
    "DuplicateOrderId": None,
    "InvalidPurchaseInformation": "malformed",
    "InvalidReferenceId": "unknown_payment",
    "InvalidCurrency": "malformed",
    "ServerError": None,
}
RUDE = [pytest.param(manners, id=name) for name, manners in rude_manners(plain(PAID)).items()]


async def test_a_nagad_implements_the_port_and_searches_nothing() -> None:
    async with nagad_stage() as stage:
        connector: Connector = stage.nagad
        assert not isinstance(connector, FindsMovements)
        assert connector.profile.reference_length == len(OURS) == 20


async def test_a_page_takes_two_calls_and_the_challenge_of_the_first_goes_into_the_second() -> None:
    async with nagad_stage() as stage:
        created = await stage.nagad.create(an_order(provider_reference=""))
        assert created == PageCreated(THEIRS, PAGE["callBackUrl"])
        assert stage.paths() == [f"{INITIALISE}{MERCHANT_ID}/{OURS}", f"{COMPLETE}{THEIRS}"]
        (begin,), (complete,) = stage.bodies(INITIALISE), stage.bodies(COMPLETE)
    begun = read(begin["sensitiveData"], begin["signature"])
    # The clock of the stage shows six in the morning, UTC.
    assert begin["dateTime"] == begun["datetime"] == "20251020120000"
    assert (begun["merchantId"], begun["orderId"]) == (MERCHANT_ID, OURS)
    assert 20 <= len(begun["challenge"]) <= 40
    assert read(complete["sensitiveData"], complete["signature"]) == {
        "merchantId": MERCHANT_ID,
        "orderId": OURS,
        "currencyCode": "050",
        "amount": "500.00",
        "challenge": BEGUN["challenge"],
    }
    assert complete["merchantCallbackURL"] == "https://example.org/return"


async def test_no_two_challenges_are_alike() -> None:
    async with nagad_stage() as stage:
        for _ in range(3):
            await stage.nagad.create(an_order())
        told = [read(body["sensitiveData"], body["signature"]) for body in stage.bodies(INITIALISE)]
    assert len({one["challenge"] for one in told}) == 3


async def test_every_call_shows_the_headers_of_nagad() -> None:
    async with nagad_stage(EKPAY_NAGAD_CLIENT_ADDRESS="203.0.113.7") as stage:
        await stage.nagad.create(an_order())
        await stage.nagad.inquire(an_order())
        await stage.nagad.refund(a_refund())
        assert [heard.method for heard in stage.peer.heard] == ["POST", "POST", "GET", "POST"]
        for heard in stage.peer.heard:
            assert heard.headers["x-km-api-version"] == "v-0.2.0"
            assert heard.headers["x-km-ip-v4"] == "203.0.113.7"
            assert heard.headers["x-km-client-type"] == "PC_WEB"
            assert heard.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("minor", "written"), [(100, "1.00"), (12_305, "123.05"), (3_000_000, "30000.00")])
async def test_an_amount_leaves_as_text_with_two_decimals(minor: int, written: str) -> None:
    async with nagad_stage() as stage:
        assert isinstance(await stage.nagad.create(an_order(amount=Money(minor))), PageCreated)
        (body,) = stage.bodies(COMPLETE)
    assert read(body["sensitiveData"], body["signature"])["amount"] == written


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(99)},
        {"amount": Money(3_000_001)},
        {"amount": Money(-50_000)},
        {"amount": Money(50_000, "USD")},
        {"reference": ""},
        {"reference": "FOUR"},
        {"reference": "X" * 21},
        {"reference": "EXAMPLE-1"},
        {"reference": "\u09e7\u09e8\u09e9\u09ea\u09eb"},
    ],
)
async def test_what_nagad_would_refuse_is_not_sent(changes: dict[str, Any]) -> None:
    async with nagad_stage() as stage:
        assert isinstance(await stage.nagad.create(an_order(**changes)), Unreached)
        assert stage.paths() == []


@pytest.mark.parametrize("reference", ["", "two words", "../purchase", "x" * 129, "\u09e7"])
async def test_what_has_no_name_over_there_is_not_asked(reference: str) -> None:
    async with nagad_stage() as stage:
        told = await stage.nagad.inquire(an_order(provider_reference=reference))
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert stage.paths() == []


async def test_a_name_that_needs_it_is_quoted_into_its_path() -> None:
    odd = "MDYx/../x?y#z%41=="
    async with nagad_stage() as stage:
        stage.desk.answers[VERIFY] = plain(PAID | {"paymentRefId": odd})
        assert isinstance(await stage.nagad.inquire(an_order(provider_reference=odd)), Collected)
        (heard,) = stage.peer.heard
    assert heard.path.replace("%3D", "=") == f"{VERIFY}MDYx%2F..%2Fx%3Fy%23z%2541=="


async def test_we_never_take_the_money_ourselves() -> None:
    async with nagad_stage() as stage:
        assert not stage.nagad.profile.executes
        assert await stage.nagad.execute(an_order()) == Unreached(
            "the payer's agreement moves the money at this provider"
        )
        assert stage.paths() == []


@pytest.mark.parametrize("setting", sorted(secrets()))
async def test_without_a_secret_nothing_is_sent_and_its_setting_is_named(setting: str) -> None:
    async with nagad_stage() as stage:
        stage.environ[setting] = ""
        nagad = stage.another_process()
        why = f"{setting} is not set"
        assert await nagad.create(an_order()) == Unreached(why)
        assert await nagad.inquire(an_order()) == NoAnswer(why, was_asked=False)
        assert await nagad.refund(a_refund()) == Unreached(why)
        assert await nagad.inquire_refunds(a_refund()) == NoAnswer(why, was_asked=False)
        assert stage.paths() == []


@pytest.mark.parametrize("setting", [*sorted(secrets()), "EKPAY_NAGAD_CLIENT_ADDRESS"])
async def test_a_secret_that_is_none_is_named_and_never_quoted(setting: str) -> None:
    async with nagad_stage() as stage:
        stage.environ[setting] = "open sesame"
        told = await stage.another_process().create(an_order())
        assert isinstance(told, Unreached)
        assert setting in told.why
        assert "sesame" not in told.why
        assert stage.paths() == []


def test_no_key_is_printed_with_what_holds_it() -> None:
    nagad = Nagad(
        the_manifest("nagad"), FamilyContext(_no_wire(), InMemoryTokens(), StoppedClock(NOON), secrets())
    )
    assert MERCHANT_ID not in repr(nagad._client.credentials)  # noqa: SLF001 - where a slip would print it


def _no_wire() -> HttpWire:
    return HttpWire.__new__(HttpWire)


@pytest.mark.parametrize(
    "change",
    [
        {"secrets": {"merchant_id": "EKPAY_NAGAD_MERCHANT_ID"}},
        {"family_settings": {}},
    ],
)
def test_what_the_family_misses_is_refused(change: dict[str, Any]) -> None:
    broken = the_manifest("nagad").model_copy(update=change)
    with pytest.raises(ManifestError, match="nagad"):
        Nagad(broken, FamilyContext(_no_wire(), InMemoryTokens(), StoppedClock(NOON), {}))


@pytest.mark.parametrize("path", [INITIALISE, COMPLETE])
@pytest.mark.parametrize("manners", RUDE)
async def test_a_page_without_a_usable_answer_is_in_doubt_and_asked_for_once(
    path: str, manners: Manners
) -> None:
    async with nagad_stage(NagadDesk(rude={path: manners})) as stage:
        assert isinstance(await stage.nagad.create(an_order()), InDoubt)
        assert len(stage.bodies(path)) == 1


async def test_nobody_there_is_unreached() -> None:
    async with nagad_stage() as stage:
        stage.environ["EKPAY_NAGAD_URL"] = "http://127.0.0.1:1"
        nobody = stage.another_process()
        assert isinstance(await nobody.create(an_order()), Unreached)
        told = await nobody.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked


async def test_nothing_leaves_after_the_last_moment() -> None:
    async with nagad_stage() as stage:
        assert await stage.nagad.create(an_order(seconds=-1)) == Unreached("the send deadline passed")
        assert stage.paths() == []


async def test_an_order_that_was_initialised_too_slowly_is_not_completed_and_was_not_unreached() -> None:
    async def slow(caller: Caller) -> None:
        await asyncio.sleep(0.3)
        await caller.answer(answered(BEGUN))

    async with nagad_stage(NagadDesk(rude={INITIALISE: slow})) as stage:
        told = await stage.nagad.create(an_order(seconds=0.2))
        assert told == InDoubt("initialised, and not completed: the send deadline passed")
        assert stage.bodies(COMPLETE) == []


@pytest.mark.parametrize("path", [INITIALISE, COMPLETE])
@pytest.mark.parametrize(("reason", "ours"), list(REASONS.items()))
async def test_a_reason_declines_or_leaves_in_doubt(path: str, reason: str, ours: str | None) -> None:
    async with nagad_stage() as stage:
        stage.desk.answers[path] = refused(reason)
        told = await stage.nagad.create(an_order())
        assert told == (Declined(ours, reason) if ours else InDoubt(f"reply code {reason}"))


def test_every_word_that_nagad_is_known_to_have_is_mapped() -> None:
    means = {word: reply.means for word, reply in the_manifest("nagad").replies.items()}
    assert means == (
        dict.fromkeys(["Success", *GAVE_BACK], Means.DONE)
        | dict.fromkeys(PENDING, Means.AWAITING_PAYER)
        | dict.fromkeys(NEVER, Means.ENDED)
        | {reason: Means.DECLINED if ours else Means.IN_DOUBT for reason, ours in REASONS.items()}
    )


@pytest.mark.parametrize("reader", ["stranger", "merchant"])
@pytest.mark.parametrize("signer", ["stranger", "nagad"])
async def test_an_answer_under_another_key_is_in_doubt_in_the_same_words(reader: str, signer: str) -> None:
    is_right = (reader, signer) == ("merchant", "nagad")
    async with nagad_stage() as stage:
        stage.desk.answers[INITIALISE] = plain(sealed(plain(BEGUN), reader, signer))
        told = await stage.nagad.create(an_order())
        assert isinstance(told, PageCreated) is is_right
        assert is_right or told == InDoubt("the answer cannot be decrypted or its signature is wrong")
        assert bool(stage.bodies(COMPLETE)) is is_right


async def test_with_another_gateway_key_than_nagads_no_page_is_believed() -> None:
    async with nagad_stage(EKPAY_NAGAD_GATEWAY_KEY=public_text(a_key("stranger"))) as stage:
        assert await stage.nagad.create(an_order()) == InDoubt(
            "the answer cannot be decrypted or its signature is wrong"
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"challenge": ""},
        {"challenge": "c" * 65},
        {"challenge": None},
        {"challenge": 'a"b'},
        {"paymentReferenceId": ""},
        {"paymentReferenceId": "two words"},
        {"paymentReferenceId": None},
    ],
)
async def test_an_order_that_is_begun_without_its_names_is_not_completed(changes: dict[str, Any]) -> None:
    async with nagad_stage() as stage:
        stage.desk.answers[INITIALISE] = answered(BEGUN | changes)
        assert isinstance(await stage.nagad.create(an_order()), InDoubt)
        assert stage.bodies(COMPLETE) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://mynagad.com.example.org/",
        "http://payment.mynagad.com/",
        "https://payment.mynagad.com:8443/",
        "https://mynagad.com@example.org/",
        "javascript:alert(1)",
        "https://payment.mynagad.com/<script>",
        "",
    ],
)
async def test_a_payer_is_sent_to_nagad_and_nowhere_else(url: str) -> None:
    async with nagad_stage() as stage:
        stage.desk.answers[COMPLETE] = plain(PAGE | {"callBackUrl": url})
        assert isinstance(await stage.nagad.create(an_order()), InDoubt)


async def test_the_page_of_the_sandbox_that_is_asked_is_a_page_too() -> None:
    async with nagad_stage() as stage:
        stage.desk.answers[COMPLETE] = plain(PAGE | {"callBackUrl": stage.peer.url("/nagad/page/1")})
        assert isinstance(await stage.another_process().create(an_order()), PageCreated)


SPY = "SPY4711"


@pytest.mark.parametrize("path", [INITIALISE, COMPLETE])
async def test_nothing_that_a_page_says_is_quoted_where_it_was_not_understood(path: str) -> None:
    answers = [
        refused(SPY),
        plain({"devMessage": SPY}),
        plain({"sensitiveData": SPY, "signature": SPY}),
        answered({"challenge": SPY}),
        plain(PAGE | {"callBackUrl": f"https://example.org/{SPY}"}),
        plain(PAGE | {"status": SPY}),
        SPY.encode(),
    ]
    async with nagad_stage() as stage:
        for answer in answers:
            stage.desk.answers[path] = answer
            told = await stage.nagad.create(an_order())
            assert isinstance(told, InDoubt)
            assert SPY not in told.why


def test_no_example_holds_a_key() -> None:
    manifest: Manifest = the_manifest("nagad")
    assert not any(re.search(r"[A-Za-z0-9+/]{80}", example.body) for example in manifest.examples)
    assert any("sensitiveData" in json.loads(one.body) for one in manifest.examples if one.body[:1] == "{")


async def test_the_clock_of_the_order_is_dhakas() -> None:
    late = DhakaClock(NOON.replace(hour=19))
    async with nagad_stage() as stage:
        around = FamilyContext(stage.wire, InMemoryTokens(), late, stage.environ)
        await Nagad(stage.manifest, around).create(replace(an_order()))
        assert stage.bodies(INITIALISE)[0]["dateTime"] == "20251021010000"
