"""Bills that nobody makes: a household without a gas meter states its months and pays the tariff for each.

The collector tells customer, amount, surcharge and particulars, and the utility only says whether that is
right (billers.md 1.1, row 13, 2.7). What may surprise: everything here is our arithmetic, so whatever the
utility repeats of it must be the same to the paisa.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from biller_adapters.fetching import scheduled_fee
from biller_adapters.manifest import Manifest
from biller_adapters.utility_wording import FROM, TO, UtilityWords, told_as
from ekpay_switch.domain.bill import AmountRefused, Bill, BillerSilent, BillFound, ChargeLine, FetchReply
from ekpay_switch.domain.money import ZERO, Money, format_taka, percent_half_up, total
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, month_span, taka, text, text_or_empty

MONTHS_MAX = 12
_MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class StatedMonths:
    """Months written YYYYMM, what each costs, and what each costs more because it is overdue."""

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
        """The months as the utility is told them."""
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
    """The months from one to the other, both included, written YYYYMM; none where there are too many."""
    begin, end = _count(first), _count(last)
    if not 0 <= end - begin < MONTHS_MAX:
        return ()
    return tuple(_written(count) for count in range(begin, end + 1))


def due_on(month: str, due_day: int) -> date:
    """The last day on which a month is paid without a surcharge: a day of the following month."""
    following = _written(_count(month) + 1)
    return date(int(following[:4]), int(following[4:]), due_day)


class StatedBills:
    """What bill-info is asked and answers where the payer states months."""

    def __init__(self, manifest: Manifest, words: UtilityWords) -> None:
        self._manifest = manifest
        self._words = words
        self._rate, self._due_day = int(words.surcharge_basis_points), int(words.due_day)

    def asked(self, named: Mapping[str, str], today: date) -> Mapping[str, object] | FetchReply:
        """The fields of bill-info; where they cannot be told, what the fetch comes to without asking."""
        stated = self._stated(named, today)
        if not isinstance(stated, StatedMonths):
            return stated
        return {
            **self._words.asked(named),
            "amount": format_taka(stated.amount.minor),
            "surcharge": format_taka(stated.surcharge.minor),
            "particulars": stated.particulars,
        }

    def read(self, told: Mapping[str, Any], named: Mapping[str, str], today: date) -> FetchReply:
        """The months as a bill, once the utility agrees; raises BrokenReplyError where it tells others."""
        stated = self._stated(named, today)
        if not isinstance(stated, StatedMonths):
            return stated
        account = text(told, "account_no")
        is_theirs = account == told_as("bllr_accno", named, self._manifest)
        if not is_theirs or text(told, "particulars") != stated.particulars:
            raise BrokenReplyError("an answer about another customer or other months")
        owed = (taka(told, "amount"), taka(told, "surcharge"), taka(told, "payable"))
        whole = stated.amount + stated.surcharge
        if owed != (stated.amount, stated.surcharge, whole):
            raise BrokenReplyError("their amounts are not ours")
        first, last = stated.months[0], stated.months[-1]
        return BillFound(
            Bill(
                bill_key=f"{account}/{first}-{last}" if self._manifest.takes_bill_once else "",
                bill_number="",
                account=account,
                amount=stated.amount,
                vat=ZERO,
                late_fee=stated.surcharge,
                total=whole,
                charges=stated.charges,
                details={
                    "customer_name": text_or_empty(told, "customer_name"),
                    "address": text_or_empty(told, "address"),
                    "period_from": month_span(first[:4], first[4:])[0],
                    "period_to": month_span(last[:4], last[4:])[1],
                    "months": str(len(stated.months)),
                    "tariff": format_taka(stated.tariff.minor),
                },
            )
        )

    def _stated(self, named: Mapping[str, str], today: date) -> StatedMonths | FetchReply:
        first = named.get(FROM, "")
        months = months_between(first, named.get(TO) or first) if first else ()
        tariff = scheduled_fee(self._manifest, named)
        if tariff is None:
            return BillerSilent("the schedule has no tariff for this connection")
        if not months:
            # Not in order, or more than a year: there is a customer, but nothing to be paid like this.
            return AmountRefused()
        surcharge = Money(percent_half_up(tariff.minor, self._rate))
        is_late = [today > due_on(month, self._due_day) for month in months]
        return StatedMonths(months, tariff, tuple(surcharge if late else ZERO for late in is_late))


def _count(month: str) -> int:
    return int(month[:4]) * _MONTHS_PER_YEAR + int(month[4:]) - 1


def _written(count: int) -> str:
    return f"{count // _MONTHS_PER_YEAR:04d}{count % _MONTHS_PER_YEAR + 1:02d}"
