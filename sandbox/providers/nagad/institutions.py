"""The one house of this family, and the columns of its settlement file (a guess: nobody publishes one)."""

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.payer_page import Text
from sandbox.kit.provider.institution import House, RefundRules
from sandbox.kit.provider.magic_numbers import Behaviour, Magic, Money
from sandbox.kit.provider.payer_numbers import masked
from sandbox.kit.provider.settlement_file import Layout, Row
from sandbox.providers.nagad.seal import Spoilt

FAMILY = "nagad"
MERCHANT_ID = "100000000000001"
MERCHANT_MOBILE = "01700000001"
STATUS, SEAL = "status", "seal"
"""The facts that magic of this family has: another word of verify, and what is wrong with a seal."""


def _status(row: Row) -> str:
    if row.refund is None:
        return "Success"
    is_whole = row.refund.amount_paisa == row.order.amount_paisa
    return "Refunded" if is_whole else "PartialCancelled"


LAYOUT = Layout(
    {
        "paymentRefId": lambda row: row.order.provider_reference,
        "orderId": lambda row: row.order.reference,
        "issuerPaymentRefNo": lambda row: row.order.transaction_id,
        "issuerPaymentDateTime": lambda row: f"{row.at:%Y-%m-%d %H:%M:%S}.0",
        "clientMobileNo": lambda row: masked(row.order.payer),
        "amount": lambda row: taka(row.gross_paisa),
        "charge": lambda row: taka(row.fee_paisa + row.fee_vat_paisa),
        "netAmount": lambda row: taka(row.net_paisa),
        "status": _status,
        "cancelIssuerRefNo": lambda row: row.refund.refund_id if row.refund else "",
    }
)

HOUSES = (
    House(
        id="nagad",
        name=Text("নগদ", "Nagad"),
        family=FAMILY,
        colour="#c8511b",
        fee_bp=150,
        page_seconds=3_600,
        refunds=RefundRules(parts_max=1, is_partial=True, days=30),
        layout=LAYOUT,
        more={"merchant_id": MERCHANT_ID},
    ),
)

OWN_KINDS = (
    Magic(90, "pin_given", "pending for ever, in the word PinGiven",
          Behaviour(money=Money.PENDING, facts={STATUS: "PinGiven"})),
    Magic(91, "in_motion", "pending for ever, in the word TransactionInProgress",
          Behaviour(money=Money.PENDING, facts={STATUS: "TransactionInProgress"})),
    Magic(92, "fraud", "declined, in the word Fraud",
          Behaviour(money=Money.DECLINED, reason="fraud", facts={STATUS: "Fraud"})),
    Magic(93, "aborted", "declined, in the word Aborted",
          Behaviour(money=Money.DECLINED, reason="aborted", facts={STATUS: "Aborted"})),
    Magic(94, "bad_signature", "paid; answers under seal are wrongly signed",
          Behaviour(facts={SEAL: Spoilt.BAD_SIGNATURE})),
    Magic(95, "wrong_key", "paid; answers under seal are encrypted for somebody else",
          Behaviour(facts={SEAL: Spoilt.WRONG_KEY})),
)  # fmt: skip
"""Payers of this family alone; the last two strike initialise only where it names its payer."""
