"""The two houses and the columns of their settlement files (guesses: nobody publishes one)."""

from datetime import timedelta

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.payer_page import Text
from sandbox.kit.provider.institution import House, RefundRules
from sandbox.kit.provider.magic_numbers import Behaviour, Magic
from sandbox.kit.provider.orders import Order
from sandbox.kit.provider.payer_numbers import Kind, masked
from sandbox.kit.provider.settlement_file import Layout, Row

FAMILY = "sslcommerz"
SSLCOMMERZ, AAMARPAY = "sslcommerz", "aamarpay"
STORE_ID = "ekpay"
CARD_TYPE, CARD_BRAND, CARD_ISSUER = "VISA-Brac bank", "VISA", "BRAC BANK, LTD."
AMOUNT_MIN_PAISA, AMOUNT_MAX_PAISA = 1_000, 50_000_000
RISK, GOOD_ATTEMPTS = "risk_level", "good_attempts"
"""The facts that magic of this family has: 1 where a payment is risky, 2 where two good attempts are told."""

_DATE_LENGTH = 12
_DAYS_TO_SETTLE = timedelta(days=2)


def val_id_of(order: Order) -> str:
    """Return what a paid order is validated by, a name that can be read back; nothing if it is not paid."""
    name = order.transaction_id
    return f"{name[:_DATE_LENGTH]}0{name[_DATE_LENGTH:]}" if order.is_paid else ""


def named_by(val_id: str) -> str:
    """Return the name of the movement that a validation is asked for."""
    return val_id[:_DATE_LENGTH] + val_id[_DATE_LENGTH + 1 :]


def card_of(order: Order) -> str:
    """Return the payer's card as both houses show it."""
    return masked(order.payer).replace("*", "X")


def _settled_on(row: Row) -> str:
    return f"{row.at + _DAYS_TO_SETTLE:%Y-%m-%d}"


SSLCOMMERZ_LAYOUT = Layout(
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
AAMARPAY_LAYOUT = Layout(
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

HOUSES = (
    House(
        id=SSLCOMMERZ,
        name=Text("এসএসএলকমার্জ", "SSLCommerz"),
        family=FAMILY,
        kind=Kind.CARD,
        colour="#1f5ca8",
        fee_bp=250,
        page_seconds=3_600,
        refunds=RefundRules(parts_max=10, is_partial=True, days=90),
        layout=SSLCOMMERZ_LAYOUT,
    ),
    House(
        id=AAMARPAY,
        name=Text("আমারপে", "aamarPay"),
        family=FAMILY,
        kind=Kind.CARD,
        colour="#1c7a4d",
        fee_bp=250,
        page_seconds=3_600,
        refunds=None,
        layout=AAMARPAY_LAYOUT,
    ),
)

OWN_KINDS = (
    Magic(90, "risky", "paid, and held by the house for a look", Behaviour(facts={RISK: "1"})),
    Magic(91, "paid_twice", "paid, and SSLCommerz tells two good attempts of it",
          Behaviour(facts={GOOD_ATTEMPTS: "2"})),
)  # fmt: skip
"""Payers of this family alone."""
