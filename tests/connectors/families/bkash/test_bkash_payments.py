"""Creating, executing and asking over a socket, with a far side of every kind of manners."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    MovementFound,
    NeverPaid,
    PageCreated,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, NotFound, Unreached
from ekpay_switch.ports.connectors import Connector, FindsMovements
from tests.biller_adapters.far_side_stage import rude_manners
from tests.connectors.families.bkash.bkash_stage import (
    CREATE,
    CREATED,
    EXECUTE,
    EXECUTED,
    FINE,
    MOVED,
    SEARCH,
    STATUS,
    TOLD,
    BkashDesk,
    an_order,
    bkash_stage,
    code,
    said,
)
from tests.wire.scripted_peer import Caller, Manners, http_answer

RUDE = [pytest.param(manners, id=name) for name, manners in rude_manners(EXECUTED).items()]


async def test_a_bkash_implements_the_ports(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        connector: Connector = stage.bkash
        assert isinstance(connector, FindsMovements)
        assert connector.profile.id == "bkash"


async def test_a_page_is_created_with_the_fields_that_bkash_wants(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        created = await stage.bkash.create(an_order(provider_reference="", payer_reference="017"))
    assert created == PageCreated(EXAMPLE_ORDER.provider_reference, "https://payment.bkash.com/?p=1")
    assert stage.bodies(CREATE) == [
        {
            "mode": "0011",
            "payerReference": "017",
            "callbackURL": "https://example.org/return",
            "amount": "500.00",
            "currency": "BDT",
            "intent": "sale",
            "merchantInvoiceNumber": EXAMPLE_ORDER.reference,
        }
    ]


@pytest.mark.parametrize(("minor", "written"), [(100, "1.00"), (12_305, "123.05"), (3_000_000, "30000.00")])
async def test_an_amount_leaves_as_text_with_two_decimals(bkash: Manifest, minor: int, written: str) -> None:
    desk = BkashDesk()
    desk.answers[CREATE] = said(
        FINE | TOLD, bkashURL="https://payment.bkash.com/", transactionStatus="Initiated", amount=written
    )
    async with bkash_stage(bkash, desk) as stage:
        assert isinstance(await stage.bkash.create(an_order(amount=Money(minor))), PageCreated)
        assert stage.bodies(CREATE)[0]["amount"] == written


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(99)},
        {"amount": Money(3_000_001)},
        {"amount": Money(-50_000)},
        {"amount": Money(50_000, "USD")},
        {"payer_reference": ""},
        {"payer_reference": "<017>"},
        {"payer_reference": "x" * 256},
        {"reference": "a&b"},
        {"reference": "line\nbreak"},
    ],
)
async def test_what_bkash_would_refuse_is_not_sent(bkash: Manifest, changes: dict[str, Any]) -> None:
    async with bkash_stage(bkash) as stage:
        assert isinstance(await stage.bkash.create(an_order(**changes)), Unreached)
        assert stage.paths() == []


@pytest.mark.parametrize("reference", ["", "two words", "x" * 65, "\u09e7"])
async def test_what_has_no_name_over_there_is_not_asked(bkash: Manifest, reference: str) -> None:
    order = an_order(provider_reference=reference)
    async with bkash_stage(bkash) as stage:
        assert isinstance(await stage.bkash.execute(order), Unreached)
        told = await stage.bkash.inquire(order)
        assert isinstance(told, NoAnswer)
        assert not told.was_asked
        assert isinstance(await stage.bkash.search(reference), NoAnswer)
        assert stage.paths() == []


async def test_the_page_of_the_sandbox_that_is_asked_is_a_page_too(bkash: Manifest) -> None:
    desk = BkashDesk()
    async with bkash_stage(bkash, desk) as stage:
        desk.answers[CREATE] = said(
            FINE | TOLD, bkashURL=stage.peer.url("/page?x=1"), transactionStatus="Initiated"
        )
        assert isinstance(await stage.bkash.create(an_order()), PageCreated)


async def test_money_is_collected_with_its_name_its_time_and_a_masked_payer(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        assert await stage.bkash.execute(an_order()) == Collected(
            EXAMPLE_ORDER.reference,
            Money(50_000),
            "EXAMPLE001",
            {"executed_at": "2025-10-20T06:01:02.345000+00:00", "payer_account": "*******5678"},
        )
        assert stage.bodies(EXECUTE) == [{"paymentID": EXAMPLE_ORDER.provider_reference}]


@pytest.mark.parametrize("manners", RUDE)
async def test_an_execute_without_a_usable_answer_is_in_doubt_and_sent_once(
    bkash: Manifest, manners: Manners
) -> None:
    async with bkash_stage(bkash, BkashDesk(rude={EXECUTE: manners})) as stage:
        assert isinstance(await stage.bkash.execute(an_order()), InDoubt)
        assert stage.paths().count(EXECUTE) == 1


@pytest.mark.parametrize(
    "manners", [pytest.param(manners, id=name) for name, manners in rude_manners(CREATED).items()]
)
async def test_a_create_without_a_usable_answer_is_in_doubt(bkash: Manifest, manners: Manners) -> None:
    async with bkash_stage(bkash, BkashDesk(rude={CREATE: manners})) as stage:
        assert isinstance(await stage.bkash.create(an_order()), InDoubt)
        assert stage.paths().count(CREATE) == 1


@pytest.mark.parametrize("manners", RUDE)
async def test_a_question_without_a_usable_answer_teaches_nothing(bkash: Manifest, manners: Manners) -> None:
    async with bkash_stage(bkash, BkashDesk(rude={STATUS: manners, SEARCH: manners})) as stage:
        told = await stage.bkash.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert told.was_asked
        assert isinstance(await stage.bkash.search("EXAMPLE001"), NoAnswer)


async def test_an_answer_that_comes_late_is_not_taken_for_the_next_one(bkash: Manifest) -> None:
    async def late(caller: Caller) -> None:
        await asyncio.sleep(1.3)
        await caller.answer(EXECUTED)

    async with bkash_stage(bkash, BkashDesk(rude={EXECUTE: late})) as stage:
        assert isinstance(await stage.bkash.execute(an_order()), InDoubt)
        stage.desk.answers[STATUS] = said(FINE | TOLD, transactionStatus="Initiated", verificationStatus="No")
        assert await stage.bkash.inquire(an_order()) == AwaitingPayer(may_execute=False)


async def test_an_answer_that_comes_twice_counts_once(bkash: Manifest) -> None:
    async def twice(caller: Caller) -> None:
        await caller.say(http_answer(EXECUTED) * 2)

    async with bkash_stage(bkash, BkashDesk(rude={EXECUTE: twice})) as stage:
        assert isinstance(await stage.bkash.execute(an_order()), Collected)
        stage.desk.answers[STATUS] = code("2002")
        assert not isinstance(await stage.bkash.inquire(an_order()), Collected)


async def test_nobody_there_is_unreached(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.inquire(an_order())
        stage.environ["EKPAY_BKASH_URL"] = "http://127.0.0.1:1"
        nobody = stage.another_process()
        assert isinstance(await nobody.execute(an_order()), Unreached)
        assert isinstance(await nobody.create(an_order()), Unreached)
        told = await nobody.inquire(an_order())
        assert isinstance(told, NoAnswer)
        assert not told.was_asked


async def test_nothing_leaves_after_the_last_moment(bkash: Manifest) -> None:
    async with bkash_stage(bkash) as stage:
        await stage.bkash.inquire(an_order())
        for call in (stage.bkash.create, stage.bkash.execute):
            assert await call(an_order(seconds=-1)) == Unreached("the send deadline passed")
        assert {CREATE, EXECUTE}.isdisjoint(stage.paths())


@pytest.mark.parametrize("number", ["2062", "2068", "2116", "2117", "2119", "2056", "2003", "2029", "2999"])
async def test_a_code_that_does_not_settle_it_is_in_doubt(bkash: Manifest, number: str) -> None:
    desk = BkashDesk()
    desk.answers[EXECUTE] = code(number)
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.execute(an_order()) == InDoubt(f"reply code {number}")


@pytest.mark.parametrize("number", ["2060", "2127"])
async def test_an_execute_before_the_payer_has_finished_waits(bkash: Manifest, number: str) -> None:
    desk = BkashDesk()
    desk.answers[EXECUTE] = desk.answers[STATUS] = code(number)
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.execute(an_order()) == AwaitingPayer()
        assert await stage.bkash.inquire(an_order()) == AwaitingPayer()


async def test_a_cancelled_payment_is_declined_and_never_paid(bkash: Manifest) -> None:
    desk = BkashDesk()
    desk.answers[EXECUTE] = desk.answers[STATUS] = code("2069")
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.execute(an_order()) == Declined("ended", "2069")
        assert await stage.bkash.inquire(an_order()) == NeverPaid("reply code 2069")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"transactionStatus": "Initiated"}, AwaitingPayer(may_execute=True)),
        ({"transactionStatus": "Initiated", "verificationStatus": "Incomplete"}, AwaitingPayer()),
        ({"transactionStatus": "Initiated", "verificationStatus": None}, AwaitingPayer()),
        ({"transactionStatus": "Cancelled"}, NeverPaid("cancelled")),
        ({"transactionStatus": "Declined"}, NeverPaid("declined")),
        ({"transactionStatus": "Expired"}, NeverPaid("expired")),
        ({"transactionStatus": "Pending Authorized"}, NoAnswer("a status without a mapping")),
    ],
)
async def test_the_word_for_a_payment_says_how_it_stands(
    bkash: Manifest, changes: dict[str, object], told: object
) -> None:
    desk = BkashDesk()
    desk.answers[STATUS] = said(FINE | TOLD | MOVED | {"verificationStatus": "Complete"} | changes)
    async with bkash_stage(bkash, desk) as stage:
        assert await stage.bkash.inquire(an_order()) == told


@pytest.mark.parametrize(
    ("changes", "ordered"),
    [
        ({"amount": "501.00"}, 50_000),
        ({"currency": "USD"}, 50_000),
        ({"merchantInvoiceNumber": "ANOTHER"}, 50_000),
        ({}, 60_000),
    ],
)
async def test_what_differs_from_the_order_is_told_as_it_is(
    bkash: Manifest, changes: dict[str, object], ordered: int
) -> None:
    """The comparison is the core's; an adapter that hid a difference would hide money."""
    desk, order = BkashDesk(), an_order(amount=Money(ordered))
    desk.answers[EXECUTE] = said(FINE | TOLD | MOVED | changes)
    async with bkash_stage(bkash, desk) as stage:
        told = await stage.bkash.execute(order)
        assert isinstance(told, Collected)
        assert replace(told, facts={}) != Collected(order.reference, order.amount, "EXAMPLE001")


async def test_a_movement_is_found_by_its_own_name(bkash: Manifest) -> None:
    desk = BkashDesk()
    async with bkash_stage(bkash, desk) as stage:
        found = MovementFound("EXAMPLE001", Money(50_000), is_done=True)
        assert await stage.bkash.search("EXAMPLE001") == found
        desk.answers[SEARCH] = code("2033")
        assert await stage.bkash.search("EXAMPLE001") == NotFound()


@pytest.mark.parametrize("text", ["", "2025-10-20T12:01:02.345 GMT+0600", "2025-13-20T12:01:02:345 GMT+0600"])
async def test_a_time_that_cannot_be_read_costs_no_payment(bkash: Manifest, text: str) -> None:
    desk = BkashDesk()
    desk.answers[EXECUTE] = said(FINE | TOLD | MOVED, paymentExecuteTime=text)
    async with bkash_stage(bkash, desk) as stage:
        told = await stage.bkash.execute(an_order())
        assert isinstance(told, Collected)
        assert told.facts == {"executed_at": "", "payer_account": ""}
