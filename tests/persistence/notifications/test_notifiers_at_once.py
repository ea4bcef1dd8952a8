"""Several notifiers, several endpoints: each message once, and nobody waits for somebody else's endpoint."""

import asyncio
from datetime import timedelta
from uuid import UUID

from ekpay_switch.domain.notifications import DeliveryState, RetryDecision, SendResult
from ekpay_switch.persistence.notifications.endpoints import rotate_key_within
from tests.persistence.notifications.notifier_setup import KEYS, Post, a_receiver, answering, are_all, until
from tests.persistence.own_transaction import in_transaction
from tests.wire.scripted_peer import Caller, RudePeer, rude_peer

DONE = RetryDecision(DeliveryState.DELIVERED)
TAKEN = SendResult(204, "HTTP 204")


async def test_notifiers_at_once_send_each_message_once(post: Post) -> None:
    async with a_receiver(post) as (receiver, _), a_receiver(post) as (other, _):
        await post.completed(20)
        async with post.notifier(), post.notifier(), post.notifier():
            await until(lambda: are_all(post, "delivered"))
        assert len(receiver.received_ids) == len(receiver.events) == 20
        assert len(other.received_ids) == len(other.events) == 20
    assert await post.books.count("notification_tries") == 40


async def test_no_more_than_two_are_on_the_way_to_one_endpoint(post: Post) -> None:
    async with rude_peer(Caller.stay_silent) as peer:
        await post.endpoint(peer)
        await post.completed(6)
        async with post.notifier(seconds=20), post.notifier(seconds=20):
            await until(lambda: has_heard(peer, 2))
            # Every round in between finds no place.
            leased = [await post.notifications.lease_due(10, 30) for _ in range(5)]
            assert leased == [[]] * 5
        assert len(peer.heard) == 2


async def test_leasing_at_once_never_exceeds_the_places_of_an_endpoint(post: Post) -> None:
    async with rude_peer(answering(204)) as peer:
        await post.endpoint(peer)
        await post.completed(10)
        await post.notifications.fan_out()
        rounds = await asyncio.gather(*(post.notifications.lease_due(10, 30) for _ in range(4)))
        leased = [one.notification_id for some in rounds for one in some]
        assert len(leased) == len(set(leased)) == 2


async def test_an_endpoint_that_hangs_starves_nobody(post: Post) -> None:
    """T63, over the books: the silent ones hold their own places, the quick one gets everything."""
    await post.books.partner("bank2", 1, prefund=1_000_000)
    async with rude_peer(Caller.stay_silent) as silent, a_receiver(post, "bank2") as (receiver, _):
        await post.endpoint(silent)
        await post.completed(30)
        await post.completed(10, "bank2", lane=1)
        async with post.notifier(seconds=20):
            await until(lambda: has_delivered(post, 10))
        assert len(receiver.events) == 10
        assert len(silent.heard) <= 2


async def test_the_endpoint_that_waited_longest_is_served_first(post: Post) -> None:
    async with rude_peer(answering(204)) as peer:
        lines = [await post.endpoint(peer, path=f"/{number}") for number in range(3)]
        await post.completed(4)
        await post.notifications.fan_out()
        served: list[UUID] = []
        for _ in range(6):
            for leased in await post.notifications.lease_due(1, 30):
                served.append(leased.endpoint_id)
                await post.notifications.record(leased, TAKEN, DONE, 1)
    assert served[:3] == [line.id for line in lines]
    assert served[3:] == served[:3]


async def test_rotated_keys_sign_together_until_the_overlap_ends(post: Post) -> None:
    async with a_receiver(post) as (receiver, line):
        old = KEYS.public_key(line.id, 1)
        await in_transaction(post.engine, rotate_key_within, line.id, timedelta(hours=1))
        await post.completed()
        await post.round()
        assert len(receiver.events) == 1

        receiver.trust([KEYS.public_key(line.id, 2)])
        await post.completed()
        await post.round()
        assert len(receiver.events) == 2

        await post.books.tell("UPDATE notification_endpoints SET previous_key_until = now()")
        await post.completed()
        await post.round()
        assert len(receiver.events) == 3
        receiver.trust([old])
        await post.completed()
        await post.round()
        assert receiver.refused == ["no signature is right"]


async def has_delivered(post: Post, count: int) -> bool:
    return (await post.states()).count("delivered") == count


async def has_heard(peer: RudePeer, count: int) -> bool:
    return len(peer.heard) == count
