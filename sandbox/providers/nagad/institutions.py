"""The one institution of this family, and the columns of its settlement file (a guess: none is published)."""

from sandbox.kit.institution.amounts import taka
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.institution import ProviderInstitution, RefundRules
from sandbox.kit.provider.magic_numbers import MoneyOutcome, PayerBehaviour, PayerKindRow
from sandbox.kit.provider.payer_numbers import masked
from sandbox.kit.provider.settlement_file import SettlementLayout, SettlementRow
from sandbox.providers.nagad.encryption import EncryptionDefect

FAMILY = "nagad"
MERCHANT_ID = "100000000000001"
MERCHANT_MOBILE = "01700000001"
STATUS, ENCRYPTION_DEFECT = "status", "seal"
"""The facts that magic of this family has: another status in verify, and a defect of encryption."""


def _status(row: SettlementRow) -> str:
    if row.refund is None:
        return "Success"
    is_whole = row.refund.amount_paisa == row.order.amount_paisa
    return "Refunded" if is_whole else "PartialCancelled"


LAYOUT = SettlementLayout(
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

INSTITUTIONS = (
    ProviderInstitution(
        id="nagad",
        name=Text("নগদ", "Nagad"),
        family=FAMILY,
        colour="#c8511b",
        fee_bp=150,
        page_seconds=3_600,
        refunds=RefundRules(parts_max=1, is_partial=True, days=30),
        layout=LAYOUT,
        family_data={"merchant_id": MERCHANT_ID},
    ),
)

OWN_KINDS = (
    PayerKindRow(90, "pin_given", "pending for ever, in the word PinGiven",
          PayerBehaviour(money=MoneyOutcome.PENDING, facts={STATUS: "PinGiven"})),
    PayerKindRow(91, "in_motion", "pending for ever, in the word TransactionInProgress",
          PayerBehaviour(money=MoneyOutcome.PENDING, facts={STATUS: "TransactionInProgress"})),
    PayerKindRow(92, "fraud", "declined, in the word Fraud",
          PayerBehaviour(money=MoneyOutcome.DECLINED, reason="fraud", facts={STATUS: "Fraud"})),
    PayerKindRow(93, "aborted", "declined, in the word Aborted",
          PayerBehaviour(money=MoneyOutcome.DECLINED, reason="aborted", facts={STATUS: "Aborted"})),
    PayerKindRow(94, "bad_signature", "paid; answers under seal are wrongly signed",
          PayerBehaviour(facts={ENCRYPTION_DEFECT: EncryptionDefect.BAD_SIGNATURE})),
    PayerKindRow(95, "wrong_key", "paid; answers under seal are encrypted for somebody else",
          PayerBehaviour(facts={ENCRYPTION_DEFECT: EncryptionDefect.WRONG_KEY})),
)  # fmt: skip
"""Payers of this family alone; the last two strike initialise only where it names its payer."""
