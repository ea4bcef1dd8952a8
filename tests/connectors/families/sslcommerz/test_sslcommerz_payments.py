"""Opening a session and finding out what became of it, with every trap of connectors.md 3 and 17.2."""

from typing import Any
from urllib.parse import parse_qsl

import pytest

from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    ConfirmedCollection,
    MismatchedCollection,
    NeverPaid,
    PageCreated,
    judge_collected,
)
from ekpay_switch.domain.collections.payer_page import PageContent, PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.connectors import Connector, FindsMovements
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.conftest import the_manifest
from tests.connectors.families.sslcommerz.sslcommerz_stage import (
    COLLECTED,
    FAILED,
    GOOD,
    REFERENCE,
    SECRET,
    SESSION,
    STORE_ID,
    VAL_ID,
    VALIDATION,
    Played,
    a_connector,
    a_stage,
    an_order,
    attempts,
    played,
    said,
)
from tests.wire.scripted_peer import Manners

HTML = b"<html><body>VALID</body></html>"


@pytest.fixture
def manifest() -> Manifest:
    return the_manifest("sslcommerz")


def rudely(answer: bytes) -> list[Any]:
    return [pytest.param(manners, id=name) for name, manners in rude_manners(answer).items()]


async def test_it_implements_the_port_and_searches_nothing(manifest: Manifest) -> None:
    connector: Connector = a_connector(manifest)
    assert not isinstance(connector, FindsMovements)
    assert (connector.profile.id, connector.profile.executes) == ("sslcommerz", False)
    assert connector.profile.reference_length <= 30


# ---- the session


async def test_a_session_is_opened_with_the_fields_that_sslcommerz_wants(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        created = await stage.connector.create(an_order(provider_reference=""))
        (heard,) = stage.heard("create")
    assert created == PageCreated("SESSION1", SESSION["GatewayPageURL"])
    assert heard.path == "/sslcommerz/gwprocess/v4/api.php"
    assert heard.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(heard.body.decode())) == {
        "store_id": STORE_ID,
        "store_passwd": SECRET,
        "total_amount": "500.00",
        "currency": "BDT",
        "tran_id": REFERENCE,
        "success_url": EXAMPLE_ORDER.return_url,
        "fail_url": EXAMPLE_ORDER.return_url,
        "cancel_url": EXAMPLE_ORDER.return_url,
        "ipn_url": EXAMPLE_ORDER.notify_url,
        "product_category": "bill",
        "product_name": "Bill payment",
        "product_profile": "non-physical-goods",
        "shipping_method": "NO",
        "num_of_item": "1",
        "emi_option": "0",
        "cus_name": "ekPay payer",
        "cus_email": "payer@example.org",
        "cus_add1": "Dhaka",
        "cus_city": "Dhaka",
        "cus_postcode": "1000",
        "cus_country": "Bangladesh",
        "cus_phone": "01700000000",
    }


async def test_the_page_is_told_the_payee_in_latin_and_a_repeat_the_same(manifest: Manifest) -> None:
    wire = Played(manifest, {"create": said(SESSION)})
    page = PageContent("Rahima Store & Sons", "রহিমা স্টোর", PayerLanguage.BANGLA)
    for _ in range(2):
        await played(manifest, wire).create(an_order(page=page))
    first, again = (asked.body for asked in wire.asked)
    assert first == again
    assert dict(parse_qsl(first.decode()))["product_name"] == "Rahima Store and Sons"


async def test_what_we_know_of_the_payer_stays_with_us(manifest: Manifest) -> None:
    wire = Played(manifest, {"create": said(SESSION)})
    await played(manifest, wire).create(an_order(payer_reference="8801712345678"))
    assert b"8801712345678" not in wire.asked[0].body


