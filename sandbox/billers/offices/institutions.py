"""The offices of this family: rows 25, 27 to 29, 32, 34, 35, 40, 41, 44, 46 and 52 of billers.md.

What fees are is billers.md 1.1 where it says so, and the sandbox's own else. The numbers are invented.
"""

from collections.abc import Mapping

from sandbox.billers.offices.office import (
    ANY_KEY,
    DemandDetail,
    FeeHead,
    FeeLine,
    FilingChannel,
    LandTaxOffice,
    OfficeInstitution,
)
from sandbox.kit.biller.institution import REHEARSAL, AmountRange, FixedFee, InParts

FAMILY = "offices"

_MOBILE = DemandDetail("mobile", r"01[3-9][0-9]{8}", is_optional=True)
_APPLICATION = DemandDetail("application_no", r"[0-9]{6,20}")
_YEAR = DemandDetail("year", r"20[0-9]{2}")
_ROLL = DemandDetail("roll", r"[0-9]{6}")
_NID = DemandDetail("nid", r"[0-9]{10}|[0-9]{13}|[0-9]{17}")
_MUTATION_NUMBER = "2509001#####"
_BY_POST = ("delivery", "post")


def _with_vat(fee_taka: int) -> tuple[FeeHead, ...]:
    """Return a fee and 15 % VAT on top of it."""
    vat = FeeHead("vat", "VAT 15 %", "ভ্যাট ১৫ %", fee_taka * 15, line=FeeLine.VAT)
    return FeeHead("fee", "Fee", "ফি", fee_taka * 100), vat


def _certificate(fee_taka: int) -> tuple[FeeHead, ...]:
    application = FeeHead("application_fee", "Application fee", "আবেদন ফি", 2_000)
    return application, FeeHead("certificate_fee", "Certificate fee", "সনদ ফি", fee_taka * 100)


def _reissues() -> Mapping[str, tuple[FeeHead, ...]]:
    """Return the fees of a re-issue by kind, urgency and attempt."""
    lost = {"1": (200, 300), "2": (300, 500), "3": (500, 1_000)}
    by_kind = {"lost": lost, "damaged": lost, "renewal": dict.fromkeys("123", (100, 150))}
    return {
        f"{kind}/{urgency}/{attempt}": _with_vat(fees[place])
        for kind, by_attempt in by_kind.items()
        for attempt, fees in by_attempt.items()
        for place, urgency in enumerate(("regular", "urgent"))
    }


EPORCHA = OfficeInstitution(
    id="eporcha_khatian",
    name="Khatian certified copy (e-Porcha)",
    family=FAMILY,
    number="25090001#####",
    fields={"application_no": "{number}", "delivery": "{choice}"},
    amount=FixedFee(10_000),
    service="khatian-copy",
    details={
        "applicationNo": _APPLICATION,
        "delivery": DemandDetail("delivery", "counter|post"),
        "postalName": DemandDetail("postal_name", r"[^\x00-\x1f]{2,80}", when=_BY_POST),
        "postalAddress": DemandDetail("postal_address", r"[^\x00-\x1f]{8,200}", when=_BY_POST),
        "postcode": DemandDetail("postcode", r"[0-9]{4}", when=_BY_POST),
        "mobile": _MOBILE,
    },
    reference_parameters=("application_no",),
    heads={
        "counter": (FeeHead("copy_fee", "Certified copy", "সার্টিফাইড কপি", 10_000),),
        "post": (
            FeeHead("copy_fee", "Certified copy", "সার্টিফাইড কপি", 10_000),
            FeeHead("postal_charge", "Postal charge", "ডাক মাশুল", 4_000, line=FeeLine.OTHER_CHARGES),
        ),
    },
    key_parameters=("delivery",),
    is_one_bill=True,
)

LDTAX = LandTaxOffice(
    id="ldtax",
    name="Land development tax",
    family=FAMILY,
    number="5660012#####",
    fields={"payment_ref": "{number}", "owner_type": "{choice}"},
    amount=AmountRange(30_000, 2_500_000, 25),
    payment_rule=InParts(),
    service="land-development-tax",
    details={
        "demandNo": DemandDetail("payment_ref", r"[0-9]{6,20}"),
        "ownerType": DemandDetail("owner_type", "citizen|organisation"),
        "holdingNo": DemandDetail("holding_no", r"[0-9A-Z/-]{1,20}", is_optional=True),
        "mobile": _MOBILE,
    },
    reference_parameters=("payment_ref",),
    heads={
        ANY_KEY: (
            FeeHead("dakhila_fee", "Dakhila", "দাখিলা ফি", 1_000),
            FeeHead("current_tax", "Tax of the year", "হাল কর"),
            FeeHead("arrears", "Arrears", "বকেয়া কর", share_bp=3_000),
            FeeHead("interest", "Interest on arrears", "বকেয়ার সুদ", share_bp=625),
        )
    },
    is_one_bill=True,
    has_final_receipt=True,
)

