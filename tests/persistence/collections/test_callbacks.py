"""What comes unasked: stored once as it came, waking what it names and setting nothing."""

from typing import Any

import orjson
import pytest

from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import MoneyCollected, StillOpen
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.collections.unclaimed_callbacks import UNCLAIMED_BYTES_MAX
from ekpay_switch.ports.collections import RawCallback
from tests.persistence.collections.collection_setup import LAPSED, NOT_YET, Till, agreed, page

HEADERS = {"user-agent": "Amazon Simple Notification Service Agent", "x-amz-sns-message-type": "Notification"}
REFUND_ROW = "SELECT next_action_at <= now() AS is_due FROM refunds"
REFUND_SENT = """
UPDATE refunds SET state = $1, our_reference = 'OURS', provider_refund = 'THEIRS',
  next_action_at = now() + interval '1 hour'
"""


def a_callback(name: str = "N1", **changes: Any) -> RawCallback:  # noqa: ANN401 - fields of the callback
    told: dict[str, Any] = {"headers": HEADERS, "body": b'{"paymentID": "TR00110001"}'}
    return RawCallback("bkash", name, **(told | changes))


def a_hint(
    provider_reference: str = "TR00110001", reference: str = "", *, agrees: bool = True
) -> CallbackHint:
    return CallbackHint("N1", provider_reference, "success", reference, is_agreed=agrees)


async def test_a_callback_is_kept_as_it_came_without_what_would_open_doors(till: Till) -> None:
    headers = {**HEADERS, "Authorization": "Bearer x", "cookie": "c", "Proxy-Authorization": "y"}
    headers["X-Notification-Secret"] = "what the gateway and we share"
    ours = (await till.on_page()).order.reference

    assert await till.callbacks.keep(a_callback(headers=headers), a_hint("TR9", ours))

    (row,) = await till.books.rows("SELECT * FROM callbacks")
    assert (row["connector_id"], row["name"], row["body"]) == ("bkash", "N1", b'{"paymentID": "TR00110001"}')
    assert (row["provider_reference"], row["reference"], row["is_agreed"]) == ("TR9", ours, True)
    assert (row["is_forged"], row["why"], orjson.loads(row["headers"])) == (False, "", HEADERS)


async def test_a_callback_stands_once_and_its_repeat_wakes_again(till: Till) -> None:
    held = await till.on_page()
    assert await till.callbacks.keep(a_callback(), a_hint())
    leased = await till.collections.lease_try(held.order.reference, 30)
    assert leased is not None
    await till.record(leased, NOT_YET)
    assert (await till.row(held))["due_seconds"] > 170

    assert not await till.callbacks.keep(a_callback(body=b"other bytes"), a_hint())

    assert await till.books.value("SELECT body FROM callbacks") == b'{"paymentID": "TR00110001"}'
    assert 3 < (await till.row(held))["due_seconds"] <= 5


async def test_the_same_name_at_another_connector_is_another_callback(till: Till) -> None:
    await till.callbacks.keep(a_callback(), None)
    assert await till.callbacks.keep(RawCallback("nagad", "N1", {}, b""), None)


@pytest.mark.parametrize(("by_ours", "agrees"), [(False, True), (True, True), (False, False)])
async def test_a_hint_wakes_the_try_that_it_names(till: Till, *, by_ours: bool, agrees: bool) -> None:
    held, other = await till.on_page(), await till.on_page()
    name = ("", held.order.reference) if by_ours else ("TR00110001", "")

    await till.callbacks.keep(a_callback(), a_hint(*name, agrees=agrees))

    assert (await till.row(held))["due_seconds"] <= 0
    assert (await till.row(other))["due_seconds"] > 170
    leased = await till.collections.lease_try(held.order.reference, 30)
    assert leased is not None
    assert leased.is_agreed is agrees


async def test_a_hint_sets_nothing(till: Till) -> None:
    held = await till.on_page()
    await till.callbacks.keep(a_callback(), a_hint())
    assert (await till.view(held)).state is State.COLLECTING
    assert await till.balances() == {}
    assert await till.events(held) == ["collection_started"]


async def test_what_another_connector_says_wakes_nothing_of_this_one(till: Till) -> None:
    held = await till.on_page()
    for hint in (a_hint(), a_hint("", held.order.reference)):
        await till.callbacks.keep(RawCallback("nagad", hint.reference or "N1", {}, b""), hint)
    row = await till.row(held)
    assert (row["due_seconds"] > 170, row["is_woken"], row["is_agreed"]) == (True, False, False)


