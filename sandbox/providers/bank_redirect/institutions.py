"""The gateways of this family, and the file that each settles by.

The columns are those of connectors.md 15 for DBBL and for SPG; City Bank's are made of the members of its
calls. Where a file would not say what was kept back, columns of ours at its end do. SPG's has no line about
what the payer paid over the total.
"""

from sandbox.kit.institution.amounts import taka
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.dialect_family import DIALECT
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.payer_numbers import PayerKind, masked
from sandbox.kit.provider.settlement_file import SettlementLayout, SettlementRow
from sandbox.providers.bank_redirect import dbbl, spg
from sandbox.providers.bank_redirect.dialect import MERCHANT_REFERENCE, approval_code

FAMILY = "bank_redirect"


def _credited(row: SettlementRow) -> str:
    """Return the account, or where there are several each with its part."""
    credits_ = row.order.facts[spg.CREDITS].split()
    return credits_[0].partition(":")[0] if len(credits_) == 1 else " ".join(credits_)


_DBBL_FILE = SettlementLayout(
    {
        "TRANSACTION_ID": lambda row: row.order.provider_reference,
        "txnrefnum": lambda row: row.order.facts[MERCHANT_REFERENCE],
        "RRN": lambda row: row.own_id,
        "APPROVAL_CODE": lambda row: approval_code(row.own_id),
        "CARD_NUMBER": lambda row: masked(row.order.payer),
        "CARDNAME": lambda row: "ROCKET" if row.order.facts["card_type"] == "6" else "NEXUS",
        "AMOUNT": lambda row: str(row.gross_paisa),
        "TRANS_DATE": lambda row: str(int(row.instant.timestamp()) * 1_000),
        "RESULT_CODE": lambda _: "000",
        "FEE": lambda row: str(row.fee_paisa),
        "VAT": lambda row: str(row.fee_vat_paisa),
        "NET": lambda row: str(row.net_paisa),
    }
)
_SPG_FILE = SettlementLayout(
    {
        "ScrollNo": lambda row: spg.scroll_number(row.order),
        "BrCode": lambda _: spg.BRANCH,
        "TransactionId": lambda row: row.own_id,
        "TransactionDate": lambda row: f"{row.at:%Y-%m-%d %H:%M:%S}",
        "InvoiceNo": lambda row: row.order.facts[MERCHANT_REFERENCE],
        "crAccount": _credited,
        "PayAmount": lambda row: taka(row.gross_paisa),
        "Vat": lambda row: taka(row.fee_vat_paisa),
        "Commission": lambda row: taka(row.fee_paisa),
        "PayMode": lambda _: spg.PAY_MODE,
    }
)
_CITY_FILE = SettlementLayout(
    {
        "orderId": lambda row: row.order.provider_reference,
        "description": lambda row: row.order.facts[MERCHANT_REFERENCE],
        "rrn": lambda row: row.own_id,
        "approvalCode": lambda row: approval_code(row.own_id),
        "pan": lambda row: masked(row.order.payer),
        "approveDatetime": lambda row: f"{row.at:%d/%m/%Y %H:%M:%S}",
        "currency": lambda _: "050",
        "amount": lambda row: str(row.gross_paisa),
        "fee": lambda row: str(row.fee_paisa),
        "vat": lambda row: str(row.fee_vat_paisa),
        "net": lambda row: str(row.net_paisa),
    }
)

INSTITUTIONS: tuple[ProviderInstitution, ...] = (
    ProviderInstitution(
        id="dbbl_nexus",
        name=Text("ডিবিবিএল নেক্সাস", "DBBL Nexus"),
        family=FAMILY,
        kind=PayerKind.CARD,
        colour="#006a4e",
        fee_bp=150,
        refunds=None,
        layout=_DBBL_FILE,
        family_data={DIALECT: "dbbl", dbbl.CARD_TYPES: "1 2 3 4 5", dbbl.CARD_NAME: "NEXUS"},
    ),
    ProviderInstitution(
        id="rocket",
        name=Text("রকেট", "Rocket"),
        family=FAMILY,
        kind=PayerKind.WALLET,
        colour="#8c3494",
        fee_bp=180,
        refunds=None,
        layout=_DBBL_FILE,
        family_data={DIALECT: "dbbl", dbbl.CARD_TYPES: "6", dbbl.CARD_NAME: "ROCKET"},
    ),
    ProviderInstitution(
        id="sonali_spg",
        name=Text("সোনালী পেমেন্ট গেটওয়ে", "Sonali Payment Gateway"),
        family=FAMILY,
        kind=PayerKind.ACCOUNT,
        colour="#00529b",
        # What the bank takes for itself it takes from the payer, over the total.
        fee_bp=0,
        page_seconds=3_600,
        refunds=None,
        layout=_SPG_FILE,
        family_data={DIALECT: "spg"},
    ),
    ProviderInstitution(
        id="city_bank",
        name=Text("সিটি ব্যাংক", "City Bank"),
        family=FAMILY,
        kind=PayerKind.CARD,
        colour="#d71920",
        fee_bp=150,
        refunds=None,
        layout=_CITY_FILE,
        family_data={DIALECT: "city"},
    ),
)
