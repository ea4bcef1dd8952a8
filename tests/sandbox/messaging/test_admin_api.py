import pytest

from tests.sandbox.caller import SetClock
from tests.sandbox.messaging.caller import CODE_TEXT, TO, SmsCaller


async def test_messages_are_listed_newest_first_with_all_that_was_taken(
    sms: SmsCaller, clock: SetClock
) -> None:
    await sms.send(sms.a_message(csms_id="a", sms="x" * 161))
    clock.advance(seconds=1)
    answer = await sms.send(sms.a_message(csms_id="b"))
    newest, oldest = await sms.messages()
    assert newest == {
        "reference_id": answer["smsinfo"][0]["reference_id"],
        "csms_id": "b",
        "msisdn": TO,
        "sender_id": "EKPAY",
        "body": CODE_TEXT,
        "sms_type": "BN",
        "parts": 1,
        "accepted_at": "2026-03-10T06:00:01+00:00",
        "delivered_at": "2026-03-10T06:00:01+00:00",
        "is_delivered": True,
    }
    assert (oldest["csms_id"], oldest["sms_type"], oldest["parts"]) == ("a", "EN", 2)
    assert (await sms.admin("GET", "dump"))["messages"] == [oldest, newest]


@pytest.mark.parametrize("typed", ["01812345678", "8801812345678", "%2B8801812-345678", "০১৮১২৩৪৫৬৭৮"])
async def test_messages_are_selected_by_number_as_a_person_types_it(sms: SmsCaller, typed: str) -> None:
    for number in (TO, "8801812345678", TO, "8801812345678"):
        await sms.send(sms.a_message(number))
    assert [message["csms_id"] for message in await sms.messages(f"?to={typed}")] == ["id-3", "id-1"]
    assert [message["csms_id"] for message in await sms.messages(f"?to={typed}&count=1&offset=1")] == ["id-1"]
    assert await sms.messages("?to=01912345678") == []


@pytest.mark.parametrize("query", ["to=12", "to=0171234567x", "count=0", "other=1"])
async def test_a_query_that_cannot_be_read_is_400(sms: SmsCaller, query: str) -> None:
    async with sms.session.get(f"{sms.origin}/_admin/messages?{query}") as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"fault": "other"},
        {"fault": "slow", "mobile": "12"},
        {"fault": "slow", "times": 0},
        {"fault": "slow", "account": TO},
    ],
)
async def test_an_order_that_cannot_be_read_leaves_no_fault(sms: SmsCaller, order: object) -> None:
    assert await sms.refused_order(order)


async def test_faults_are_listed_counted_and_cleared(sms: SmsCaller) -> None:
    await sms.set_fault("tps_exceeded", mobile="০১৭১২-৩৪৫৬৭৮", times=2)
    await sms.set_fault("slow")
    listed = (await sms.admin("GET", "faults"))["faults"]
    assert listed == [
        {"number": TO, "fault": "tps_exceeded", "times": 2},
        {"number": "*", "fault": "slow", "times": 1},
    ]
    assert [await sms.code_of(sms.a_message()) for _ in range(2)] == [4031, 4031]
    assert (await sms.admin("DELETE", "faults"))["faults"] == []


async def test_stats_count_answers_by_code(sms: SmsCaller) -> None:
    await sms.send(sms.a_message())
    await sms.send(sms.a_message(sid="OTHER"))
    await sms.inbox()
    stats = await sms.admin("GET", "stats")
    assert stats["calls"] == {"send": 2, "page": 1}
    assert stats["replies"]["send"] == {"200": 1, "4002": 1}


async def test_an_outage_takes_nothing(sms: SmsCaller) -> None:
    await sms.admin("POST", "outage", {"mode": "http_503"})
    async with sms.session.post(f"{sms.origin}/api/v3/send-sms", json=sms.a_message()) as answer:
        assert (answer.status, (await answer.json())["status_code"]) == (503, 5000)
    assert await sms.messages() == []
    assert (await sms.admin("GET", "health"))["outage"] == "http_503"


async def test_nothing_is_to_be_paid_here(sms: SmsCaller) -> None:
    assert await sms.admin("GET", "unpaid") == {"accounts": []}