async def test_a_forged_message_and_one_that_nobody_could_read_are_kept_and_wake_nothing(till: Till) -> None:
    held = await till.on_page()
    forged = a_callback("F", why="the signature is wrong", is_forged=True)

    assert await till.callbacks.keep(forged, None)
    assert await till.callbacks.keep(a_callback("G", is_forged=True), a_hint())
    assert await till.callbacks.keep(a_callback("H", why="no query"), None)

    read = "SELECT name, is_forged, why, provider_reference FROM unclaimed_callbacks ORDER BY id"
    rows = await till.books.rows(read)
    assert [tuple(row) for row in rows] == [
        ("F", True, "the signature is wrong", None), ("G", True, "", None), ("H", False, "no query", None),
    ]  # fmt: skip
    assert (await till.row(held))["due_seconds"] > 170


async def test_webhook_before_response(till: Till) -> None:
    """A callback that names a page we were not told of yet ends in the same state as one that comes after."""
    held = await till.opened()
    assert await till.callbacks.keep(a_callback(), a_hint())
    assert (await till.row(held))["is_woken"] is False

    await till.record(held, page("TR00110001"))

    row = await till.row(held)
    assert (row["due_seconds"] <= 0, row["is_agreed"], row["page_url"] is not None) == (True, True, True)
    leased = await till.collections.lease_try(held.order.reference, 30)
    assert leased is not None
    assert (leased.is_agreed, leased.may_be_executed) == (True, True)


async def test_a_forged_callback_before_the_response_wakes_nothing(till: Till) -> None:
    held = await till.opened()
    await till.callbacks.keep(a_callback(is_forged=True), a_hint())
    await till.record(held, page("TR00110001"))
    assert (await till.row(held))["due_seconds"] > 170


async def test_a_hint_by_our_reference_before_the_response_is_not_forgotten(till: Till) -> None:
    held = await till.opened()
    await till.callbacks.keep(a_callback(), a_hint("", held.order.reference))
    assert await till.collections.lease_try(held.order.reference, 30) is None

    await till.record(held, page("TR00110001"))

    row = await till.row(held)
    assert (row["due_seconds"] <= 0, row["is_agreed"], row["is_woken"]) == (True, True, False)


async def test_a_hint_that_comes_while_somebody_asks_is_looked_at_right_after(till: Till) -> None:
    """The question may have been answered before the payer agreed."""
    held = await till.leased(await till.on_page())
    await till.callbacks.keep(a_callback(), a_hint())

    await till.record(held, NOT_YET)

    row = await till.row(held)
    assert 3 < row["due_seconds"] <= 5
    assert row["is_agreed"] is True
    await till.record(await till.leased(held), NOT_YET)
    row = await till.row(held)
    assert (row["due_seconds"] > 170, row["is_agreed"]) == (True, False)


async def test_callbacks_ask_about_a_try_at_most_once_in_five_seconds(till: Till) -> None:
    held = await till.leased(await till.on_page())
    await till.record(held, NOT_YET)
    for number in range(3):
        await till.callbacks.keep(a_callback(f"N{number}"), a_hint())
        assert 3 < (await till.row(held))["due_seconds"] <= 5
    await till.books.tell("UPDATE tries SET asked_at = now() - interval '6 seconds'")
    await till.callbacks.keep(a_callback("N9"), a_hint())
    assert (await till.row(held))["due_seconds"] <= 0


async def test_a_hint_never_makes_a_question_later(till: Till) -> None:
    held = await till.leased(await till.on_page())
    await till.record(held, StillOpen(1.0, "no answer"))
    await till.callbacks.keep(a_callback(), a_hint())
    assert (await till.row(held))["due_seconds"] <= 1


async def test_what_nobody_asks_about_any_more_is_asked_about_again_unless_its_money_is_here(
    till: Till,
) -> None:
    nothing, silent, paid = [await till.leased(await till.on_page()) for _ in range(3)]
    await till.record(nothing, LAPSED)
    await till.record(silent, StillOpen(None, "nothing is left to ask"))
    await till.record(paid, agreed(paid, "TRX3"))
    for number in (1, 2, 3):
        await till.callbacks.keep(a_callback(f"N{number}"), a_hint(f"TR0011000{number}"))

    assert (await till.row(nothing))["due_seconds"] <= 0
    assert (await till.row(silent))["due_seconds"] <= 5
    assert (await till.row(paid))["next_action_at"] is None
    again = await till.collections.lease_try(nothing.order.reference, 30)
    assert again is not None
    assert (await till.record(again, agreed(again, "TRX1"))).state is State.FUNDED
    assert await till.books.audit() is None


