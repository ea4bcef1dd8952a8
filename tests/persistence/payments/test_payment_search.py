"""A payment is found by whatever reference somebody has in hand, and by an index."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from ekpay_switch.persistence.payments import payment_search
from ekpay_switch.persistence.payments.payment_search import find_by_reference
from ekpay_switch.persistence.payments.payment_selection import PaymentFilter, list_payments
from ekpay_switch.security.identifiers import uuid7, uuid7_floor
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import TAKEN, Till
from tests.persistence.refunds.refund_setup import BILLED, given, open_office

MANY = 20_000
OTHERS = f"""
SET session_replication_role = replica;
INSERT INTO payments (id, partner_id, lane, reference, fingerprint, biller_id, bill_key, bucket, currency,
  amount, charge, fee, vat, state, biller_quote, business_date, epoch, steps, facts)
SELECT gen_random_uuid(), 'bank1', 0, 'r' || n, '', 'nesco', 'k' || n, 'postpaid', 'BDT', 100, 0, 0, 0,
  'completed', '{{}}', date '2020-01-01', 1, 2, '{{"receipt": "other"}}' FROM generate_series(1, {MANY}) AS n;
INSERT INTO attempts (id, payment_id, leg, far_side, reference, state, closed_at, sends, send_until)
SELECT id, id, 'delivery', 'nesco', reference, 'closed', now(), 1, now() FROM payments
WHERE business_date = date '2020-01-01';
ANALYZE payments, attempts
"""  # noqa: S608 - constants
RECEIPTS = """
UPDATE payments SET facts = '{"receipt": "CH-1", "final_receipt": "CH-1-FINAL"}' WHERE id = $1
"""
LINE = """
INSERT INTO ledger_lines (window_id, business_date, ordinal, role, party, payment_id, movement, event, status,
  our_reference, their_reference, gross, net, currency, instant)
SELECT min(id), min(business_date), 1, 'biller', 'desco', $1::uuid, $1::uuid, 'payment', 'success', 'OURS-1',
  'THEIRS-1', 1, 1, 'BDT', now() FROM settlement_windows
"""


async def _found(books: Books, reference: str) -> Mapping[UUID, str]:
    engine = books.database.engine()
    try:
        async with engine.connect() as connection:
            return await find_by_reference(connection, reference)
    finally:
        await engine.dispose()


async def test_a_payment_is_found_by_every_reference_of_it_and_of_its_refund(till: Till) -> None:
    async with open_office(till) as office:
        completed = await office.completed()
        refund = await office.take(completed, BILLED // 2)
        await office.refunds.record(await office.sent(refund.refund_id), given("RTRX1", BILLED // 2))
        other = await office.completed()
    payment_id, books = completed.payment_id, till.books
    await books.tell(RECEIPTS, payment_id)
    await books.tell(LINE, payment_id)
    (caller,) = await books.rows("SELECT reference FROM payments WHERE id = $1", payment_id)
    (back,) = await books.rows(
        "SELECT reference, our_reference FROM refunds WHERE payment_id = $1", payment_id
    )
    names = {
        caller["reference"]: "the caller's reference",
        completed.order.reference: "our reference",
        "TR00110001": "the provider's reference",
        "TRX1": "the provider's transaction",
        back["reference"]: "the caller's reference of a refund",
        back["our_reference"]: "our reference of a refund",
        "RTRX1": "the provider's reference of a refund",
        "CH-1": "the biller's receipt",
        "CH-1-FINAL": "the biller's receipt",
        "OURS-1": "our reference",
        "THEIRS-1": "a far side's reference",
        str(payment_id): "the payment's id",
        f"pay_{payment_id.hex}": "the payment's id",
        f"rfd_{refund.refund_id.hex}": "the id of a refund",
    }
    assert {name: await _found(books, name) for name in names} == {
        name: {payment_id: found_as} for name, found_as in names.items()
    }
    for name in ("", "nobody's", "TRX1' OR true --", "other"):
        assert await _found(books, name) == {}
    await _narrowed(books, payment_id, other.payment_id)
    assert await _tables_read_whole(books) <= {"partners", "merchant_orders", "used_receipts"}


async def _narrowed(books: Books, payment_id: UUID, other_id: UUID) -> None:
    """Filters narrow the list, alone and together."""
    (row,) = await books.rows("SELECT biller_id, business_date FROM payments WHERE id = $1", payment_id)
    day = row["business_date"]
    both = {payment_id, other_id}
    expected: list[tuple[dict[str, Any], set[UUID]]] = [
        ({"biller_id": row["biller_id"]}, both),
        ({"biller_id": "nobody"}, set()),
        ({"connector_id": "bkash", "first": day, "last": day}, both),
        ({"connector_id": "nagad"}, set()),
        ({"amount": TAKEN}, both),
        ({"amount": BILLED}, both),
        ({"amount": BILLED + 1}, set()),
        ({"first": day + timedelta(days=1)}, set()),
        ({"last": day - timedelta(days=1)}, set()),
        ({"ids": [payment_id], "first": day}, {payment_id}),
        ({"ids": []}, set()),
    ]
    engine = books.database.engine()
    try:
        for fields, ids in expected:
            found = await list_payments(engine, PaymentFilter(**fields))
            assert {line["id"] for line in found} == ids, fields
    finally:
        await engine.dispose()


async def _tables_read_whole(books: Books) -> set[str]:
    """The tables that a search among many payments reads whole, by its plan."""
    for statement in OTHERS.split(";"):
        await books.tell(statement)
    values = {"name": "r7", "id": None, "newest": 10, "most": 10}
    engine = books.database.engine()
    try:
        async with engine.connect() as connection:
            plan = await connection.execute(text(f"EXPLAIN (FORMAT JSON) {payment_search.SEARCH}"), values)
            (explained,) = plan.scalar_one()
    finally:
        await engine.dispose()
    return set(_whole(explained["Plan"]))


def _whole(plan: Mapping[str, Any]) -> Iterator[str]:
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _whole(part)


def test_no_id_is_below_the_floor_of_its_instant() -> None:
    made = uuid7()
    at = datetime.fromtimestamp((made.int >> 80) / 1_000, UTC)
    assert uuid7_floor(at) <= made < uuid7_floor(at + timedelta(milliseconds=2))
