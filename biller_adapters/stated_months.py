"""Bills of households without a gas meter: the payer states months and pays the tariff of each.

The collector sends customer, amount, surcharge and particulars, and the utility only confirms them
(billers.md 1.1 row 13, 2.7). The amounts are computed here, so those that the utility repeats must be equal
to the paisa.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from biller_adapters.fetching import scheduled_fee
from biller_adapters.manifest import Manifest
from biller_adapters.utility_wording import FROM, TO, UtilityWording
from ekpay_switch.domain.bill import AmountRefused, Bill, BillerSilent, BillFound, ChargeLine, FetchReply
from ekpay_switch.domain.money import ZERO, Money, format_taka, percent_half_up, total
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, month_span, taka, text, text_or_empty

MONTHS_MAX = 12
_MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class StatedMonths:
    """Months written YYYYMM, the tariff of each, and the surcharge of each where it is overdue."""

    months: tuple[str, ...]
    tariff: Money
    surcharges: tuple[Money, ...]

    @property
    def amount(self) -> Money:
        """The tariff of all months."""
        return total(self.tariff for _ in self.months)

    @property
    def surcharge(self) -> Money:
        """The surcharges of all months."""
        return total(self.surcharges)

    @property
    def particulars(self) -> str:
        """The months as they are sent to the utility."""
        return ",".join(self.months)

    @property
    def charges(self) -> tuple[ChargeLine, ...]:
        """A line for each month and, behind it, one for its surcharge if there is any."""
        lines = []
        for month, surcharge in zip(self.months, self.surcharges, strict=True):
            lines.append(ChargeLine(f"gas {month}", self.tariff))
            if surcharge > ZERO:
                lines.append(ChargeLine(f"surcharge {month}", surcharge))
        return tuple(lines)


def months_between(first: str, last: str) -> tuple[str, ...]:
    """The months from `first` to `last`, both included, written YYYYMM; none where there are more than 12."""
    begin, end = _month_number(first), _month_number(last)
    if not 0 <= end - begin < MONTHS_MAX:
        return ()
    return tuple(_format_month(count) for count in range(begin, end + 1))


def due_on(month: str, due_day: int) -> date:
    """The last day on which a month is paid without a surcharge: a day of the following month."""
    following = _format_month(_month_number(month) + 1)
    return date(int(following[:4]), int(following[4:]), due_day)


class StatedBills:
    """Requests and answers of bill-info where the payer states months."""

    def __init__(self, manifest: Manifest, wording: UtilityWording) -> None:
        self._manifest = manifest
        self._wording = wording
        self._rate, self._due_day = int(wording.surcharge_basis_points), int(wording.due_day)

    def info_fields(self, parameters: Mapping[str, str], today: date) -> Mapping[str, object] | FetchReply:
        """The fields of bill-info; where they cannot be made, the reply of the fetch without a call."""
        months = self._read_months(parameters, today)
        if not isinstance(months, StatedMonths):
            return months
        return {
            **self._wording.info_fields(parameters),
            "amount": format_taka(months.amount.minor),
            "surcharge": format_taka(months.surcharge.minor),
            "particulars": months.particulars,
        }

    def read(self, answer: Mapping[str, Any], parameters: Mapping[str, str], today: date) -> FetchReply:
        """The months as a bill where the utility confirms them; raises BrokenReplyError where it does not."""
        months = self._read_months(parameters, today)
        if not isinstance(months, StatedMonths):
            return months
        account = text(answer, "account_no")
        is_theirs = account == self._manifest.parameter_value("bllr_accno", parameters)
        if not is_theirs or text(answer, "particulars") != months.particulars:
            raise BrokenReplyError("an answer about another customer or other months")
        confirmed_amounts = (taka(answer, "amount"), taka(answer, "surcharge"), taka(answer, "payable"))
        whole = months.amount + months.surcharge
        if confirmed_amounts != (months.amount, months.surcharge, whole):
            raise BrokenReplyError("other amounts than were sent")
        first, last = months.months[0], months.months[-1]
        return BillFound(
            Bill(
                bill_key=f"{account}/{first}-{last}" if self._manifest.takes_bill_once else "",
                bill_number="",
                account=account,
                amount=months.amount,
                vat=ZERO,
                late_fee=months.surcharge,
                total=whole,
                charges=months.charges,
                details={
                    "customer_name": text_or_empty(answer, "customer_name"),
                    "address": text_or_empty(answer, "address"),
                    "period_from": month_span(first[:4], first[4:])[0],
                    "period_to": month_span(last[:4], last[4:])[1],
                    "months": str(len(months.months)),
                    "tariff": format_taka(months.tariff.minor),
                },
            )
        )

    def _read_months(self, parameters: Mapping[str, str], today: date) -> StatedMonths | FetchReply:
        first = parameters.get(FROM, "")
        months = months_between(first, parameters.get(TO) or first) if first else ()
        tariff = scheduled_fee(self._manifest, parameters)
        if tariff is None:
            return BillerSilent("the schedule has no tariff for this connection")
        if not months:
            # Not in order, or more than a year: the customer exists, but this cannot be paid.
            return AmountRefused()
        surcharge = Money(percent_half_up(tariff.minor, self._rate))
        is_late = [today > due_on(month, self._due_day) for month in months]
        return StatedMonths(months, tariff, tuple(surcharge if late else ZERO for late in is_late))


def _month_number(month: str) -> int:
    return int(month[:4]) * _MONTHS_PER_YEAR + int(month[4:]) - 1


def _format_month(count: int) -> str:
    return f"{count // _MONTHS_PER_YEAR:04d}{count % _MONTHS_PER_YEAR + 1:02d}"
