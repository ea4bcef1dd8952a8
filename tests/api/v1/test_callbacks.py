"""Callbacks (api-conventions-and-security.md, T66, T89): kept as they came, once, and believed never."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.api_setup import Reply
from tests.api.v1.v1_setup import Shop, Till
from tests.scenarios.job_rounds import collect_due

RECEIVED = {"received": True}


async def post(till: Till, body: bytes, name: str = "bkash", **headers: str) -> Reply:
    sent = [(key.replace("_", "-"), value) for key, value in headers.items()]
    return await till.request("POST", f"/callbacks/{name}", body, sent)


def message(till: Till, status: str = "success") -> bytes:
    return f"paymentID={till.page().order.provider_reference}&status={status}".encode()


async def test_a_message_is_kept_as_it_came_before_anything_is_done(till: Till, shop: Shop) -> None:
    await shop.made()
    before = list(till.small.steps.taken)
    reply = await post(till, message(till), X_Sender="bKash")
    assert (reply.status, reply.plain) == (200, RECEIVED)
    ((callback, hint),) = till.small.tables.callbacks.values()
    assert (callback.body, callback.headers) == (message(till), {"x-sender": "bKash"})
    assert hint is not None
    assert till.small.steps.taken[len(before) :] == ["keep_callback"]


async def test_a_provider_is_answered_as_its_protocol_wants(till: Till, shop: Shop) -> None:
    await shop.made()
    till.wallet.profile = replace(till.wallet.profile, callback_answer='{"Message": "OK", "Status": "200"}')
    reply = await post(till, message(till))
    assert (reply.status, reply.plain) == (200, {"Message": "OK", "Status": "200"})


async def test_a_hint_makes_the_worker_look_and_only_its_answer_counts(till: Till, shop: Shop) -> None:
    made = await shop.made()
    await post(till, message(till))
    await collect_due(till.small.world)
    assert (await shop.look_up(made["id"]))["status"] == "pending"
    till.page().is_agreed = True
    till.small.clock.pass_by(200)
    await post(till, message(till))
    for _ in range(2):
        await collect_due(till.small.world)
    assert (await shop.look_up(made["id"]))["status"] == "paid"


async def test_a_hundred_copies_are_kept_once(till: Till, shop: Shop) -> None:
    await shop.made()
    assert {(await post(till, message(till))).status for _ in range(100)} == {200}
    assert len(till.small.tables.callbacks) == 1


async def test_a_message_about_nothing_of_ours_is_taken_and_does_nothing(till: Till, shop: Shop) -> None:
    made = await shop.made()
    reply = await post(till, b"paymentID=P999&status=success")
    assert (reply.status, reply.plain) == (200, RECEIVED)
    await collect_due(till.small.world)
    assert (await shop.look_up(made["id"]))["status"] == "pending"


async def test_a_message_that_is_not_understood_is_kept_and_not_asked_for_again(till: Till) -> None:
    assert {(await post(till, b"hello")).status for _ in range(3)} == {200}
    ((callback, hint),) = till.small.tables.callbacks.values()
    assert (callback.why, callback.is_forged, hint) == ("no payment and status", False, None)


async def test_a_forged_message_is_kept_once_and_told_nothing(till: Till, shop: Shop) -> None:
    made = await shop.made()
    replies = [await post(till, message(till), X_Proof="wrong") for _ in range(3)]
    assert {reply.status for reply in replies} == {400}
    assert replies[0].plain == {"type": "about:blank", "title": "error", "status": 400}
    ((callback, hint),) = till.small.tables.callbacks.values()
    assert (callback.is_forged, hint) == (True, None)
    await collect_due(till.small.world)
    assert (await shop.look_up(made["id"]))["status"] == "pending"


@pytest.mark.parametrize("name", ["nagad", "BKASH", "bkash ", "", "..", "bkash/x", "%62kash", "<script>"])
async def test_there_is_no_address_of_a_connector_that_we_do_not_have(till: Till, name: str) -> None:
    reply = await post(till, b"status=success", name)
    assert reply.status == 404
    assert till.small.tables.callbacks == {}


async def test_a_message_is_at_most_64_kib_long(till: Till) -> None:
    assert (await post(till, b"x" * 64 * 1024)).status == 200
    assert (await post(till, b"x" * (64 * 1024 + 1))).status == 413
    assert len(till.small.tables.callbacks) == 1


async def test_whatever_lets_more_through_before_it_does_not_make_it_longer() -> None:
    till = Till(body_max_bytes=1_000_000)
    assert (await post(till, b"x" * (64 * 1024 + 1))).status == 413
    assert till.small.tables.callbacks == {}


async def test_strangers_fill_no_disk_and_keep_nobody_out() -> None:
    till = Till(calls=100)
    await till.shop().made()
    statuses = [(await post(till, f"rubbish {n}".encode())).status for n in range(20)]
    assert statuses == [200] * 10 + [429] * 10
    assert len(till.small.tables.callbacks) == 10
    assert (await post(till, message(till))).status == 200


async def test_strangers_cannot_fill_the_disk_with_invented_names() -> None:
    """Well-formed names of nobody count like rubbish, for each address by itself."""
    till = Till(calls=100)
    await till.shop().made()
    till.caller_address = "stranger"
    statuses = [(await post(till, f"paymentID=NOBODY{n}&status=success".encode())).status for n in range(20)]
    assert statuses == [200] * 10 + [429] * 10
    assert len(till.small.tables.callbacks) == 10
    till.caller_address = "another"
    assert (await post(till, b"paymentID=P99&status=success")).status == 200
    till.caller_address = "stranger"
    assert (await post(till, message(till))).status == 200, "what names a payment of ours is always kept"


async def test_a_flood_from_one_address_leaves_the_provider_its_room() -> None:
    till = Till(calls=10)
    await till.shop().made()
    till.caller_address = "stranger"
    assert [(await post(till, message(till))).status for _ in range(30)][-1] == 429
    till.caller_address = "provider"
    assert (await post(till, message(till))).status == 200


async def test_a_flood_is_told_to_come_back_later() -> None:
    till = Till(calls=10)
    await till.shop().made()
    replies = [await post(till, message(till)) for _ in range(11)]
    assert [reply.status for reply in replies] == [200] * 10 + [429]
    assert replies[-1].headers["retry-after"] == "5"


async def test_a_message_that_could_not_be_kept_is_asked_for_again(till: Till, shop: Shop) -> None:
    await shop.made()
    till.small.steps.crash_at = "before keep_callback"
    assert (await post(till, message(till))).status == 500
    assert (await post(till, message(till))).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_messages_are_posted(till: Till, method: str) -> None:
    assert (await till.request(method, "/callbacks/bkash")).status == 405


async def test_a_header_that_comes_twice_is_one_list(till: Till) -> None:
    headers = [("X-A", "1"), ("x-a", "2")]
    await till.request("POST", "/callbacks/bkash", b"hello", headers)
    ((callback, _),) = till.small.tables.callbacks.values()
    assert callback.headers == {"x-a": "1, 2"}


@settings(max_examples=100, deadline=None)
@given(
    body=st.text(max_size=200),
    header=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
)
async def test_no_message_is_answered_500(body: str, header: str) -> None:
    reply = await post(Till(), body.encode(), X_Any=header)
    assert reply.status == 200