async def test_without_an_address_for_notices_none_is_named(manifest: Manifest) -> None:
    wire = Played(manifest, {"create": said(SESSION)})
    await played(manifest, wire).create(an_order(notify_url=""))
    assert b"ipn_url" not in wire.asked[0].body


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(999)},
        {"amount": Money(50_000_001)},
        {"amount": Money(50_000, "USD")},
        {"reference": ""},
        {"reference": "A" * 31},
        {"reference": "A&B"},
        {"return_url": "https://example.org/" + "x" * 255},
        {"notify_url": "https://example.org/" + "x" * 255},
    ],
)
async def test_what_sslcommerz_would_refuse_is_not_sent(manifest: Manifest, changes: dict[str, Any]) -> None:
    wire = Played(manifest, {})
    assert isinstance(await played(manifest, wire).create(an_order(**changes)), Unreached)
    assert wire.asked == []


async def test_a_refused_session_is_a_decline_that_quotes_nothing(manifest: Manifest) -> None:
    refused = said({"status": "FAILED", "failedreason": f"{SECRET} is wrong"})
    told = await a_connector(manifest, create=refused).create(an_order())
    assert told == Declined("not_allowed", "session FAILED")


async def test_a_page_at_a_strangers_is_not_opened(manifest: Manifest) -> None:
    elsewhere = said(SESSION | {"GatewayPageURL": "https://sslcommerz.com.example.org/"})
    assert isinstance(await a_connector(manifest, create=elsewhere).create(an_order()), InDoubt)


