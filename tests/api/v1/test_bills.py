"""Bills of an office: all are raised or none, a repeat is answered, and nobody else's office is served."""

import pytest

from ekpay_switch.domain.scrolls.bill_notices import read_notice_code
from tests.api.api_setup import Reply
from tests.api.v1.v1_setup import Content, Shop, Till, as_bytes, code_of

BILLS = "/v1/bills"
OFFICE = "b9093"
NAMED = {"union_id": "26140011", "holding_no": "HT-00017", "year": "2026"}


def a_bill(**changes: object) -> Content:
    return {"bill_no": "HT-1", "parameters": NAMED, "amount": 123_450, "due_on": "2026-12-31"} | changes


def an_order(*bills: Content, **changes: object) -> bytes:
    return as_bytes({"biller": OFFICE, "bills": list(bills) or [a_bill()]} | changes)


def errors_of(reply: Reply) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in reply.plain["errors"]]


async def test_a_bill_is_raised_with_the_code_of_its_notice(shop: Shop) -> None:
    reply = await shop.post(BILLS, an_order(a_bill(vat=1_000, late_fee=2_500, customer_name="রহিমা খাতুন")))
    assert reply.status == 201, reply.body
    (bill,) = reply.plain["bills"]
    code = bill["notice_code"]
    assert read_notice_code(code) == code
    assert bill == {
        "biller": OFFICE,
        "bill_no": "HT-1",
        "status": "unpaid",
        "due_on": "2026-12-31",
        "amount": 123_450,
        "vat": 1_000,
        "late_fee": 2_500,
        "notice_code": code,
        "notice_url": f"https://pay.example/n/{code}",
    }
    assert (await shop.get_bill(OFFICE, "HT-1")).plain == bill


async def test_the_same_bills_again_are_answered_and_not_raised_again(till: Till, shop: Shop) -> None:
    first = await shop.post(BILLS, an_order())
    again = await shop.post(BILLS, an_order())
    assert (again.status, again.plain) == (200, first.plain)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(till.raised_bills.bills) == 1


async def test_another_bill_under_a_known_number_is_named_and_nothing_is_raised(
    till: Till, shop: Shop
) -> None:
    await shop.post(BILLS, an_order())
    reply = await shop.post(BILLS, an_order(a_bill(bill_no="HT-2"), a_bill(amount=1)))
    assert (reply.status, code_of(reply)) == (409, "bill_exists")
    assert errors_of(reply) == [("/bills/1/bill_no", "already_there")]
    mixed = await shop.post(BILLS, an_order(a_bill(bill_no="HT-2"), a_bill()))
    assert (mixed.status, errors_of(mixed)) == (409, [("/bills/1/bill_no", "already_there")])
    assert len(till.raised_bills.bills) == 1


async def test_instalments_are_bills_of_their_own(shop: Shop) -> None:
    reply = await shop.post(BILLS, an_order(a_bill(amount=100_000, instalments=3, every_days=31)))
    shown = [(bill["bill_no"], bill["amount"], bill["due_on"]) for bill in reply.plain["bills"]]
    assert shown == [
        ("HT-1-1", 33_333, "2026-12-31"),
        ("HT-1-2", 33_333, "2027-01-31"),
        ("HT-1-3", 33_334, "2027-03-03"),
    ]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"parameters": NAMED | {"year": "26"}}, "/bills/1/parameters/year"),
        ({"parameters": {"year": "2026"}}, "/bills/1/parameters"),
        ({"parameters": NAMED | {"colour": "red"}}, "/bills/1/parameters"),
        ({"parameters": NAMED | {"amount": "1.00"}}, "/bills/1/parameters"),
        ({"due_on": "2026-02-30"}, "/bills/1/due_on"),
        ({"lines": [{"label": "house", "amount": 1}]}, "/bills/1/lines"),
        (
            {"lines": [{"label": "house", "amount": 123_450}], "instalments": 2},
            "/bills/1/lines",
        ),
        ({"amount": 1, "instalments": 2}, "/bills/1/amount"),
        ({"customer_name": "A\u00a0B"}, "/bills/1/customer_name"),
        ({"bill_no": "HT-0"}, "/bills/1/bill_no"),
    ],
)
async def test_a_bill_that_is_not_as_the_manifest_wants_it_is_named_and_none_is_raised(
    till: Till, shop: Shop, changes: Content, pointer: str
) -> None:
    reply = await shop.post(BILLS, an_order(a_bill(bill_no="HT-0"), a_bill(**changes)))
    assert (reply.status, code_of(reply)) == (422, "bill_not_valid")
    assert errors_of(reply) == [(pointer, "not_allowed")]
    assert till.raised_bills.bills == {}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"amount": 0}, ("/bills/0/amount", "out_of_range")),
        ({"vat": -1}, ("/bills/0/vat", "out_of_range")),
        ({"vat": "1"}, ("/bills/0/vat", "not_an_integer")),
        ({"instalments": 25}, ("/bills/0/instalments", "out_of_range")),
        ({"every_days": 0}, ("/bills/0/every_days", "out_of_range")),
        ({"due_on": "31.12.2026"}, ("/bills/0/due_on", "malformed")),
        ({"bill_no": "HT 1"}, ("/bills/0/bill_no", "malformed")),
        ({"customer_name": "x" * 121}, ("/bills/0/customer_name", "too_long")),
        ({"colour": "red"}, ("/bills/0/colour", "unknown_member")),
        ({"lines": [{"label": "House", "amount": 1}]}, ("/bills/0/lines/0/label", "malformed")),
    ],
)
async def test_a_member_of_another_form_is_named_with_its_place(
    shop: Shop, changes: Content, error: tuple[str, str]
) -> None:
    reply = await shop.post(BILLS, an_order(a_bill(**changes)))
    assert (reply.status, errors_of(reply)) == (422, [error])