MUTATION = OfficeInstitution(
    id="emutation_application",
    name="e-Mutation: court and notice fee",
    family=FAMILY,
    number=_MUTATION_NUMBER,
    fields={"application_no": "{number}", "stage": "{choice}", "mobile": "01712345678"},
    unchecked_fields=frozenset({"mobile"}),
    amount=FixedFee(2_000),
    service="mutation-application",
    details={"applicationNo": _APPLICATION, "mobile": _MOBILE},
    reference_parameters=("application_no",),
    heads={
        "court": (FeeHead("court_fee", "Court fee", "কোর্ট ফি", 2_000),),
        "notice": (FeeHead("notice_fee", "Notice fee", "নোটিশ জারি ফি", 5_000),),
    },
    key_parameters=("stage",),
    stage_parameter="stage",
    stage_days={"notice": 7},
    filing_channel=FilingChannel.ONLINE,
)

DCR = OfficeInstitution(
    id="emutation_dcr",
    name="e-Mutation: record correction and khatian (DCR)",
    family=FAMILY,
    number=_MUTATION_NUMBER,
    fields={"application_no": "{number}"},
    amount=FixedFee(110_000),
    service="mutation-dcr",
    details={"applicationNo": _APPLICATION, "mobile": _MOBILE},
    reference_parameters=("application_no",),
    heads={
        "": (
            FeeHead("record_correction", "Record correction", "রেকর্ড সংশোধন ফি", 100_000),
            FeeHead("khatian_copy", "Khatian copy", "খতিয়ান কপি", 10_000, line=FeeLine.OTHER_CHARGES),
        )
    },
    after="emutation_application",
    filing_channel=FilingChannel.ON_PAPER,
)

