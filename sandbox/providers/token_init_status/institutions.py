"""The institutions of this family; shares, limits and times are ours, as no provider publishes them.

Upay and shurjoPay let their settlement file be downloaded from a panel, in columns that are a guess; the five
wallets of the generic dialect write what an institution writes that has no layout of its own.
"""

from collections.abc import Mapping

from sandbox.kit.institution.amounts import taka
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.dialect_family import DIALECT
from sandbox.kit.provider.institution import ProviderInstitution, RefundRules
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.settlement_file import SettlementEvent, SettlementLayout

FAMILY = "token_init_status"

_GENERIC_REFUNDS = RefundRules(parts_max=10, is_partial=True, days=60)
_HALF_AN_HOUR, _AN_HOUR = 1_800, 3_600


def _family_data(dialect: str, least_taka: int, most_taka: int) -> Mapping[str, str]:
    limits = {"least_paisa": str(least_taka * 100), "most_paisa": str(most_taka * 100)}
    return {DIALECT: dialect, **limits}


def _panel(theirs: str, ours: str, method: str) -> SettlementLayout:
    """Return the layout that can be downloaded from a panel; the first two columns go by their own names."""
    return SettlementLayout(
        {
            theirs: lambda row: row.own_id,
            ours: lambda row: row.order.reference,
            "method": lambda _: method,
            "date_time": lambda row: f"{row.at:%Y-%m-%d %H:%M:%S}",
            "amount": lambda row: taka(row.gross_paisa),
            "fee": lambda row: taka(row.fee_paisa + row.fee_vat_paisa),
            "net": lambda row: taka(row.net_paisa),
            "status": lambda row: "success" if row.event is SettlementEvent.PAYMENT else "refunded",
        }
    )


def _generic(house_id: str, name: Text, colour: str, most_taka: int, fee_bp: int) -> ProviderInstitution:
    return ProviderInstitution(
        id=house_id,
        name=name,
        family=FAMILY,
        colour=colour,
        fee_bp=fee_bp,
        page_seconds=_HALF_AN_HOUR,
        refunds=_GENERIC_REFUNDS,
        family_data=_family_data("generic", 10, most_taka),
    )


INSTITUTIONS: tuple[ProviderInstitution, ...] = (
    ProviderInstitution(
        id="upay",
        name=Text("উপায়", "Upay"),
        family=FAMILY,
        colour="#ffc20e",
        fee_bp=150,
        page_seconds=_AN_HOUR,
        # The bulk call has no name for a refund, so a second one of the same payment cannot be told apart.
        refunds=RefundRules(parts_max=1, is_partial=True, days=30),
        layout=_panel("trx_id", "txn_id", "wallet"),
        family_data=_family_data("upay", 10, 30_000),
    ),
    ProviderInstitution(
        id="shurjopay",
        name=Text("সূর্যপে", "shurjoPay"),
        family=FAMILY,
        kind=PayerKind.CARD,
        colour="#0b6e4f",
        fee_bp=200,
        page_seconds=_AN_HOUR,
        refunds=None,
        layout=_panel("bank_trx_id", "customer_order_id", "card"),
        family_data=_family_data("shurjopay", 10, 500_000),
    ),
    _generic("tap", Text("ট্যাপ", "Tap"), "#7b2d8b", 25_000, 150),
    _generic("mcash", Text("এমক্যাশ", "mCash"), "#00703c", 25_000, 150),
    _generic("mycash", Text("মাইক্যাশ", "MyCash"), "#d71920", 20_000, 160),
    _generic("okwallet", Text("ওকে ওয়ালেট", "OK Wallet"), "#0072bc", 20_000, 160),
    _generic("surecash", Text("শিওরক্যাশ", "SureCash"), "#f58220", 20_000, 170),
)
