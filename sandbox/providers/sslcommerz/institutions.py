"""The two institutions and the columns of their settlement files (guesses: none is published)."""

from datetime import timedelta

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.clock import DHAKA
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.dialect_family import DIALECT
from sandbox.kit.provider.hooks import OpenProvider, random_text
from sandbox.kit.provider.institution import ProviderInstitution, RefundRules
from sandbox.kit.provider.magic_numbers import PayerBehaviour, PayerKindRow
from sandbox.kit.provider.orders import ProviderOrder
from sandbox.kit.provider.payer_numbers import PayerKind, masked
from sandbox.kit.provider.settlement_file import SettlementLayout, SettlementRow

FAMILY = "sslcommerz"
SSLCOMMERZ, AAMARPAY = "sslcommerz", "aamarpay"
STORE_ID = "ekpay"
CARD_TYPE, CARD_BRAND, CARD_ISSUER = "VISA-Brac bank", "VISA", "BRAC BANK, LTD."
AMOUNT_MIN_PAISA, AMOUNT_MAX_PAISA = 1_000, 50_000_000
RISK, GOOD_ATTEMPTS = "risk_level", "good_attempts"
"""Facts of the magic payers of this family: a risky payment, and two good attempts for one."""
SAFE, IS_REFUSED = "0", "is_refused"
"""The risk level of what is not held, and the fact that a risky payment was refused for its risk."""

_DATE_LENGTH = 12
_DAYS_TO_SETTLE = timedelta(days=2)


def val_id_of(order: ProviderOrder) -> str:
    """Return what a paid order is validated by, a name that can be read back; nothing if it is not paid."""
    name = order.transaction_id
    return f"{name[:_DATE_LENGTH]}0{name[_DATE_LENGTH:]}" if order.is_paid else ""


def risk_of(provider: OpenProvider, order: ProviderOrder) -> str:
    """Return the risk level of an order, by its payer until the institution has decided otherwise."""
    if not order.is_paid:
        return SAFE
    return order.facts.get(RISK) or provider.behaviour(order).facts.get(RISK, SAFE)


def is_held(provider: OpenProvider, order: ProviderOrder) -> bool:
    """Return whether an order is paid and held for its risk."""
    return risk_of(provider, order) != SAFE


def movement_name_of(val_id: str) -> str:
    """Return the name of the movement that a validation is about."""
    return val_id[:_DATE_LENGTH] + val_id[_DATE_LENGTH + 1 :]


def timed_name(provider: OpenProvider) -> str:
    """Return a name for a movement of money, which begins with its instant in Dhaka."""
    return f"{provider.clock.now().astimezone(DHAKA):%y%m%d%H%M%S}{random_text(6)}"


def card_of(order: ProviderOrder) -> str:
    """Return the payer's card as both institutions show it."""
    return masked(order.payer).replace("*", "X")


def _settled_on(row: SettlementRow) -> str:
    return f"{row.at + _DAYS_TO_SETTLE:%Y-%m-%d}"


SSLCOMMERZ_LAYOUT = SettlementLayout(
    {
        "tran_id": lambda row: row.order.reference,
        "val_id": lambda row: val_id_of(row.order),
        "bank_tran_id": lambda row: row.order.transaction_id,
        "tran_date": lambda row: f"{row.at:%Y-%m-%d %H:%M:%S}",
        "card_type": lambda _: CARD_TYPE,
        "card_brand": lambda _: CARD_BRAND,
        "card_issuer": lambda _: CARD_ISSUER,
        "currency": lambda _: "BDT",
        "amount": lambda row: taka(row.gross_paisa),
        "store_amount": lambda row: taka(row.net_paisa),
        "charge": lambda row: taka(row.fee_paisa + row.fee_vat_paisa),
        "refund_ref_id": lambda row: row.refund.refund_id if row.refund else "",
        "settlement_date": _settled_on,
        "payout_ref": lambda row: f"PO{row.at + _DAYS_TO_SETTLE:%Y%m%d}",
    }
)
AAMARPAY_LAYOUT = SettlementLayout(
    {
        "pg_txnid": lambda row: row.own_id,
        "mer_txnid": lambda row: row.order.reference,
        "card_type": lambda _: CARD_TYPE,
        "pay_time": lambda row: f"{row.at:%Y-%m-%d %H:%M:%S}",
        "amount": lambda row: taka(row.gross_paisa),
        "gateway_fee": lambda row: taka(row.fee_paisa + row.fee_vat_paisa),
        "store_amount": lambda row: taka(row.net_paisa),
        "pay_status": lambda _: "Successful",
    }
)

INSTITUTIONS = (
    ProviderInstitution(
        id=SSLCOMMERZ,
        name=Text("এসএসএলকমার্জ", "SSLCommerz"),
        family=FAMILY,
        kind=PayerKind.CARD,
        colour="#1f5ca8",
        fee_bp=250,
        page_seconds=3_600,
        refunds=RefundRules(parts_max=10, is_partial=True, days=90),
        layout=SSLCOMMERZ_LAYOUT,
        family_data={DIALECT: SSLCOMMERZ},
    ),
    ProviderInstitution(
        id=AAMARPAY,
        name=Text("আমারপে", "aamarPay"),
        family=FAMILY,
        kind=PayerKind.CARD,
        colour="#1c7a4d",
        fee_bp=250,
        page_seconds=3_600,
        refunds=None,
        layout=AAMARPAY_LAYOUT,
        family_data={DIALECT: AAMARPAY},
    ),
)

OWN_KINDS = (
    PayerKindRow(90, "risky", "paid, and held for its risk until `POST holds` decides",
          PayerBehaviour(facts={RISK: "1"})),
    PayerKindRow(91, "paid_twice", "paid, and SSLCommerz tells two good attempts of it",
          PayerBehaviour(facts={GOOD_ATTEMPTS: "2"})),
)  # fmt: skip
"""Payers of this family alone."""
