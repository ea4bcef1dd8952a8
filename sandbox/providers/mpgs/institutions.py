"""The banks of this family, and the file that each settles by.

Which columns the file has is the caller's choice at this gateway (connectors.md 15); the last four are ours,
for an acquirer's advice is not public and says what was kept back.
"""

from sandbox.kit.institution.amounts import taka
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.institution import ProviderInstitution, RefundRules
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.settlement_file import SettlementEvent, SettlementLayout, SettlementRow

FAMILY = "mpgs"

REFUND_NAME, REFUND_TYPE = "transaction_id", "transaction_type"
"""Facts of a refund: what the merchant called it within its order, and whether it is a refund or a void."""

REFUND, VOID = "REFUND", "VOID_PAYMENT"

_FEE_BP = 150
_REFUNDS = RefundRules(parts_max=50, is_partial=True, days=180)
_AUTHORISATION_LENGTH = 6


def payment_name(tries: int) -> str:
    """Return the name of a payment within its order: it comes after the tries that failed."""
    return str(tries + 1)


def authorisation_code(receipt: str) -> str:
    """Return the issuer's code of a movement; here it is made of its receipt."""
    return receipt[-_AUTHORISATION_LENGTH:]


def _name(row: SettlementRow) -> str:
    return payment_name(len(row.order.tries)) if row.refund is None else row.refund.facts[REFUND_NAME]


def _type(row: SettlementRow) -> str:
    return (
        "PAYMENT"
        if row.event is SettlementEvent.PAYMENT or row.refund is None
        else row.refund.facts[REFUND_TYPE]
    )


LAYOUT = SettlementLayout(
    {
        "order.id": lambda row: row.order.reference,
        "transaction.id": _name,
        "transaction.type": _type,
        "timeOfRecord": lambda row: row.instant.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "order.amount": lambda row: taka(row.order.amount_paisa),
        "order.currency": lambda row: row.order.currency,
        "response.gatewayCode": lambda _: "APPROVED",
        "transaction.receipt": lambda row: row.own_id,
        "transaction.authorizationCode": lambda row: authorisation_code(row.own_id),
        "transaction.acquirer.settlementDate": lambda row: f"{row.at:%Y-%m-%d}",
        "transaction.acquirer.batch": lambda row: f"{row.at:%Y%m%d}01",
        "transaction.amount": lambda row: taka(row.gross_paisa),
        "fee": lambda row: taka(row.fee_paisa),
        "vat": lambda row: taka(row.fee_vat_paisa),
        "net": lambda row: taka(row.net_paisa),
    }
)


def _bank(house_id: str, name: Text, colour: str) -> ProviderInstitution:
    return ProviderInstitution(
        id=house_id,
        name=name,
        family=FAMILY,
        kind=PayerKind.CARD,
        colour=colour,
        fee_bp=_FEE_BP,
        refunds=_REFUNDS,
        layout=LAYOUT,
    )


INSTITUTIONS: tuple[ProviderInstitution, ...] = (
    _bank("ebl", Text("ইস্টার্ন ব্যাংক", "Eastern Bank"), "#00539b"),
    _bank("brac_bank", Text("ব্র্যাক ব্যাংক", "BRAC Bank"), "#0066b3"),
    _bank("mutual_trust", Text("মিউচুয়াল ট্রাস্ট ব্যাংক", "Mutual Trust Bank"), "#c8102e"),
)
