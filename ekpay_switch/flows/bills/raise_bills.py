"""An office raises bills over its own program: checked by the manifest, all or none (docs/adr/0138)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import assert_never

from ekpay_switch import telemetry
from ekpay_switch.domain.scrolls.bill_file_reading import RAISED, NamingParameter, read_raised_bill
from ekpay_switch.domain.scrolls.bill_files import FiledBill, Problem
from ekpay_switch.domain.scrolls.bill_notices import (
    BillNotice,
    InstalmentsError,
    KnownBills,
    RaisedNotices,
    instalments,
)
from ekpay_switch.ports.bill_notices import RaisedBills
from ekpay_switch.ports.billers import BillerProfile, Billers

PARAMETERS = "parameters"
BILL_NO = "bill_no"


@dataclass(frozen=True, slots=True)
class NewBill:
    """A bill to be raised: its `cells` by the names of `RAISED`, `parameters` by those of the manifest."""

    cells: Mapping[str, str]
    parameters: Mapping[str, str]
    instalments: int = 1
    every_days: int = 30


@dataclass(frozen=True, slots=True)
class RaiseOrder:
    """What an office sends: `partner_id` is the client that sends it, `today` the Dhaka date."""

    partner_id: str
    ekpay_biller_id: str
    bills: Sequence[NewBill]
    today: date


@dataclass(frozen=True, slots=True)
class BillFault:
    """Which `member` of the bill at `place`, from 0, is wrong."""

    place: int
    member: str


@dataclass(frozen=True, slots=True)
class BillsRefused:
    """What is wrong with which bills; they `are_known` where their numbers are there with something else."""

    faults: Sequence[BillFault]
    are_known: bool = False


class RaiseRefusal(StrEnum):
    """Why nothing was raised or shown."""

    UNKNOWN_BILLER = "unknown_biller"  # or it keeps its bills itself
    NOT_AN_ISSUER = "not_an_issuer"


async def raise_bills(
    order: RaiseOrder, billers: Billers, raised: RaisedBills
) -> RaisedNotices | RaiseRefusal | BillsRefused:
    """Raise every bill of an order, or say what is wrong and raise none.

    The same bills sent again are answered with the notices that they have.
    """
    profile = await _profile_of_issuer(order.partner_id, order.ekpay_biller_id, billers, raised)
    if isinstance(profile, RaiseRefusal):
        return profile
    bills = _read_bills(order.bills, naming_of(profile))
    if isinstance(bills, BillsRefused):
        return bills
    sent = [bill for parts in bills for bill in parts]
    answer = await raised.raise_once(order.partner_id, profile.id, sent, order.today)
    match answer:
        case None:
            return RaiseRefusal.NOT_AN_ISSUER
        case KnownBills(bill_keys=keys):
            places = [
                place for place, parts in enumerate(bills) if any(bill.bill_key in keys for bill in parts)
            ]
            return BillsRefused([BillFault(place, BILL_NO) for place in places], are_known=True)
        case RaisedNotices(is_repeat=is_repeat):
            if not is_repeat:
                telemetry.log(
                    "bills_raised", biller_id=profile.id, partner_id=order.partner_id, count=len(sent)
                )
            return answer
        case _:
            assert_never(answer)


async def find_bill(
    partner_id: str, ekpay_biller_id: str, bill_no: str, billers: Billers, raised: RaisedBills
) -> BillNotice | RaiseRefusal | None:
    """A bill of an office for whoever may raise its bills; None where there is none of that number."""
    profile = await _profile_of_issuer(partner_id, ekpay_biller_id, billers, raised)
    if isinstance(profile, RaiseRefusal):
        return profile
    return await raised.notice_of(profile.id, bill_no)


def naming_of(profile: BillerProfile) -> list[NamingParameter]:
    """By what a payer names a bill of an office whose bills stand in our own database."""
    return [
        NamingParameter(parameter.name, parameter.pattern, parameter.group, parameter.is_required)
        for parameter in profile.parameters
        if not parameter.names_payer
    ]


async def _profile_of_issuer(
    partner_id: str, ekpay_biller_id: str, billers: Billers, raised: RaisedBills
) -> BillerProfile | RaiseRefusal:
    biller = billers.by_ekpay_id(ekpay_biller_id)
    if biller is None or not biller.profile.has_bill_files:
        return RaiseRefusal.UNKNOWN_BILLER
    if not await raised.is_issuer(partner_id, biller.profile.id):
        return RaiseRefusal.NOT_AN_ISSUER
    return biller.profile


def _read_bills(
    bills: Sequence[NewBill], naming: Sequence[NamingParameter]
) -> list[tuple[FiledBill, ...]] | BillsRefused:
    """Each bill with its instalments, or everything that is wrong."""
    read: list[tuple[FiledBill, ...]] = []
    faults: list[BillFault] = []
    numbers: set[str] = set()
    for place, new in enumerate(bills):
        parts = _read_bill(place, new, naming)
        if isinstance(parts, list):
            faults += parts
            continue
        keys = {bill.bill_key for bill in parts}
        faults += [BillFault(place, BILL_NO)] if keys & numbers else []
        numbers |= keys
        read.append(parts)
    return BillsRefused(faults) if faults else read


def _read_bill(
    place: int, new: NewBill, naming: Sequence[NamingParameter]
) -> tuple[FiledBill, ...] | list[BillFault]:
    if new.parameters.keys() & set(RAISED):
        return [BillFault(place, PARAMETERS)]
    bill = read_raised_bill({**new.cells, **new.parameters}, naming)
    if isinstance(bill, list):
        return [BillFault(place, _member(problem, naming)) for problem in bill]
    try:
        return instalments(bill, new.instalments, new.every_days)
    except InstalmentsError as error:
        return [BillFault(place, error.cell)]


def _member(problem: Problem, naming: Sequence[NamingParameter]) -> str:
    """The member that a problem is about; no name that we do not know is repeated."""
    if problem.cell in RAISED:
        return problem.cell
    known = {parameter.name for parameter in naming}
    return f"{PARAMETERS}/{problem.cell}" if problem.cell in known else PARAMETERS