@pytest.mark.parametrize(("count", "code"), [(0, "too_few"), (101, "too_many")])
async def test_a_call_has_one_to_a_hundred_bills(shop: Shop, count: int, code: str) -> None:
    reply = await shop.post(BILLS, as_bytes({"biller": OFFICE, "bills": [a_bill()] * count}))
    assert (reply.status, errors_of(reply)) == (422, [("/bills", code)])


async def test_a_card_number_in_a_name_never_stays(till: Till, shop: Shop) -> None:
    await shop.post(BILLS, an_order(a_bill(customer_name="4111 1111 1111 1111")))
    (notice,) = till.raised_bills.bills.values()
    assert "4111 1111 1111 1111" not in notice.stored.bill.customer_name


async def test_only_an_issuer_raises_and_reads_the_bills_of_an_office(till: Till, shop: Shop) -> None:
    await shop.post(BILLS, an_order())
    other = till.other_shop()
    for reply in (await other.post(BILLS, an_order()), await other.get_bill(OFFICE, "HT-1")):
        assert (reply.status, code_of(reply)) == (403, "not_an_issuer")
    for biller in ("b025", "b9999"):
        reply = await shop.post(BILLS, an_order(biller=biller))
        assert (reply.status, code_of(reply)) == (422, "unknown_biller"), "it keeps its bills itself"
    assert len(till.raised_bills.bills) == 1


async def test_a_bill_that_is_not_there_is_not_found(shop: Shop) -> None:
    assert (await shop.get_bill(OFFICE, "HT-9")).status == 404


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("", [("/biller", "missing"), ("/bill_no", "missing")]),
        ("biller=b9093&bill_no=%00", [("/bill_no", "malformed")]),
        ("biller=b9093&bill_no=%E0%A7%A7", [("/bill_no", "malformed")]),
        (f"biller=b9093&bill_no={'1' * 41}", [("/bill_no", "too_long")]),
        ("biller=%00&bill_no=HT-1", [("/biller", "malformed")]),
        ("biller=b9093&bill_no=HT-1&bill_no=HT-2", [("/bill_no", "too_many")]),
        ("biller=b9093&bill_no=HT-1&year=2026", [("/year", "unknown_member")]),
    ],
)
async def test_what_is_wrong_with_a_query_is_named(
    shop: Shop, query: str, errors: list[tuple[str, str]]
) -> None:
    reply = await shop.get(BILLS, query)
    assert (reply.status, code_of(reply)) == (422, "validation_failed")
    assert errors_of(reply) == errors


async def test_an_issuer_that_was_removed_meanwhile_raises_nothing(
    till: Till, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def removed(*_: object) -> None:
        return None

    monkeypatch.setattr(till.raised_bills, "raise_once", removed)
    assert code_of(await shop.post(BILLS, an_order())) == "not_an_issuer"


async def test_without_a_key_nothing_is_raised(till: Till) -> None:
    reply = await till.request("POST", BILLS, an_order(), [("Content-Type", "application/json")])
    assert (reply.status, code_of(reply)) == (401, "unauthenticated")
