"""What an answer to a fetch means where it brought no bill, and what a payer may pay of one that it brought.

Shared by families: which members an answer has is each family's own affair.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from biller_adapters.call_result import Asked, Meant
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Reason
from ekpay_switch.domain.bill import AmountRefused, Bill, BillerSilent, BillFound, BillMissing, FetchReply
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, parse_taka
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_AMOUNT = "amount"


def no_bill(asked: Asked, number: str = "", account: str = "") -> FetchReply:
    """What an answer without a bill means; `number` and `account` are those that were asked for."""
    match asked:
        case NotSent(why=why) | NoUsableAnswer(why=why):
            return BillerSilent(why)
        case Meant(reason=Reason.NO_SUCH_BILL):
            return BillMissing()
        case Meant(reason=Reason.ALREADY_PAID):
            return BillFound(paid_bill(number, account))
        case Meant(reason=Reason.AMOUNT_DIFFERS | Reason.LIMIT_REACHED):
            return AmountRefused()
        case Meant(code=code):
            return BillerSilent(f"reply code {code}")
        case _:
            assert_never(asked)


def paid_bill(number: str = "", account: str = "") -> Bill:
    """A bill of which its biller only says that nothing is owed any more."""
    return Bill(
        bill_key=number or account,
        bill_number=number,
        account=account,
        amount=ZERO,
        vat=ZERO,
        late_fee=ZERO,
        total=ZERO,
        is_paid=True,
        unpaid_count=0,
    )


def chosen_amount(manifest: Manifest, parameters: Mapping[str, str]) -> Money | None:
    """What the payer wants to pay, where one of the parameters carries an amount and it is filled in.

    Raises:
        BrokenReplyError: it is no amount; the manifest's pattern should have kept it out.
    """
    names = (entry.name for entry in manifest.parameters if entry.wire_name == _AMOUNT)
    told = next((parameters[name] for name in names if parameters.get(name)), "")
    try:
        return parse_taka(told) if told else None
    except MalformedAmountError:
        raise BrokenReplyError("the amount that was asked for is no amount") from None


def part_of(bill: Bill, wanted: Money | None) -> FetchReply:
    """The bill as far as the payer wants to pay it: all of it, or a part, which holds no bill for itself.

    A part is told as an amount alone: how the biller splits it into VAT and fees is its own affair.
    """
    if bill.is_paid or wanted is None or wanted == bill.total:
        return BillFound(replace(bill, bill_key=""))
    if not ZERO < wanted < bill.total:
        return AmountRefused(bill.total)
    details = {**bill.details, "owed_in_all": str(bill.total.minor)}
    return BillFound(
        replace(bill, bill_key="", amount=wanted, vat=ZERO, late_fee=ZERO, total=wanted, details=details)
    )


def scheduled_fee(manifest: Manifest, parameters: Mapping[str, str]) -> Money | None:
    """The fee of the manifest's schedule for these parameters; None where no row fits."""
    for row in manifest.amount.schedule:
        if all(parameters.get(name) == value for name, value in row.when.items()):
            return parse_taka(row.taka)
    return None
