"""What is exported of collected payments, so that the connector's own book can be matched with ours."""

from collections.abc import Sequence

from ekpay_switch.persistence.payments.payment_details import Line, export_payments
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import LAPSED, TAKEN, Till
from tests.persistence.refunds.refund_setup import BILLED, given, open_office


async def exported(books: Books) -> Sequence[Line]:
    engine = books.database.engine()
    try:
        return await export_payments(engine)
    finally:
        await engine.dispose()


async def test_a_collected_payment_is_exported_with_its_tries_and_refunds(till: Till) -> None:
    async with open_office(till) as office:
        held = await office.completed()
        refund = await office.take(held, BILLED // 2)
        await office.refunds.record(await office.sent(refund.refund_id), given("RTRX1", BILLED // 2))

        (line,) = await exported(till.books)

    (tried,) = line["tries"]
    assert (line["id"], line["state"], line["bill_number"]) == (held.payment_id, "completed", "0925")
    assert (tried["reference"], tried["outcome"]) == (held.order.reference, "approved")
    assert (tried["provider_reference"], tried["provider_transaction"]) == ("TR00110001", "TRX1")
    assert (tried["collected"], tried["refunded"], tried["connector_id"]) == (TAKEN, BILLED // 2, "bkash")
    (back,) = line["refunds"]
    assert (back["id"], back["state"], back["amount"]) == (refund.refund_id, "done", BILLED // 2)
    assert (back["kind"], back["provider_refund"]) == ("refund", "RTRX1")
    assert [(one["leg"], one["state"]) for one in line["attempts"]] == [
        ("funds", "closed"),
        ("delivery", "closed"),
    ]


async def test_each_try_stands_with_its_own_payment_in_the_order_of_their_beginning(till: Till) -> None:
    left = await till.on_page()
    first = await till.leased(await till.on_page())
    await till.record(first, LAPSED)
    second = await till.another(first)

    lines = {line["id"]: line["tries"] for line in await exported(till.books)}

    assert [one["reference"] for one in lines[left.payment_id]] == [left.order.reference]
    assert [(one["reference"], one["outcome"], one["collected"]) for one in lines[first.payment_id]] == [
        (first.order.reference, "never_paid", None),
        (second.order.reference, None, None),
    ]
