"""Asking a bank's host for money, over a link that is there, sick or gone (connectors.md 17.2, row F7)."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from connectors.families.iso8583.codec import encode
from connectors.families.iso8583.connector import HostLink
from connectors.families.iso8583.mac import MacKey
from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    Collected,
    ConfirmedCollection,
    MismatchedCollection,
    NeverPaid,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from tests.connectors.families.iso8583.host_link_stage import (
    KEY,
    Fields,
    Says,
    answered,
    changed,
    framed,
    link_stage,
    reversed_by,
    signed,
    silent,
)

OTHER_KEY = "FEDCBA98765432100123456789ABCDEF"


# ---- approved and declined


@pytest.mark.parametrize("connector_id", ["janata", "islami_bank", "npsb"])
async def test_what_a_payer_agreed_to_is_asked_for_once_and_collected(connector_id: str) -> None:
    async with link_stage(connector_id) as stage:
        order = stage.order()
        collected = await stage.bank.execute(order)
        assert isinstance(collected, Collected)
        assert judge_collected(order, collected) == ConfirmedCollection(collected)
        (request,) = stage.host.of("0200")
        day = request["13"]
        assert collected.facts["settlement_date"].replace("-", "").endswith(day)
        assert (collected.facts["stan"], collected.facts["rrn"]) == (request["11"], request["37"])
        assert collected.facts["approval_code"] == "A1B2C3"
        assert collected.provider_transaction.endswith(f"{day}-{request['37']}")


async def test_a_request_says_what_the_dialect_asks_for() -> None:
    async with link_stage() as stage:
        await stage.bank.execute(stage.order())
        (request,) = stage.host.of("0200")
        assert request.keys() == {
            *("t", "3", "4", "7", "11", "12", "13", "18", "32", "37", "41", "42", "48", "49", "102")
        }
        assert (request["3"], request["4"], request["49"]) == ("500000", "000000050000", "050")
        assert (request["41"], request["42"]) == ("EKPAY001", "EKPAYSWITCH0001")
        assert (request["48"], request["102"]) == ("EXAMPLE0000000000000001", "ALEXAMPLE00000000001")
        assert request["11"] == "000002"
        assert request["37"].endswith(request["11"])


async def test_a_short_terminal_is_filled_with_blanks() -> None:
    async with link_stage() as stage:
        await stage.leave()
        bank = HostLink(changed(stage.manifest, terminal="EK1"), stage.around)
        stage.stop.clear()
        stage.keep(bank)
        await stage.signed_on(2)
        assert isinstance(await bank.execute(stage.order()), Collected)
        assert stage.host.of("0200")[0]["41"] == "EK1     "


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("51", "insufficient_balance"),
        ("05", "refused_by_issuer"),
        ("91", "not_available"),
        ("14", "no_such_account"),
    ],
)
async def test_what_the_host_declines_is_declined_for_good(code: str, reason: str) -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = lambda asked: [signed(answered(asked, code))]
        order = stage.order()
        assert await stage.bank.execute(order) == Declined(reason, code)
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid(f"response code {code}")
        assert stage.host.of("0420", "0421") == []


async def test_another_amount_is_for_two_persons() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = lambda asked: [signed(answered(asked, f4="000000050100"))]
        order = stage.order()
        collected = await stage.bank.execute(order)
        assert isinstance(collected, Collected)
        assert collected.amount == Money(50_100)
        assert judge_collected(order, collected) == MismatchedCollection(collected, "another amount")


# ---- in doubt, and taken back


@pytest.mark.parametrize("code", ["06", "68", "94", "96", "Q7"])
async def test_a_code_that_settles_nothing_is_in_doubt_and_taken_back(code: str) -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = lambda asked: [signed(answered(asked, code))]
        order = stage.order()
        assert await stage.bank.execute(order) == InDoubt(f"response code {code}")
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("reversed, response code 00")


async def test_no_answer_is_in_doubt_and_the_reversal_names_what_it_takes_back() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = silent
        order = stage.order()
        assert await stage.bank.execute(order) == InDoubt("no answer in time")
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("reversed, response code 00")
        (request,), (reversal,) = stage.host.of("0200"), stage.host.of("0420")
        assert reversal["39"] == "68"
        acquirer = "00025135000"
        assert reversal["90"] == f"0200{request['11']}{request['7']}{acquirer}{'0' * 11}"
        same = ("3", "4", "7", "12", "13", "32", "37", "41", "42", "49", "102")
        assert {name: reversal[name] for name in same} == {name: request[name] for name in same}
        assert reversal["11"] == "000003"
        assert reversal.keys() & {"18", "48"} == set()
        assert stage.bell.rung == []


async def test_a_reversal_is_repeated_with_the_same_names_until_it_is_confirmed() -> None:
    async with link_stage() as stage:
        stage.host.says |= {"0200": silent, "0420": silent}
        order = stage.order()
        await stage.bank.execute(order)
        assert await stage.bank.inquire(stage.doubted(order)) == NoAnswer("no answer to the reversal")
        stage.host.once("0421", silent)
        assert isinstance(await stage.bank.inquire(stage.doubted(order)), NoAnswer)
        told = await stage.bank.inquire(stage.doubted(order))
        assert told == NeverPaid("reversed, response code 00")
        reversals = stage.host.of("0420", "0421")
        assert [reversal["t"] for reversal in reversals] == ["0420", "0421", "0421"]
        assert len({(reversal["11"], reversal["37"], reversal["90"]) for reversal in reversals}) == 1
        # Once it is confirmed nothing more is said.
        assert await stage.bank.inquire(stage.doubted(order)) == told
        assert len(stage.host.of("0420", "0421")) == 3


async def test_a_host_that_knows_no_original_has_taken_nothing_and_somebody_is_told() -> None:
    async with link_stage() as stage:
        stage.host.says |= {"0200": silent, "0420": lambda asked: [signed(reversed_by(asked, "25"))]}
        order = stage.order()
        await stage.bank.execute(order)
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("reversed, response code 25")
        assert stage.bell.rung == [(Alarm.REVERSAL_NOT_KNOWN, "25")]


async def test_any_other_answer_leaves_the_reversal_open_and_somebody_is_told() -> None:
    async with link_stage() as stage:
        stage.host.says |= {"0200": silent, "0420": lambda asked: [signed(reversed_by(asked, "96"))]}
        order = stage.order()
        await stage.bank.execute(order)
        told = await stage.bank.inquire(stage.doubted(order))
        assert told == NoAnswer("the reversal is not confirmed, response code 96")
        assert stage.bell.rung == [(Alarm.REVERSAL_NOT_CONFIRMED, "96")]
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("reversed, response code 00")


async def test_a_late_approval_after_the_reversal_is_evidence_and_an_alarm() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = silent
        order = stage.order()
        await stage.bank.execute(order)
        told = await stage.bank.inquire(stage.doubted(order))
        (request,) = stage.host.of("0200")
        await stage.host.say(signed(answered(request)))
        assert await stage.bell.rings() == [(Alarm.LATE_APPROVAL, "00")]
        assert await stage.bank.inquire(stage.doubted(order)) == told
        (row,) = stage.shelf.rows.values()
        assert row.late_reply is not None
        assert row.late_reply.code == "00"


async def test_an_approval_that_comes_after_its_time_and_before_the_reversal_counts() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = silent
        order = stage.order()
        assert isinstance(await stage.bank.execute(order), InDoubt)
        await stage.host.say(signed(answered(stage.host.of("0200")[0])))
        await asyncio.sleep(0.1)
        assert isinstance(await stage.bank.inquire(stage.doubted(order)), Collected)
        assert stage.host.of("0420") == []


# ---- rude answers


@pytest.mark.parametrize(
    "rude",
    [
        lambda asked: [signed(answered(asked), OTHER_KEY)],
        lambda asked: [framed(encode(answered(asked)))],
        lambda _: [framed(b"HTTP/1.1 400 Bad Request")],
        lambda _: [b"\x00\x00"],
        lambda _: [b"\xff\xff"],
    ],
    ids=["wrong MAC", "no MAC", "no message", "no length", "too long"],
)
async def test_what_cannot_be_read_ends_the_connection_and_leaves_a_doubt(rude: Says) -> None:
    async with link_stage() as stage:
        stage.host.once("0200", rude)
        order = stage.order()
        assert await stage.bank.execute(order) == InDoubt("the link ended without an answer")
        await stage.signed_on(2)
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("reversed, response code 00")


async def test_half_a_message_and_then_nothing_is_no_answer() -> None:
    async with link_stage() as stage:
        stage.host.once("0200", lambda asked: [signed(answered(asked))[:-5]])
        order = stage.order()
        assert await stage.bank.execute(order) == InDoubt("no answer in time")
        stage.host.hang_up()
        await stage.signed_on(2)
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("reversed, response code 00")


@pytest.mark.parametrize(
    "changes",
    [
        {"f11": "000009"},
        {"f37": "500118000009"},
        {"f32": "025000000"},
        {"f41": "EKPAY009"},
        {"f42": "EKPAYSWITCH0009"},
        {"f7": "0101000000"},
        {"f3": "400000"},
        {"f102": "ALEXAMPLE00000000009"},
        {"t": "0230"},
    ],
    ids=str,
)
async def test_an_answer_to_something_else_answers_nothing(changes: dict[str, str]) -> None:
    async with link_stage() as stage:
        stage.host.once("0200", lambda asked: [signed(answered(asked, **changes))])
        assert await stage.bank.execute(stage.order()) == InDoubt("no answer in time")
        # The connection is as good as it was.
        assert isinstance(
            await stage.bank.execute(stage.order(reference="EXAMPLE0000000000000002")), Collected
        )
        assert stage.host.connections == 1


async def test_two_messages_in_one_segment_and_one_in_many_are_read_alike() -> None:
    async with link_stage() as stage:
        kept: list[bytes] = []

        def both(asked: Fields) -> list[bytes]:
            kept.append(signed(answered(asked)))
            return [b"".join(kept)] if len(kept) == 2 else []

        stage.host.says["0200"] = both
        orders = [stage.order(reference=f"EXAMPLE000000000000000{number}") for number in (1, 2)]
        together = await asyncio.gather(*(stage.bank.execute(order) for order in orders))
        for order, one in zip(orders, together, strict=True):
            assert isinstance(one, Collected)
            assert judge_collected(order, one) == ConfirmedCollection(one)
        stage.host.says["0200"] = lambda asked: (
            [bytes([byte]) for byte in signed(answered(asked))[:20]] + [signed(answered(asked))[20:]]
        )
        piecemeal = await stage.bank.execute(stage.order(reference="EXAMPLE0000000000000003"))
        assert isinstance(piecemeal, Collected)


async def test_answers_may_come_in_another_order_than_requests() -> None:
    async with link_stage() as stage:
        kept: list[Fields] = []

        def backwards(asked: Fields) -> list[bytes]:
            kept.append(asked)
            return [signed(answered(one)) for one in reversed(kept)] if len(kept) == 3 else []

        stage.host.says["0200"] = backwards
        orders = [stage.order(reference=f"EXAMPLE000000000000000{number}") for number in (1, 2, 3)]
        for order, one in zip(orders, await asyncio.gather(*map(stage.bank.execute, orders)), strict=True):
            assert isinstance(one, Collected)
            assert one.reference == order.reference


async def test_a_link_that_drops_leaves_a_doubt_at_once_and_the_reversal_goes_over_the_next() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = silent
        order = stage.order()
        asking = asyncio.create_task(stage.bank.execute(order))
        await stage.host.until(lambda: len(stage.host.of("0200")) == 1)
        stage.host.hang_up()
        assert await asking == InDoubt("the link ended without an answer")
        told = await stage.bank.inquire(stage.doubted(order))
        while told == NoAnswer("no answer to the reversal", was_asked=False):
            told = await stage.bank.inquire(stage.doubted(order))
        assert told == NeverPaid("reversed, response code 00")
        assert stage.host.connections == 2


# ---- unreached


async def test_without_a_link_a_request_is_withdrawn_and_never_sent() -> None:
    async with link_stage(is_kept=False) as stage:
        order = stage.order(0.2)
        assert await stage.bank.execute(order) == Unreached("no link owner took the request in time")
        stage.keep()
        await stage.signed_on()
        await asyncio.sleep(0.1)
        assert stage.host.of("0200") == []
        told = await stage.bank.inquire(stage.doubted(order))
        assert told == AwaitingPayer(may_execute=True, is_execute_undone=True)
        again = replace(order, epoch=3, send_before=time.monotonic() + 3)
        assert isinstance(await stage.bank.execute(again), Collected)


async def test_a_request_waits_for_a_link_that_comes_up_in_time() -> None:
    async with link_stage(is_kept=False) as stage:
        asking = asyncio.create_task(stage.bank.execute(stage.order()))
        await asyncio.sleep(0.1)
        stage.keep()
        assert isinstance(await asking, Collected)


async def test_a_slow_holder_whose_try_was_settled_hands_nothing_over() -> None:
    """Law 14: it was stopped between making its word durable and handing the request over."""
    async with link_stage() as stage:
        slow = stage.order()
        told = await stage.bank.inquire(stage.doubted(slow))
        assert told == AwaitingPayer(may_execute=True, is_execute_undone=True)
        assert await stage.bank.execute(slow) == Unreached("the try is settled already")
        assert stage.host.of("0200") == []
        assert isinstance(await stage.bank.execute(stage.order(epoch=2)), Collected)
        assert await stage.bank.execute(stage.order(epoch=3)) == Unreached("the try is settled already")


async def test_whoever_was_asked_twice_says_the_same_twice() -> None:
    async with link_stage() as stage:
        order = stage.order()
        first = await stage.bank.execute(order)
        assert await stage.bank.execute(order) == first
        assert len(stage.host.of("0200")) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"consent": ""}, "the payer has not agreed"),
        ({"amount": Money(999)}, "outside what this bank takes"),
        ({"amount": Money(50_000, "USD")}, "not in taka"),
        ({"reference": "too short"}, "the reference holds"),
    ],
)
async def test_what_must_not_be_sent_is_not_handed_over(changes: dict[str, Any], why: str) -> None:
    async with link_stage() as stage:
        outcome = await stage.bank.execute(stage.order(**changes))
        assert isinstance(outcome, Unreached)
        assert why in outcome.why
        assert stage.shelf.rows == {}


async def test_after_the_last_number_of_the_day_nothing_more_is_sent() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = silent
        order = stage.order()
        await stage.bank.execute(order)
        for day in stage.shelf.traces:
            stage.shelf.traces[day] = 999_998
        assert isinstance(await stage.bank.execute(stage.order(reference="EXAMPLE0000000000000002")), InDoubt)
        assert stage.host.of("0200")[-1]["11"] == "999999"
        outcome = await stage.bank.execute(stage.order(reference="EXAMPLE0000000000000003"))
        assert outcome == Unreached("all STANs of the day are used")
        told = await stage.bank.inquire(stage.doubted(order))
        assert told == NoAnswer("all STANs of the day are used", was_asked=False)


async def test_before_its_money_was_asked_for_a_payment_waits_for_its_payer() -> None:
    async with link_stage(is_kept=False) as stage:
        assert await stage.bank.inquire(stage.order(consent="")) == AwaitingPayer()
        assert await stage.bank.inquire(stage.order()) == AwaitingPayer(may_execute=True)


def test_nothing_shows_a_key() -> None:
    assert repr(MacKey(KEY)) == "MacKey(…)"