LANDPORT = OfficeInstitution(
    id="landport_passenger_charge",
    name="Land port passenger facility charge (Benapole)",
    family=FAMILY,
    number="A01#####",
    fields={"passport_no": "{number}", "travel_date": "{choice}"},
    amount=FixedFee(5_750),
    town="Benapole",
    service="passenger-charge",
    details={
        "passportNo": DemandDetail("passport_no", r"[A-Z]{1,2}[0-9]{7,8}"),
        "travelDate": DemandDetail("travel_date", r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"),
        "mobile": _MOBILE,
    },
    reference_parameters=("passport_no", "travel_date"),
    heads={
        ANY_KEY: (
            FeeHead("passenger_charge", "Passenger charge", "প্যাসেঞ্জার চার্জ", 5_000),
            FeeHead("vat", "VAT 15 %", "ভ্যাট ১৫ %", 750, line=FeeLine.VAT),
        )
    },
    key_parameters=("travel_date",),
    has_demand=False,
)

NID_CORRECTION = OfficeInstitution(
    id="nid_correction",
    name="NID correction",
    family=FAMILY,
    number="19850#####",
    fields={"nid": "{number}", "service_type": "{choice}", "attempt": "{choice}"},
    amount=FixedFee(23_000),
    service="nid-correction",
    details={
        "nid": _NID,
        "serviceType": DemandDetail("service_type", "nid_data|other_data"),
        "attempt": DemandDetail("attempt", "[123]"),
        "mobile": _MOBILE,
    },
    reference_parameters=("nid", "service_type", "attempt"),
    heads={
        f"{kind}/{attempt}": _with_vat(fee_taka)
        for kind, fees in {"nid_data": (200, 300, 400), "other_data": (100, 200, 300)}.items()
        for attempt, fee_taka in enumerate(fees, start=1)
    },
    key_parameters=("service_type", "attempt"),
)

NID_REISSUE = OfficeInstitution(
    id="nid_reissue",
    name="NID re-issue",
    family=FAMILY,
    number="19860#####",
    fields={"nid": "{number}", "service_type": "{choice}", "urgency": "{choice}", "attempt": "{choice}"},
    amount=FixedFee(23_000),
    service="nid-reissue",
    details={
        "nid": _NID,
        "serviceType": DemandDetail("service_type", "lost|damaged|renewal"),
        "urgency": DemandDetail("urgency", "regular|urgent"),
        "attempt": DemandDetail("attempt", "[123]"),
        "mobile": _MOBILE,
    },
    reference_parameters=("nid", "service_type", "urgency", "attempt"),
    heads=_reissues(),
    key_parameters=("service_type", "urgency", "attempt"),
)

XI_ADMISSION = OfficeInstitution(
    id="xi_admission",
    name="Class XI admission confirmation",
    family=FAMILY,
    number="15100#####",
    fields={"board": "dhaka", "roll": "1{serial}", "year": "2025", "registration_no": "{number}"},
    amount=FixedFee(33_500),
    service="xi-admission",
    details={
        "board": DemandDetail("board", "[a-z]{3,12}"),
        "roll": _ROLL,
        "year": _YEAR,
        "registrationNo": DemandDetail("registration_no", r"[0-9]{10}"),
        "mobile": _MOBILE,
    },
    reference_parameters=("board", "roll", "year", "registration_no"),
    heads={"": (FeeHead("confirmation_fee", "Confirmation fee", "নিশ্চায়ন ফি", 33_500),)},
)

BTEB_ADMISSION = OfficeInstitution(
    id="bteb_admission",
    name="Technical board admission",
    family=FAMILY,
    number="6#####",
    fields={"board_code": "TEC", "roll": "{number}", "year": "2025", "shift": "A"},
    unchecked_fields=frozenset({"shift"}),
    amount=FixedFee(16_200),
    service="bteb-admission",
    details={
        "boardCode": DemandDetail("board_code", "[A-Z]{3}"),
        "roll": _ROLL,
        "year": _YEAR,
        "shift": DemandDetail("shift", "[ABC]"),
        "mobile": _MOBILE,
    },
    reference_parameters=("board_code", "roll", "year", "shift"),
    heads={"": (FeeHead("application_fee", "Application fee", "আবেদন ফি", 16_200),)},
)

TRADE_LICENCE = OfficeInstitution(
    id="trade_licence",
    name="Trade licence",
    family=FAMILY,
    number="TRAD/DNCC/0#####",
    fields={"licence_no": "{number}", "fiscal_year": "{fiscal_year}"},
    # A quarter on top of fees in whole hundreds, so that every head comes out in whole taka.
    amount=AmountRange(62_500, 2_500_000, 12_500),
    service="trade-licence",
    details={
        "licenceNo": DemandDetail("licence_no", r"[A-Z0-9/-]{5,25}"),
        "fiscalYear": DemandDetail("fiscal_year", r"20[0-9]{2}-20[0-9]{2}"),
        "mobile": _MOBILE,
    },
    reference_parameters=("licence_no", "fiscal_year"),
    heads={
        "": (
            FeeHead("licence_fee", "Licence fee", "লাইসেন্স ফি", share_bp=8_000),
            FeeHead("vat", "VAT 15 %", "ভ্যাট ১৫ %", share_bp=1_200, line=FeeLine.VAT),
            FeeHead(
                "source_tax", "Source tax 10 %", "উৎসে কর ১০ %", share_bp=800, line=FeeLine.OTHER_CHARGES
            ),
        )
    },
    is_licence_year=True,
)

UP_CERTIFICATE = OfficeInstitution(
    id="up_certificate",
    name="Union Parishad certificates",
    family=FAMILY,
    number="79000#####",
    fields={"union_id": "1093", "certificate_type": "{choice}", "application_id": "{number}"},
    amount=FixedFee(5_000),
    town="Kalikapur",
    service="up-certificate",
    details={
        "unionId": DemandDetail("union_id", r"[0-9]{4,10}"),
        "certificateType": DemandDetail("certificate_type", "citizen|heir|income"),
        "applicationId": DemandDetail("application_id", r"[0-9]{6,14}"),
        "mobile": _MOBILE,
    },
    reference_parameters=("union_id", "certificate_type", "application_id"),
    heads={"citizen": _certificate(30), "heir": _certificate(300), "income": _certificate(50)},
    key_parameters=("certificate_type",),
    is_one_bill=True,
    has_demand=False,
)

EGP = OfficeInstitution(
    id="egp_fee",
    name="e-GP fees",
    family=FAMILY,
    number="firm#####@example.com",
    fields={"user_email": "{number}", "fee_type": "{choice}"},
    fields_for={"document": {"tender_id": "9{serial}"}},
    amount=FixedFee(500_000),
    service="egp-fee",
    details={
        "email": DemandDetail("user_email", r"[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,128}"),
        "feeType": DemandDetail("fee_type", "registration|renewal|document"),
        "tenderId": DemandDetail("tender_id", r"[0-9]{5,8}", when=("fee_type", "document")),
        "mobile": _MOBILE,
    },
    reference_parameters=("user_email", "fee_type", "tender_id"),
    heads={
        "registration": (FeeHead("registration_fee", "Registration fee", "নিবন্ধন ফি", 500_000),),
        "renewal": (FeeHead("renewal_fee", "Renewal fee", "নবায়ন ফি", 200_000),),
        "document": (FeeHead("document_fee", "Tender document", "দরপত্র দলিল", 150_000),),
    },
    key_parameters=("fee_type",),
)

_REHEARSAL = OfficeInstitution(
    id=REHEARSAL,
    name="Rehearsal",
    family=FAMILY,
    number="700#####",
    fields={"account_no": "{number}"},
    amount=AmountRange(10_000, 500_000, 100),
    service="rehearsal",
    details={"accountNo": DemandDetail("account_no", r"[0-9]{8}"), "mobile": _MOBILE},
    reference_parameters=("account_no",),
    heads={"": (FeeHead("fee", "Fee", "ফি", share_bp=10_000),)},
)

INSTITUTIONS: tuple[OfficeInstitution, ...] = (
    EPORCHA,
    LDTAX,
    MUTATION,
    DCR,
    LANDPORT,
    NID_CORRECTION,
    NID_REISSUE,
    XI_ADMISSION,
    BTEB_ADMISSION,
    TRADE_LICENCE,
    UP_CERTIFICATE,
    EGP,
    _REHEARSAL,
)
