"""A new payment fetches a bill, and one client's fetches are bounded."""

import asyncio
from dataclasses import replace

from ekpay_switch.domain.parties.partner_limits import FetchTerms
from tests.api.v1.v1_setup import SHOP, SHOP_KEY, Till, a_key, an_order, code_of


def agreed(till: Till, in_flight: int, per_second: int) -> None:
    till.small.clients.known[SHOP_KEY] = replace(SHOP, fetches=FetchTerms(in_flight, per_second))


async def test_one_more_than_agreed_in_flight_is_refused_by_name_and_leaves_nothing(till: Till) -> None:
    agreed(till, 1, 100)
    till.small.biller.gate = asyncio.Event()
    key = a_key()
    first = asyncio.create_task(till.shop().create(key=key))
    await till.has_asked_for_bills(1)
    other_order = till.another_bill("111122223333")
    refused = await till.shop().create(other_order)
    assert (code_of(refused), refused.status, refused.headers["retry-after"]) == ("rate_limited", 429, "1")
    assert refused.plain["detail"] == "fetches in flight, at most 1 by the agreement"
    other = asyncio.create_task(till.other_shop().create(till.another_bill("444455556666")))
    await till.has_asked_for_bills(2)
    till.small.biller.gate.set()
    assert [reply.status for reply in await asyncio.gather(first, other)] == [201, 201]
    assert (await till.shop().create(other_order)).status == 201


async def test_a_repeat_fetches_nothing_and_is_never_refused(till: Till) -> None:
    agreed(till, 1, 1)
    key = a_key()
    assert (await till.shop().create(key=key)).status == 201
    assert [(await till.shop().create(key=key)).status for _ in range(3)] == [200] * 3
    refused = await till.shop().create(an_order())
    assert refused.plain["detail"] == "fetches a second, at most 1 by the agreement"
    till.small.clock.pass_by(1)
    assert (await till.shop().create(till.another_bill("111122223333"))).status == 201
