"""The seven banks of this family, what the switch shares with each, and the file that each settles by."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import NamedTuple

from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.institution import ProviderInstitution
from sandbox.kit.provider.payer_numbers import PayerKind, masked
from sandbox.kit.provider.settlement_file import SettlementLayout, SettlementRow
from sandbox.providers.iso8583.mac import KEY_LENGTH

FAMILY = "iso8583"
ACCEPTOR = "EKPAYSWITCH0001"
TERMINAL = "EKPAY001"
PROCESSING_CODE = "500000"
CURRENCY = "050"

APPROVED = "00"
REVERSED = "reversed"
"""Why an order ended whose money went back, or was never to move, because it was reversed."""

_ALIAS_FIELD, _ACQUIRER, _PORT_ABOVE = "alias_field", "acquirer", "port_above"
_LIMIT, _DAILY_LIMIT = "limit_paisa", "daily_limit_paisa"
PAN, ACCOUNT = 2, 102
"""The fields that an alias may stand in."""


class BankTerms(NamedTuple):
    """What an institution says more than others: how the switch reaches it, and what it lets a payer pay.

    `port_above` is how far its port is above that of the consent pages; limits are for one payment and for
    one business day of one payer.
    """

    alias_field: int
    acquirer: str
    port_above: int
    limit_paisa: int
    daily_limit_paisa: int


def terms_of(institution: ProviderInstitution) -> BankTerms:
    """Return the terms of an institution."""
    family_data = institution.family_data
    return BankTerms(
        int(family_data[_ALIAS_FIELD]),
        family_data[_ACQUIRER],
        int(family_data[_PORT_ABOVE]),
        int(family_data[_LIMIT]),
        int(family_data[_DAILY_LIMIT]),
    )


def mac_key_of(house_id: str) -> bytes:
    """Return the MAC key of an institution in the sandbox."""
    return sha256(b"sandbox-mac:" + house_id.encode()).digest()[:KEY_LENGTH]


def consent_secret_of(house_id: str) -> str:
    """Return what both sides sign the links of the consent page with, in the sandbox."""
    return f"sandbox-consent-{house_id}"


# ---- the settlement file

# The facts that an order has of its 0200, by the number of the field.
DAY, POSTED_AT = "day", "posted_at"


def fact_of(number: int) -> str:
    """Return the name of the fact that holds a field of the 0200."""
    return f"DE{number}"


def is_reversed(row: SettlementRow) -> bool:
    """Whether the money of a row has gone back."""
    return row.order.reason == REVERSED


def _business_day(row: SettlementRow) -> date:
    facts = row.order.facts
    # The day is the host's; a row that was put off goes with its instant.
    return date.fromisoformat(facts[DAY]) + (row.instant - datetime.fromisoformat(facts[POSTED_AT]))


def _rrn(row: SettlementRow) -> str:
    # A payment that nobody knows has the fields of another, and no name of theirs.
    return row.order.facts[fact_of(37)] if row.order.reference != "UNKNOWN" else "UNKNOWN"


def _trailer(rows: Sequence[SettlementRow]) -> Sequence[str]:
    standing_paisa = sum(row.gross_paisa for row in rows if not is_reversed(row))
    return ("TRAILER", str(len(rows)), str(standing_paisa))


_FILE = SettlementLayout(
    {
        "MTI": lambda _: "0200",
        "DE2": lambda row: masked(row.order.facts["alias"]),
        "DE3": lambda row: row.order.facts[fact_of(3)],
        "DE4": lambda row: f"{row.gross_paisa:012d}",
        "DE7": lambda row: row.order.facts[fact_of(7)],
        "DE11": lambda row: row.order.facts[fact_of(11)],
        "DE12": lambda row: row.order.facts[fact_of(12)],
        "DE13": lambda row: row.order.facts[fact_of(13)],
        "DE15": lambda row: f"{_business_day(row):%m%d}",
        "DE32": lambda row: row.order.facts[fact_of(32)],
        "DE37": _rrn,
        "DE38": lambda row: row.own_id,
        "DE39": lambda _: APPROVED,
        "fee": lambda row: str(row.fee_paisa + row.fee_vat_paisa),
        "reversed": lambda row: "Y" if is_reversed(row) else "N",
    },
    trailer=_trailer,
)


def _terms_row(  # a row of the table below
    acquirer: str, alias_field: int, port_above: int, limit_taka: int, daily_limit_taka: int
) -> Mapping[str, str]:
    return {
        _ALIAS_FIELD: str(alias_field),
        _ACQUIRER: acquirer,
        _PORT_ABOVE: str(port_above),
        _LIMIT: str(limit_taka * 100),
        _DAILY_LIMIT: str(daily_limit_taka * 100),
    }


def _bank(
    house_id: str, name: Text, colour: str, fee_bp: int, family_data: Mapping[str, str]
) -> ProviderInstitution:
    return ProviderInstitution(
        id=house_id,
        name=name,
        family=FAMILY,
        kind=PayerKind.ACCOUNT,
        colour=colour,
        fee_bp=fee_bp,
        refunds=None,
        takes_at_page=False,
        layout=_FILE,
        family_data=family_data,
    )


INSTITUTIONS: tuple[ProviderInstitution, ...] = (
    _bank("janata", Text("জনতা ব্যাংক", "Janata Bank"), "#00693e", 50,
           _terms_row("025135000", ACCOUNT, 4, 500_000, 2_500_000)),
    _bank("agrani", Text("অগ্রণী ব্যাংক", "Agrani Bank"), "#0b6b3a", 50,
           _terms_row("025010000", ACCOUNT, 5, 500_000, 2_500_000)),
    _bank("rupali", Text("রূপালী ব্যাংক", "Rupali Bank"), "#a8201a", 50,
           _terms_row("025185000", ACCOUNT, 6, 500_000, 2_500_000)),
    _bank("islami_bank", Text("ইসলামী ব্যাংক", "Islami Bank"), "#046a38", 50,
           _terms_row("025125000", PAN, 7, 500_000, 2_500_000)),
    _bank("pubali", Text("পূবালী ব্যাংক", "Pubali Bank"), "#1b3f8b", 50,
           _terms_row("025175000", ACCOUNT, 8, 500_000, 2_500_000)),
    _bank("bank_asia", Text("ব্যাংক এশিয়া", "Bank Asia"), "#00539b", 50,
           _terms_row("025070000", ACCOUNT, 9, 500_000, 2_500_000)),
    # What a person may send over NPSB in one payment and in one day (connectors.md 12.7).
    _bank("npsb", Text("এনপিএসবি", "NPSB"), "#5b2d8e", 15,
           _terms_row("025272684", PAN, 10, 300_000, 1_000_000)),
)  # fmt: skip
