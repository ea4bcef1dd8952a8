"""Which institutions send files at the end of a day: layout, time, and the simulator that keeps the book.

The institutions of the generated month keep their layouts and times. Each other institution uses the layout
of one of them under its own name and code, for every date, in the night of that date. The bank account to
which a connector pays is invented here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.registry import BILLER_FAMILIES, PROVIDER_FAMILIES, InstitutionName
from sandbox.rehearsals.month.model import institutions as month
from sandbox.rehearsals.month.model.institutions import JANATA_ACCOUNT, SONALI_ACCOUNT, Leg, MonthInstitution

SECOND_ROUTES: Mapping[str, str] = {"dpdc_postpaid_aggregator": "dpdc_postpaid"}
"""Institutions that accept payments for another one: its file contains their movements too."""

_REHEARSAL = "rehearsal"
_ALONE: Mapping[str, InstitutionName] = {
    "desco_postpaid": InstitutionName.DESCO,
    "breb_postpaid": InstitutionName.BREB,
    "nesco_prepaid": InstitutionName.NESCO,
    "bkash": InstitutionName.BKASH,
}
"""Simulators of a single institution: their admin API is called without naming one."""

# id, code, the institution of the month whose layout it writes; connectors also name their bank.
_OTHER_FUNDS = (
    ("aamarpay", "AAMARPAY", "sslcommerz", SONALI_ACCOUNT),
    ("agrani", "AGRANI", "janata", SONALI_ACCOUNT),
    ("bank_asia", "BKASIA", "janata", JANATA_ACCOUNT),
    ("brac_bank", "BRAC", "ebl", SONALI_ACCOUNT),
    ("city_bank", "CITY", "dbbl_nexus", SONALI_ACCOUNT),
    ("islami_bank", "ISLAMI", "janata", JANATA_ACCOUNT),
    ("mutual_trust", "MTB", "ebl", JANATA_ACCOUNT),
    ("mycash", "MYCASH", "mcash", JANATA_ACCOUNT),
    ("pubali", "PUBALI", "janata", JANATA_ACCOUNT),
    ("rocket", "ROCKET", "dbbl_nexus", SONALI_ACCOUNT),
    ("rupali", "RUPALI", "janata", SONALI_ACCOUNT),
    ("shurjopay", "SHURJO", "upay", JANATA_ACCOUNT),
    ("surecash", "SURECASH", "mcash", SONALI_ACCOUNT),
    ("tap", "TAP", "mcash", SONALI_ACCOUNT),
)
_OTHER_DELIVERY = (
    ("bakhrabad_gas", "BAKHRGAS", "jalalabad_gas"),
    ("birth_registration", "BIRTHREG", "achallan_generic"),
    ("bpdb_postpaid", "BPDB", "desco_postpaid"),
    ("bpdb_prepaid", "BPDBPRE", "desco_postpaid"),
    ("breb_prepaid", "BREBPRE", "breb_postpaid"),
    ("brta_driving_licence", "BRTADL", "achallan_generic"),
    ("brta_vehicle", "BRTAVEH", "achallan_generic"),
    ("btcl_bill", "BTCL", "desco_postpaid"),
    ("bteb_admission", "BTEB", "desco_postpaid"),
    ("chattogram_wasa", "CTGWASA", "dhaka_wasa"),
    ("court_fee", "COURTFEE", "achallan_generic"),
    ("customs_duty", "CUSTOMS", "achallan_generic"),
    ("desco_prepaid", "DESCOPRE", "nesco_postpaid"),
    ("dpdc_postpaid", "DPDC", "nesco_postpaid"),
    ("dpdc_prepaid", "DPDCPRE", "nesco_postpaid"),
    ("egp_fee", "EGP", "desco_postpaid"),
    ("emutation_application", "EMUTAPP", "desco_postpaid"),
    ("emutation_dcr", "EMUTDCR", "desco_postpaid"),
    ("epassport_fee", "EPASS", "achallan_generic"),
    ("eporcha_khatian", "EPORCHA", "desco_postpaid"),
    ("holding_tax_city", "HTAXCITY", "desco_postpaid"),
    ("income_tax", "INCTAX", "achallan_generic"),
    ("kgdcl_gas", "KGDCL", "jalalabad_gas"),
    ("khulna_wasa", "KHLWASA", "dhaka_wasa"),
    ("landport_passenger_charge", "LANDPORT", "desco_postpaid"),
    ("ldtax", "LDTAX", "desco_postpaid"),
    ("nesco_prepaid", "NESCOPRE", "nesco_postpaid"),
    ("nid_correction", "NIDCORR", "desco_postpaid"),
    ("nid_reissue", "NIDREISS", "desco_postpaid"),
    ("nu_fee", "NUFEE", "desco_postpaid"),
    ("pgcl_gas", "PGCL", "jalalabad_gas"),
    ("police_clearance", "POLICE", "achallan_generic"),
    ("rajshahi_wasa", "RAJWASA", "dhaka_wasa"),
    ("school_fee", "SCHOOL", "desco_postpaid"),
    ("sundarban_gas", "SUNDGAS", "jalalabad_gas"),
    ("titas_metered", "TITASMET", "desco_postpaid"),
    ("titas_nonmetered", "TITASNON", "desco_postpaid"),
    ("trade_licence", "TRADELIC", "desco_postpaid"),
    ("up_certificate", "UPCERT", "desco_postpaid"),
    ("up_holding_tax", "UPHTAX", "desco_postpaid"),
    ("vat_online", "VAT", "achallan_generic"),
    ("wzpdcl_postpaid", "WZPDCL", "nesco_postpaid"),
    ("wzpdcl_prepaid", "WZPDCPRE", "nesco_postpaid"),
    ("xi_admission", "XIADM", "desco_postpaid"),
)


@dataclass(frozen=True, slots=True)
class BookSource:
    """Which simulator keeps a book, and the institution's name there; empty where it has only one."""

    name: InstitutionName
    institution: str = ""


def _other_institution(
    institution_id: str, code: str, like: MonthInstitution, leg: Leg, bank: str = ""
) -> MonthInstitution:
    return MonthInstitution(institution_id, code, leg, 0, like.traits, bank=bank, written_as=like.id)


def _institutions() -> Iterator[MonthInstitution]:
    # Charges are taken from the books, so the fee schedules of the generated month are not used here.
    of_month = {institution.id: institution for institution in (*month.FUNDS, *month.DELIVERY)}
    yield from of_month.values()
    for institution_id, code, like, bank in _OTHER_FUNDS:
        yield _other_institution(institution_id, code, of_month[like], Leg.FUNDS, bank)
    for institution_id, code, like in _OTHER_DELIVERY:
        yield _other_institution(institution_id, code, of_month[like], Leg.DELIVERY)


INSTITUTIONS: Mapping[str, MonthInstitution] = {
    institution.id: institution for institution in _institutions()
}
"""Every institution with a book of movements, by id."""

BANKS: Mapping[str, MonthInstitution] = {institution.id: institution for institution in month.STATEMENTS}
"""The banks with the accounts to which connectors pay us."""


def book_sources() -> Mapping[str, BookSource]:
    """The source of each book, including second routes, by the id of the institution."""
    sources = {institution_id: BookSource(name) for institution_id, name in _ALONE.items()}
    for name, counters in BILLER_FAMILIES.items():
        sources |= {
            institution.id: BookSource(name, institution.id)
            for institution in counters.institutions
            if institution.id != _REHEARSAL
        }
    for name, gateways in PROVIDER_FAMILIES.items():
        sources |= {institution.id: BookSource(name, institution.id) for institution in gateways.institutions}
    return sources
