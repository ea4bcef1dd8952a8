"""Replies of a fetch without a bill, and the amount that a payer may pay of a bill.

Shared by families, which read the members of their own answers.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never

from biller_adapters.call_result import CallResult, MappedReply
from biller_adapters.manifest import Manifest
from biller_adapters.manifest_parts import Reason
from ekpay_switch.domain.bill import AmountRefused, Bill, BillerSilent, BillFound, BillMissing, FetchReply
from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, parse_taka
from ekpay_switch.ports.world import NotSent, NoUsableAnswer
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, text_or_empty

_AMOUNT = "amount"
_COUNT = re.compile(r"[0-9]{1,3}")


def reply_without_bill(result: CallResult, number: str = "", account: str = "") -> FetchReply:
    """The reply of a fetch that brought no bill; `number` and `account` are those that were requested."""
    match result:
        case NotSent(why=why) | NoUsableAnswer(why=why):
            return BillerSilent(why)
        case MappedReply(reason=Reason.NO_SUCH_BILL):
            return BillMissing()
        case MappedReply(reason=Reason.ALREADY_PAID):
            return BillFound(paid_bill(number, account))
        case MappedReply(reason=Reason.AMOUNT_DIFFERS | Reason.LIMIT_REACHED):
            return AmountRefused()
        case MappedReply(code=code):
            return BillerSilent(f"reply code {code}")
        case _:
            assert_never(result)


def paid_bill(number: str = "", account: str = "") -> Bill:
    """A bill of which the biller says no more than that it is paid."""
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
    """The amount that the payer chose, or None where no parameter carries one or it is empty.

    Raises:
        BrokenReplyError: it is no amount; the manifest's pattern should not have admitted it.
    """
    value = manifest.parameter_value(_AMOUNT, parameters)
    try:
        return parse_taka(value) if value else None
    except MalformedAmountError:
        raise BrokenReplyError("the amount that was asked for is no amount") from None


def bill_for_amount(bill: Bill, requested: Money | None) -> FetchReply:
    """The bill for the requested amount: the whole, or a part, which does not reserve the bill.

    A part is one amount without VAT and fees, since the biller decides how it is split.
    """
    if bill.is_paid or requested is None or requested == bill.total:
        return BillFound(replace(bill, bill_key=""))
    if not ZERO < requested < bill.total:
        return AmountRefused(bill.total)
    details = {**bill.details, "owed_in_all": str(bill.total.minor)}
    return BillFound(
        replace(
            bill, bill_key="", amount=requested, vat=ZERO, late_fee=ZERO, total=requested, details=details
        )
    )


def scheduled_fee(manifest: Manifest, parameters: Mapping[str, str]) -> Money | None:
    """The fee of the manifest's schedule for these parameters; None where no row matches."""
    for row in manifest.amount.schedule:
        if all(parameters.get(name) == value for name, value in row.when.items()):
            return parse_taka(row.taka)
    return None


def unpaid_count(fields: Mapping[str, Any], member: str) -> int:
    """How many bills are unpaid, this one included; 1 where the member is missing or is no number."""
    value = text_or_empty(fields, member)
    return max(int(value), 1) if _COUNT.fullmatch(value) else 1
