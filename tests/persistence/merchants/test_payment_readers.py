"""What reads every payment reads a merchant's as well."""

from ekpay_switch.cli.payments.wording import payment_lines
from ekpay_switch.persistence.payments.payment_details import export_payments, read_payment_details
from ekpay_switch.persistence.payments.payment_selection import PaymentFilter, list_payments
from tests.persistence.collections.collection_setup import page
from tests.persistence.merchants.merchant_setup import CARD, Shop


async def test_stories_lists_and_exports_know_a_merchants_payment(shop: Shop) -> None:
    waiting = await shop.opened(shop.new("ORDER-0000007"))
    begun = await shop.begun(await shop.opened(), CARD, connector="ebl")
    await shop.till.record(begun, page("TR1"))
    engine = shop.books.database.engine()
    try:
        story = await read_payment_details(engine, waiting.payment_id)
        assert story is not None
        told = "\n".join(payment_lines(story, []))
        assert "to merchant:shop for bill" in told
        assert "ORDER-0000007" not in told.partition("for bill")[2]
        assert "1050.00" in told
        assert "to be collected from a payer" in told
        assert {line["id"] for line in await list_payments(engine, PaymentFilter(partner_id="shop"))} == {
            waiting.payment_id,
            begun.payment_id,
        }
        lines = {line["id"]: line for line in await export_payments(engine)}
    finally:
        await engine.dispose()
    assert (lines[waiting.payment_id]["tries"], lines[waiting.payment_id]["bill_number"]) == ([], None)
    (one,) = lines[begun.payment_id]["tries"]
    assert (one["charge"], one["fee"], one["vat"]) == (2_100, 500, 75)