# ---- refunds


async def _a_refund(till: Till, state: str) -> None:
    first = await till.on_page()
    second = await till.leased(await till.another(first))
    await till.record(second, agreed(second, "TRX2"))
    held = await till.leased(first)
    money: MoneyCollected = agreed(held, "TRX1")
    await till.record(held, money)
    await till.books.tell(REFUND_SENT, state)


@pytest.mark.parametrize("state", ["sent", "in_doubt", "by_hand"])
async def test_refund_webhook_without_peer_id(till: Till, state: str) -> None:
    """A notice that names only our reference of a refund finds it."""
    await _a_refund(till, state)
    await till.callbacks.keep(a_callback(), a_hint("", "OURS"))
    assert await till.books.value(REFUND_ROW)


async def test_a_refund_is_found_by_the_connectors_name_of_it(till: Till) -> None:
    await _a_refund(till, "in_doubt")
    await till.callbacks.keep(a_callback(), a_hint("THEIRS"))
    assert await till.books.value(REFUND_ROW)


@pytest.mark.parametrize("state", ["approved", "done"])
async def test_a_refund_that_is_not_in_the_air_is_left_alone(till: Till, state: str) -> None:
    await _a_refund(till, state)
    await till.callbacks.keep(a_callback(), a_hint("THEIRS", "OURS"))
    assert not await till.books.value(REFUND_ROW)


# ---- what strangers send


@pytest.mark.parametrize("told", ["", "\0", "\ud800", "x" * 5_000])
async def test_whatever_a_stranger_writes_can_be_kept_and_names_nothing(till: Till, told: str) -> None:
    callback = a_callback(told, headers={"x": told, told: "x"}, why=told)
    assert await till.callbacks.keep(callback, a_hint(told, told))
    assert not await till.callbacks.keep(callback, a_hint(told, told))
    (row,) = await till.books.rows("SELECT * FROM unclaimed_callbacks")
    assert (row["provider_reference"], row["reference"], len(row["name"])) == (None, None, 64)


async def test_a_body_is_cut_where_it_would_fill_the_table(till: Till) -> None:
    held = await till.on_page()
    long = {"body": b"x" * 70_000, "headers": {f"x-{number}": "y" * 5_000 for number in range(60)}}
    await till.callbacks.keep(a_callback("ours", **long), a_hint("", held.order.reference))
    await till.callbacks.keep(a_callback("a stranger's", **long), a_hint("TR-INVENTED"))
    assert await till.books.value("SELECT length(body) FROM callbacks") == 65_536
    assert await till.books.value("SELECT length(body) FROM unclaimed_callbacks") == 8_192
    headers = orjson.loads(await till.books.value("SELECT headers FROM unclaimed_callbacks"))
    assert (len(headers), {len(value) for value in headers.values()}) == (32, {512})


# ---- card numbers (docs/adr/0084)

CARD, MASKED_CARD = b"4111111111111111", b"411111******1111"


async def test_no_card_number_is_kept_of_a_callback(till: Till) -> None:
    card = CARD.decode()
    ours = (await till.on_page()).order.reference
    told = a_callback(f"N {card}", headers={"x-card": card}, body=b'{"card": "' + CARD + b'"}', why=card)

    assert await till.callbacks.keep(told, a_hint("TR9", ours))
    assert not await till.callbacks.keep(told, a_hint("TR9", ours))

    (row,) = await till.books.rows("SELECT * FROM callbacks")
    assert row["body"] == b'{"card": "' + MASKED_CARD + b'"}'
    assert (row["name"], row["why"]) == (f"N {MASKED_CARD.decode()}", MASKED_CARD.decode())
    assert orjson.loads(row["headers"]) == {"x-card": MASKED_CARD.decode()}


async def test_a_strangers_card_number_is_no_reference(till: Till) -> None:
    card = CARD.decode()
    await till.callbacks.keep(a_callback(), CallbackHint("N1", card, "success", card, consent=card))
    (row,) = await till.books.rows("SELECT * FROM unclaimed_callbacks")
    assert (row["provider_reference"], row["reference"], row["consent"]) == (None, None, None)


async def test_a_number_that_the_cut_would_halve_is_masked(till: Till) -> None:
    body = b"x" * (UNCLAIMED_BYTES_MAX - 15) + b"4111111111111111"
    await till.callbacks.keep(a_callback(body=body), None)
    assert (await till.books.value("SELECT body FROM unclaimed_callbacks"))[-15:] == b"411111******111"
