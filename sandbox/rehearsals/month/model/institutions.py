"""The institutions of the month: when their files are made and arrive, and what they charge.

The table is that of `docs/protocols/reconciliation-month.md`; all its figures are invented.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sandbox.kit.institution.seeded_values import share_half_up
from sandbox.rehearsals.month.model.days import LAST, business_days_after, is_business, on_or_after

_MIDNIGHT = 24 * 60
_WINDOW_MINUTES = 10
_VAT_PERCENT = 15
_BASIS = 10_000


class Leg(StrEnum):
    """Which half of a payment an institution handles; banks with statements handle neither."""

    FUNDS = "funds"
    DELIVERY = "delivery"
    STATEMENT = "statement"


class Trait(StrEnum):
    """What the layout of an institution can express."""

    TAKES_BACK = "takes back"
    """Refunds and reversals are booked there."""
    STATUS = "status"
    """Failed rows are listed too."""
    CURRENCY = "currency"
    CHARGEBACK = "chargeback"
    NET_ONLY = "net only"
    NETS_REFUNDS = "nets refunds"
    """One row may stand for a payment and its refund."""
    NO_THEIRS = "no theirs"
    """Its rows have no reference but ours."""
    OURS_MAY_LACK = "ours may lack"
    SEQUENCE = "sequence"
    TOTALS = "totals"


@dataclass(frozen=True, slots=True)
class Charge:
    """The charge on an amount: basis points, floor and cap (0 is none) in paisa, and VAT on the fee."""

    basis_points: int = 0
    floor: int = 0
    cap: int = 0
    is_returned: bool = False
    """Whether the fee is returned on a refund."""

    def of(self, gross: int) -> tuple[int, int]:
        """Return fee and VAT of a positive amount."""
        fee = max(share_half_up(gross, self.basis_points, _BASIS), self.floor)
        fee = min(fee, self.cap) if self.cap else fee
        return fee, share_half_up(fee, _VAT_PERCENT, 100)

    def of_taking_back(self, gross: int) -> tuple[int, int]:
        """Return fee and VAT, zero or negative, of a negative amount."""
        fee, vat = self.of(-gross) if self.is_returned else (0, 0)
        return -fee, -vat


@dataclass(frozen=True, eq=False, slots=True)
class MonthInstitution:
    """One institution. `cycle_ends` are minutes of the day; the last one is the cut-off."""

    id: str
    code: str
    leg: Leg
    share: int
    """Its share of the legs of its kind, in percent."""
    traits: frozenset[Trait] = frozenset()
    charge: Charge = Charge()
    is_business: bool = False
    """A file for business days alone."""
    lag: int = 0
    cycle_ends: tuple[int, ...] = (_MIDNIGHT,)
    bank: str = ""
    written_as: str = ""
    """The institution whose layout it writes, if it has none of its own."""

    @property
    def layout(self) -> str:
        """The id under which its layout is found."""
        return self.written_as or self.id

    @property
    def cut_off(self) -> int:
        """The minute of the day from which a movement belongs to the next date."""
        return self.cycle_ends[-1]

    @property
    def window(self) -> tuple[int, int]:
        """The late window: its first minute, and the cut-off."""
        return self.cut_off - _WINDOW_MINUTES, self.cut_off

    def has(self, trait: Trait) -> bool:
        """Whether its layout has this trait."""
        return trait in self.traits

    def due(self, day: int, minute: int) -> tuple[int, int]:
        """Return date and cycle of the file in which a movement of a minute of a day belongs."""
        date = day + (minute >= self.cut_off)
        if self.is_business:
            date = on_or_after(date)
        if len(self.cycle_ends) == 1 or date != day:
            return date, 1
        return date, next(number for number, end in enumerate(self.cycle_ends, start=1) if minute < end)

    def is_made(self, date: int) -> bool:
        """Whether there is a file for a date."""
        return is_business(date) or not self.is_business

    def next_date(self, date: int) -> int:
        """Return the next date with a file."""
        return on_or_after(date + 1) if self.is_business else date + 1

    def arrival(self, date: int) -> int:
        """Return the night in which the files of a date are due."""
        return business_days_after(date, self.lag)

    def payout(self, date: int) -> int:
        """Return the day on which the files of a date are paid."""
        return business_days_after(self.arrival(date), 1)

    def batch(self, payout_text: str) -> str:
        """Return the name of its payout of a day, which is written as eight digits."""
        return f"{self.code}{payout_text}"

    def dates(self) -> Iterator[int]:
        """Iterate over the dates whose files are due within the month."""
        for date in range(LAST + 1):
            if self.is_made(date) and self.arrival(date) <= LAST:
                yield date


def _has(*traits: Trait) -> frozenset[Trait]:
    return frozenset(traits)


_T = Trait
SONALI_ACCOUNT, JANATA_ACCOUNT = "stmt_sonali", "stmt_janata"
BANK_CHARGES = {SONALI_ACCOUNT: 1_150, JANATA_ACCOUNT: 575}
"""What a bank charges for each credit, in paisa."""

FUNDS = (
    MonthInstitution("bkash", "BKASH", Leg.FUNDS, 30,
          _has(_T.TAKES_BACK, _T.STATUS, _T.CURRENCY, _T.CHARGEBACK, _T.OURS_MAY_LACK),
          Charge(150), lag=1, bank=SONALI_ACCOUNT),
    MonthInstitution("nagad", "NAGAD", Leg.FUNDS, 15, _has(_T.TAKES_BACK, _T.STATUS), Charge(150), lag=1,
          bank=JANATA_ACCOUNT),
    MonthInstitution("dbbl_nexus", "NEXUS", Leg.FUNDS, 9, _has(_T.STATUS), Charge(150, 200, 20_000),
          bank=SONALI_ACCOUNT),
    MonthInstitution("sslcommerz", "SSLCZ", Leg.FUNDS, 10,
          _has(_T.TAKES_BACK, _T.CURRENCY, _T.NETS_REFUNDS, _T.OURS_MAY_LACK), Charge(250), lag=2,
          bank=SONALI_ACCOUNT),
    MonthInstitution("upay", "UPAY", Leg.FUNDS, 8, _has(_T.TAKES_BACK, _T.STATUS, _T.OURS_MAY_LACK,
    _T.TOTALS),
          Charge(150), lag=1, bank=JANATA_ACCOUNT),
    MonthInstitution("sonali_spg", "SPG", Leg.FUNDS, 4, _has(_T.TOTALS), Charge(50, 500, 5_000),
    is_business=True,
          bank=SONALI_ACCOUNT),
    MonthInstitution("ebl", "EBL", Leg.FUNDS, 6, _has(_T.TAKES_BACK, _T.STATUS, _T.CURRENCY, _T.CHARGEBACK),
          Charge(150, is_returned=True), is_business=True, lag=1, cycle_ends=(23 * 60,), bank=SONALI_ACCOUNT),
    MonthInstitution("janata", "JANATA", Leg.FUNDS, 4, _has(_T.TAKES_BACK, _T.STATUS, _T.SEQUENCE, _T.TOTALS),
          Charge(115, 300, 25_000, is_returned=True), is_business=True, cycle_ends=(20 * 60,),
          bank=JANATA_ACCOUNT),
    MonthInstitution("npsb", "NPSB", Leg.FUNDS, 6, _has(_T.TAKES_BACK, _T.STATUS, _T.SEQUENCE, _T.TOTALS),
          Charge(100, 100, 10_000, is_returned=True), cycle_ends=(6 * 60, 12 * 60, 18 * 60, _MIDNIGHT),
          bank=JANATA_ACCOUNT),
    MonthInstitution("okwallet", "OKW", Leg.FUNDS, 4, _has(_T.TAKES_BACK, _T.NET_ONLY, _T.SEQUENCE,
    _T.TOTALS),
          Charge(160), lag=1, bank=JANATA_ACCOUNT),
    MonthInstitution("mcash", "MCASH", Leg.FUNDS, 4, _has(_T.TAKES_BACK, _T.STATUS, _T.CURRENCY,
    _T.OURS_MAY_LACK),
          Charge(150, is_returned=True), lag=1, bank=SONALI_ACCOUNT),
)  # fmt: skip
DELIVERY = (
    MonthInstitution("desco_postpaid", "DESCO", Leg.DELIVERY, 25, _has(_T.TAKES_BACK, _T.TOTALS)),
    MonthInstitution("breb_postpaid", "BREB", Leg.DELIVERY, 25, _has(_T.TAKES_BACK, _T.SEQUENCE, _T.TOTALS),
          cycle_ends=(12 * 60, _MIDNIGHT)),
    MonthInstitution("nesco_postpaid", "NESCO", Leg.DELIVERY, 15, _has(_T.TAKES_BACK, _T.OURS_MAY_LACK),
    lag=1), MonthInstitution("dhaka_wasa", "WASA", Leg.DELIVERY, 15, _has(_T.TAKES_BACK, _T.NO_THEIRS),
    lag=1), MonthInstitution("jalalabad_gas", "GAS", Leg.DELIVERY, 10, is_business=True, lag=1),
    MonthInstitution("achallan_generic", "ACHALLAN", Leg.DELIVERY, 10, _has(_T.SEQUENCE, _T.TOTALS),
    is_business=True,
          cycle_ends=(22 * 60,)),
)  # fmt: skip
STATEMENTS = (
    MonthInstitution(SONALI_ACCOUNT, "SONALI", Leg.STATEMENT, 0, is_business=True),
    MonthInstitution(JANATA_ACCOUNT, "JANATABK", Leg.STATEMENT, 0, is_business=True),
)