async def test_the_page_of_the_sandbox_that_is_asked_is_a_page_too(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        stage.desk.answers["create"] = said(SESSION | {"GatewayPageURL": stage.peer.url("/page")})
        assert isinstance(await stage.connector.create(an_order()), PageCreated)


@pytest.mark.parametrize("manners", rudely(said(SESSION)))
async def test_a_create_without_a_usable_answer_is_in_doubt_and_sent_once(
    manifest: Manifest, manners: Manners
) -> None:
    async with a_stage(manifest, {"create": manners}) as stage:
        assert isinstance(await stage.connector.create(an_order()), InDoubt)
        assert stage.calls() == ["create"]


async def test_nothing_is_ever_executed(manifest: Manifest) -> None:
    wire = Played(manifest, {})
    told = await played(manifest, wire).execute(an_order())
    assert told == Unreached("the payer's agreement moves the money at this provider")
    assert wire.asked == []


# ---- what became of it


async def test_money_is_collected_once_query_and_validation_say_so(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        told = await stage.connector.inquire(an_order())
        assert told == COLLECTED
        assert stage.calls() == ["query", "validate"]
        shared = {"store_id": STORE_ID, "store_passwd": SECRET, "v": "1", "format": "json"}
        assert stage.asked("query") == shared | {"tran_id": REFERENCE}
        assert stage.asked("validate") == shared | {"val_id": VAL_ID}
    assert isinstance(judge_collected(EXAMPLE_ORDER, told), ConfirmedCollection)


@pytest.mark.parametrize("word", ["VALID", "VALIDATED"])
async def test_the_first_validation_and_every_later_one_are_good(manifest: Manifest, word: str) -> None:
    connector = a_connector(
        manifest, query=attempts(GOOD | {"status": word}), validate=said(VALIDATION | {"status": word})
    )
    assert await connector.inquire(an_order()) == COLLECTED


@pytest.mark.parametrize("word", ["INVALID_TRANSACTION", "PENDING", "FAILED", "VALIDish", "valid", ""])
async def test_any_other_word_of_a_validation_is_no_answer(manifest: Manifest, word: str) -> None:
    connector = a_connector(manifest, validate=said(VALIDATION | {"status": word}))
    assert isinstance(await connector.inquire(an_order()), NoAnswer)


async def test_of_several_attempts_the_good_one_is_taken_wherever_it_stands(manifest: Manifest) -> None:
    for rows in ([FAILED, GOOD], [GOOD, FAILED], [FAILED, GOOD | {"status": "VALIDATED"}, FAILED]):
        assert await a_connector(manifest, query=attempts(*rows)).inquire(an_order()) == COLLECTED


@pytest.mark.parametrize("word", ["FAILED", "CANCELLED", "UNATTEMPTED", "PENDING"])
async def test_an_attempt_that_came_to_nothing_leaves_the_page_open(manifest: Manifest, word: str) -> None:
    connector = a_connector(manifest, query=attempts(FAILED | {"status": word}))
    assert await connector.inquire(an_order()) == AwaitingPayer()


async def test_no_attempt_at_all_is_a_page_still_open(manifest: Manifest) -> None:
    for none in (attempts(), said({"APIConnect": "DONE", "no_of_trans_found": "0", "element": None})):
        assert await a_connector(manifest, query=none).inquire(an_order()) == AwaitingPayer()


async def test_an_expired_session_ends_the_page_unless_an_attempt_is_under_way(manifest: Manifest) -> None:
    expired, pending = FAILED | {"status": "EXPIRED"}, FAILED | {"status": "PENDING"}
    assert await a_connector(manifest, query=attempts(FAILED, expired)).inquire(an_order()) == NeverPaid(
        "reply code attempt EXPIRED"
    )
    under_way = a_connector(manifest, query=attempts(expired, pending))
    assert await under_way.inquire(an_order()) == AwaitingPayer()
    assert await a_connector(manifest, query=attempts(expired, GOOD)).inquire(an_order()) == COLLECTED


async def test_an_attempt_in_a_state_that_nobody_mapped_settles_nothing(manifest: Manifest) -> None:
    strange = a_connector(manifest, query=attempts(FAILED | {"status": "EXPIRED"}, GOOD | {"status": "HELD"}))
    assert await strange.inquire(an_order()) == NoAnswer("reply code attempt HELD")


@pytest.mark.parametrize("found", [0, 2, "1.0", None, "many"])
async def test_an_answer_that_counts_other_attempts_than_it_shows_is_no_answer(
    manifest: Manifest, found: object
) -> None:
    miscounted = said({"APIConnect": "DONE", "no_of_trans_found": found, "element": [GOOD]})
    assert isinstance(await a_connector(manifest, query=miscounted).inquire(an_order()), NoAnswer)


@pytest.mark.parametrize("connect", ["INVALID_REQUEST", "FAILED", "INACTIVE", "done"])
async def test_who_is_not_let_in_learns_nothing(manifest: Manifest, connect: str) -> None:
    for operation in ("query", "validate"):
        answer = said({"APIConnect": connect, "no_of_trans_found": 0, "element": []})
        told = await a_connector(manifest, **{operation: answer}).inquire(an_order())
        assert told == NoAnswer(f"reply code connect {connect}")


# ---- the replay of a cheaper payment, and what else does not fit


async def test_the_name_of_a_cheaper_payment_collects_nothing(manifest: Manifest) -> None:
    cheaper = {"tran_id": "CHEAPER000000000000000001", "amount": "10.00", "currency_amount": "10.00"}
    connector = a_connector(manifest, validate=said(VALIDATION | cheaper))
    assert await connector.inquire(an_order()) == NoAnswer("another tran_id")


@pytest.mark.parametrize("name", ["tran_id", "val_id", "bank_tran_id"])
async def test_a_validation_of_something_else_is_no_answer(manifest: Manifest, name: str) -> None:
    connector = a_connector(manifest, validate=said(VALIDATION | {name: "ANOTHER"}))
    assert await connector.inquire(an_order()) == NoAnswer(f"another {name}")


async def test_an_attempt_of_another_payment_is_no_answer(manifest: Manifest) -> None:
    connector = a_connector(manifest, query=attempts(GOOD | {"tran_id": "ANOTHER"}, GOOD))
    assert await connector.inquire(an_order()) == NoAnswer("another tran_id")


@pytest.mark.parametrize("written", ["10.00", "499.99", "500.01"])
async def test_another_amount_is_told_as_it_is_and_disagrees(manifest: Manifest, written: str) -> None:
    connector = a_connector(
        manifest, validate=said(VALIDATION | {"amount": written, "currency_amount": written})
    )
    told = await connector.inquire(an_order())
    assert isinstance(told, Collected)
    assert judge_collected(EXAMPLE_ORDER, told) == MismatchedCollection(told, "another amount")


async def test_another_currency_disagrees_and_is_never_converted(manifest: Manifest) -> None:
    dollars = {"currency_type": "USD", "currency_amount": "500.00", "currency_rate": "120.0000"}
    told = await a_connector(manifest, validate=said(VALIDATION | dollars)).inquire(an_order())
    assert isinstance(told, Collected)
    assert told.amount == Money(50_000, "USD")
    assert judge_collected(EXAMPLE_ORDER, told) == MismatchedCollection(told, "another currency")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "10.00"},
        {"currency_amount": "10.00"},
        {"currency": "USD"},
        {"currency_type": "taka"},
        {"amount": "5e2", "currency_amount": "5e2"},
        {"currency_amount": None},
        {"bank_tran_id": ""},
        {"risk_level": None},
    ],
)
async def test_a_validation_that_is_not_whole_is_no_answer(
    manifest: Manifest, changes: dict[str, object]
) -> None:
    connector = a_connector(manifest, validate=said(VALIDATION | changes))
    assert isinstance(await connector.inquire(an_order()), NoAnswer)


