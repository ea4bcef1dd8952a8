"""Fetch and pay a single bill, step by step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.callers.partner.client import (
    PartnerClient,
    TokenRefusedError,
    UnreadableAnswerError,
    result_code,
)
from sandbox.callers.partner.messages import Payout, new_reference
from sandbox.rehearsals.installation.ekpay_command import (
    CommandFailedError,
    CommandMissingError,
    EkpayCommand,
)
from sandbox.rehearsals.installation.home_folder import home_folder
from sandbox.rehearsals.installation.parties import PartiesUnreadableError, StagePartner, load

_DONE = "0000"
_BILL_LABELS = (
    ("bll_no", "bill"), ("bll_cstnm", "customer"), ("bll_dt_due", "due on"), ("bll_amnt", "without VAT"),
    ("bll_vat", "VAT"), ("bll_late_fee", "late fee"), ("bll_rndng", "rounded up"), ("bll_amnt_ttl", "to pay"),
    ("ekpay_fee", "our fee"),
)  # fmt: skip

Say = Callable[[str], None]


class UnpayableError(Exception):
    """Nothing could be paid; the text says why."""


@dataclass(frozen=True, slots=True)
class SinglePaymentRequest:
    """What is to be paid, by which partner and at which switch; None means the first one and its switch.

    `members` are the members of `bll_inf` that name the bill.
    """

    biller: str
    members: Mapping[str, str]
    partner: str | None = None
    address: str | None = None


async def pay_once(request: SinglePaymentRequest, say: Say) -> None:
    """Fetch what an account owes, or quote what it buys, and pay it; print a line for each step.

    Raises:
        UnpayableError: nothing was paid, or the outcome is unknown; the text says which.
    """
    address, player = _address_and_partner(request)
    say(f"{player.name} ({player.id}) at {address}")
    try:
        async with PartnerClient(address, player.credentials()) as client:
            await _pay(client, request, say)
    except (aiohttp.ClientError, TokenRefusedError, UnreadableAnswerError, TimeoutError) as problem:
        raise UnpayableError(f"the switch gave no usable answer: {type(problem).__name__}") from problem


async def _pay(client: PartnerClient, request: SinglePaymentRequest, say: Say) -> None:
    before = _balances(await client.balance())
    fetched = await client.fetch_bill(request.biller, **request.members)
    if result_code(fetched) != _DONE:
        raise UnpayableError(f"fetching: {_answer(fetched)}")
    bill = fetched["bllr_inf"]
    if bill["is_bll_pd"] == "Y":
        raise UnpayableError("nothing to pay: the biller says that it is paid already")
    for member, label in _BILL_LABELS:
        if bill.get(member):
            say(f"  {label:<12} {bill[member]}")
    for line in bill.get("bll_lines", ()):
        say(f"    {line['nm']:<14} {line['amnt']:>10}")
    reference = new_reference()
    paid = await client.pay(fetched, Payout(reference))
    say(f"paying: {_answer(paid)}")
    for line in paid.get("bllr_inf", {}).get("token_lines", ()):
        say(f"  token {line['seq']:>2}     {_grouped(line['digits'])}  {line['kind']}")
    say(f"  prefund      {before} before, {_balances(await client.balance())} after")
    say(f"  reference    {reference}")
    payment_id = await _payment_id(reference)
    if payment_id:
        say(f"  payment id   {payment_id}")
    command = EkpayCommand.in_current_environment().command_text()
    say(f"See its life: {command} payments show {payment_id or reference}")


def _grouped(digits: str) -> str:
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _address_and_partner(request: SinglePaymentRequest) -> tuple[str, StagePartner]:
    try:
        parties = load(home_folder() / "sandbox")
    except PartiesUnreadableError as problem:
        raise UnpayableError(str(problem)) from problem
    if parties is None:
        raise UnpayableError(
            f"there are no partners in {home_folder()} yet: start `make run` first, in another terminal"
        )
    player = parties.partner(request.partner)
    if player is None:
        known = ", ".join(partner.id for partner in parties.partners)
        raise UnpayableError(f"there is no partner {request.partner}; there are {known}")
    return request.address or parties.address, player


async def _payment_id(reference: str) -> str | None:
    """The switch's id of the payment: partners do not get it, so it is read from the switch's own books."""
    try:
        listed = await EkpayCommand.in_current_environment().read("payments", "list", "--json")
    except (CommandFailedError, CommandMissingError):
        return None
    return next((str(line["id"]) for line in listed if line["reference"] == reference), None)


def _answer(answer: Mapping[str, Any]) -> str:
    status = answer.get("resp_status", {})
    return f"{result_code(answer)} {status.get('rsp_msg') or answer.get('resp_msg', '')}"


def _balances(answer: Mapping[str, Any]) -> str:
    balances = answer.get("bckt_blnc_inf", {})
    return f"{balances.get('bckt_blnc', '?')} and {balances.get('prepaid_blnc', '?')} prepaid"
