"""A reversal that overtook its request on the way: the host knows nothing, and approves the request later."""

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import NeverPaid
from ekpay_switch.domain.outcome import NoAnswer
from tests.connectors.families.iso8583.host_link_stage import (
    Fields,
    answered,
    link_stage,
    reversed_by,
    signed,
    silent,
)


async def test_reversal_answered_before_its_request() -> None:
    """25 to a reversal that overtook its 0200, and then the approval: reversed anew, and confirmed."""
    async with link_stage() as stage:
        stage.host.says["0200"] = silent
        stage.host.once("0420", lambda asked: [signed(reversed_by(asked, "25"))])
        order = stage.order()
        await stage.bank.execute(order)
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("reversed, response code 25")
        approval = signed(answered(stage.host.of("0200")[0]))
        stage.host.once("0420", silent)

        await stage.host.say(approval)
        await stage.host.say(approval)

        await stage.host.until(lambda: len(stage.host.of("0420")) == 2)
        first, anew = stage.host.of("0420")
        original = [name for name in first if name not in {"11", "64", "128"}]
        assert {name: anew[name] for name in original} == {name: first[name] for name in original}
        assert anew["11"] != first["11"]
        # It is repeated until it is confirmed, whoever asks.
        assert await stage.bank.inquire(stage.doubted(order)) == NeverPaid("reversed, response code 00")
        assert [each["t"] for each in stage.host.of("0420", "0421")] == ["0420", "0420", "0421"]
        assert stage.bell.rung == [(Alarm.REVERSAL_NOT_KNOWN, "25"), (Alarm.LATE_APPROVAL, "00")]


async def test_an_approval_before_the_answer_to_a_reversal_that_overtook_its_request() -> None:
    async with link_stage() as stage:
        stage.host.says["0200"] = silent

        def approval_and_no_original(asked: Fields) -> list[bytes]:
            (request,) = stage.host.of("0200")
            return [signed(answered(request)), signed(reversed_by(asked, "25"))]

        stage.host.once("0420", approval_and_no_original)
        order = stage.order()
        await stage.bank.execute(order)
        told = await stage.bank.inquire(stage.doubted(order))
        while isinstance(told, NoAnswer):
            told = await stage.bank.inquire(stage.doubted(order))
        assert told == NeverPaid("reversed, response code 00")
        first, anew = stage.host.of("0420")
        assert anew["11"] != first["11"]
        assert anew["90"] == first["90"]
        # Nobody is told that the bank has nothing: it has, and takes it back.
        assert stage.bell.rung == [(Alarm.LATE_APPROVAL, "00")]


async def test_a_host_that_still_knows_nothing_after_its_own_approval_is_for_people() -> None:
    async with link_stage() as stage:
        stage.host.says |= {
            "0200": silent,
            "0420": lambda asked: [signed(reversed_by(asked, "25"))],
            "0421": lambda asked: [signed(reversed_by(asked, "25"))],
        }
        order = stage.order()
        await stage.bank.execute(order)
        await stage.bank.inquire(stage.doubted(order))
        await stage.host.say(signed(answered(stage.host.of("0200")[0])))
        await stage.host.until(lambda: len(stage.host.of("0420")) == 2)
        told = await stage.bank.inquire(stage.doubted(order))
        assert told == NoAnswer("the reversal is not confirmed, response code 25")
        assert (Alarm.REVERSAL_NOT_CONFIRMED, "25") in stage.bell.rung
