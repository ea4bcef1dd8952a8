"""Facts of far sides as they are stored: with card numbers masked (docs/adr/0084)."""

from collections.abc import Mapping

import orjson

from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, RECEIPT
from ekpay_switch.security.card_numbers import mask_card_values

# Names under which a far side, or we, must find the same thing again, and what a payer shows as proof. A
# number of that kind may pass for a card's by chance, and is worth nothing masked.
EXACT_FACTS = frozenset(
    {
        RECEIPT, FINAL_RECEIPT, "bank_transaction", "bill_number", "further", "meter_no", "movement",
        "order_no", "payment_id", "provider_reference", "provider_refund", "provider_transaction",
        "reference", "rrn", "scroll_number", "their_reference", "transaction", "transaction_id", "unproven",
        "val_id",
    }
)  # fmt: skip


def masked_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts without card numbers."""
    return {name: fact if name in EXACT_FACTS else mask_card_values(fact) for name, fact in facts.items()}


def facts_as_json(facts: Mapping[str, object]) -> str:
    """The facts without card numbers, as JSON text for the driver."""
    return orjson.dumps(masked_facts(facts)).decode()