async def test_an_attempt_without_a_name_to_validate_speaks_for_itself(manifest: Manifest) -> None:
    wire = Played(manifest, {"query": attempts(GOOD | {"val_id": None})})
    told = await played(manifest, wire).inquire(an_order())
    assert isinstance(told, Collected)
    assert (told.reference, told.amount) == (REFERENCE, Money(50_000))
    assert len(wire.asked) == 1


@pytest.mark.parametrize("written", ["2026-13-18 12:00:19", "0001-01-01 00:00:00", "18/09/2026", None])
async def test_a_time_that_cannot_be_read_takes_nothing_from_the_money(
    manifest: Manifest, written: str | None
) -> None:
    told = await a_connector(manifest, validate=said(VALIDATION | {"tran_date": written})).inquire(an_order())
    assert isinstance(told, Collected)
    assert told.facts["executed_at"] == ""


# ---- a wire that fails


@pytest.mark.parametrize("operation", ["query", "validate"])
@pytest.mark.parametrize("manners", rudely(said(VALIDATION)))
async def test_a_question_without_a_usable_answer_teaches_nothing(
    manifest: Manifest, operation: str, manners: Manners
) -> None:
    async with a_stage(manifest, {operation: manners}) as stage:
        told = await stage.connector.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert told.was_asked
        assert stage.calls().count(operation) == 1


async def test_html_with_200_is_nothing_that_was_said(manifest: Manifest) -> None:
    connector = a_connector(manifest, create=HTML, query=HTML)
    assert await connector.create(an_order()) == InDoubt("not JSON")
    assert await connector.inquire(an_order()) == NoAnswer("not JSON")
    assert await a_connector(manifest, validate=HTML).inquire(an_order()) == NoAnswer("not JSON")


async def test_nobody_there_is_unreached(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        stage.environ["EKPAY_SSLCOMMERZ_URL"] = "http://127.0.0.1:1/sslcommerz"
        nobody = stage.another_process()
        assert isinstance(await nobody.create(an_order()), Unreached)
        told = await nobody.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked


async def test_no_session_is_opened_after_its_last_moment(manifest: Manifest) -> None:
    async with a_stage(manifest) as stage:
        await stage.connector.inquire(an_order())
        late = await stage.connector.create(an_order(seconds=-1))
        assert late == Unreached("the send deadline passed")
        assert "create" not in stage.calls()


@pytest.mark.parametrize("changes", [{"provider_reference": ""}, {"reference": "A&B"}])
async def test_what_has_no_name_over_there_is_not_asked(manifest: Manifest, changes: dict[str, Any]) -> None:
    wire = Played(manifest, {})
    told = await played(manifest, wire).inquire(an_order(**changes))
    assert isinstance(told, NoAnswer)
    assert not told.was_asked
    assert wire.asked == []
