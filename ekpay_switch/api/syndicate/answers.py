"""The blocks of every answer (ekpay-syndicate-api.md, "Messages"); amounts are taka with two decimals.

Every member of the specification stands in every answer of its message, empty where nothing is known: clients
index them unchecked (docs/ekpay-members.md). Only `pyd_inf` comes and goes, since its presence says "paid".
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NotRequired

from typing_extensions import TypedDict

from ekpay_switch.api.syndicate.codes import DONE, MESSAGES, code_of
from ekpay_switch.api.syndicate.messages import (
    AnyRequest,
    BalanceRequest,
    BillPart,
    FetchRequest,
    Headers,
    MasterDataRequest,
    PaidBillPart,
    PaidTrace,
    PayRequest,
    ReferencedHeaders,
    StatusRequest,
    Trace,
)
from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import Money, format_taka
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import FINAL_RECEIPT, RECEIPT, receipts_of
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer
from ekpay_switch.ports.billers import BillerProfile, Parameter
from ekpay_switch.ports.world import RequestStatus

Answer = dict[str, Any]
VERSION = "v1.3.0"  # ours, whatever version a caller states
BILL_MEMBERS = (
    "bllr_id", "bll_no", "bllr_accno", "bll_mobno", "bll_typ", "bll_cstnm", "bll_add", "meter_no", "totalKwh",
    "bll_dt_frm", "bll_dt_to", "bll_dt_gnrt", "bll_dt_due", "bll_amnt", "bll_vat", "bll_late_fee",
    "bll_amnt_ttl", "ekpay_fee", "is_bll_pd",
)  # fmt: skip
DETAIL_MEMBERS = {
    "customer_name": "bll_cstnm",
    "address": "bll_add",
    "meter_no": "meter_no",
    "kwh": "totalKwh",
    "period_from": "bll_dt_frm",
    "period_to": "bll_dt_to",
    "mobile": "bll_mobno",
}

STATUS_LETTERS = {"active": "A", "down": "D", "suspended": "S"}

# Of a bill, an account, a meter or a telephone.
_NUMBER = re.compile(r"\+?[A-Za-z0-9-]{1,64}", re.ASCII)


def stamp(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS+06:00`, as every time in this API is written."""
    return in_dhaka(instant).strftime("%Y-%m-%dT%H:%M:%S+06:00")


def envelope(headers: Headers | None, trace: Trace | None, now: datetime) -> Answer:
    """`hdrs` and `trx` of an answer: the caller's own ids and our clock."""
    return {
        "hdrs": {
            "nm": headers.nm if headers else "",
            "ver": VERSION,
            "tms": stamp(now),
            "ref_id": headers.ref_id if isinstance(headers, ReferencedHeaders) else "",
            "nd_id": headers.nd_id if headers else "",
        },
        "trx": {
            "trx_id": trace.trx_id if trace else "",
            "trx_tms": stamp(now),
            "refno_ack": trace.refno_ack if isinstance(trace, PaidTrace) else "",
        },
    }


def status_block(code: str, refno_ack: str = "", fault: str = "") -> Answer:
    """`resp_status`: the code, the text that a payer may be shown, and the quote if there is one.

    `fault` says which member of the message is wrong.
    """
    text = f"{MESSAGES[code]}: {fault}" if fault else MESSAGES[code]
    return {"resp_status": {"rsp_cd": code, "rsp_msg": text, "refno_ack": refno_ack}}


def refused_block(kind: type[AnyRequest], message: AnyRequest | None) -> Answer:
    """The block of a refused call of this kind; the bill is named as the caller named it."""
    if kind is MasterDataRequest:
        return {"mdm_data": []}
    if kind is BalanceRequest:
        return {"bckt_blnc_inf": {"bckt_blnc": "", "prepaid_blnc": ""}}
    match message:
        case FetchRequest(bll_inf=bill):
            named = _named_by(bill)
        case PayRequest(bllr_inf=bill):
            named = _paid_by(bill)
        case StatusRequest(bll_inf=bill):
            named = {"bllr_id": _echo(bill.bllr_id)}
        case _:
            named = {}
    return {"bllr_inf": bill_block(named)}


def bill_block(known: Answer) -> Answer:
    """`bllr_inf` whole and in the order of the specification; members of our own follow."""
    return {**dict.fromkeys(BILL_MEMBERS, ""), "is_bll_pd": "N", **known}


def _named_by(bill: BillPart) -> Answer:
    """What a caller named the bill by."""
    return {
        "bllr_id": _echo(bill.bllr_id),
        "bll_no": _echo(bill.bll_no),
        "bllr_accno": _echo(bill.bllr_accno),
        "bll_mobno": _echo(bill.bill_mobno),
        "bll_typ": bill.bll_typ or "NM",
        "meter_no": _echo(bill.meter_no),
    }


def _paid_by(bill: PaidBillPart) -> Answer:
    """What a caller says it pays."""
    amounts = {"bll_amnt_ttl": bill.bll_amnt_ttl, "ekpay_fee": bill.ekpay_fee}
    return {
        "bllr_id": _echo(bill.bllr_id),
        **{name: _echo(text) for name, text in bill.named.items()},
        **{name: taka(amount) for name, amount in amounts.items() if amount is not None},
    }


def _echo(text: str | None) -> str:
    """A caller's number; anything else is not repeated, since somebody may show it as it is."""
    return text if text and _NUMBER.fullmatch(text) else ""


def taka(money: Money) -> str:
    """An amount on the wire."""
    return format_taka(money.minor)


def fetch_answer(quote: Quote, asked: BillPart) -> Answer:
    """`bllr_inf` and `resp_status` of a fetch; a bill that is paid already is a normal answer."""
    bill = quote.bill
    bill_members = _named_by(asked)
    bill_members |= {
        DETAIL_MEMBERS[name]: text for name, text in bill.details.items() if name in DETAIL_MEMBERS
    }
    bill_members |= {
        "bllr_id": asked.bllr_id,
        "bll_no": bill.bill_number,
        "bllr_accno": bill.account,
        "bll_dt_gnrt": bill.issued_on.isoformat() if bill.issued_on else "",
        "bll_dt_due": bill.due_on.isoformat() if bill.due_on else "",
        "bll_amnt": taka(bill.amount),
        "bll_vat": taka(bill.vat),
        "bll_late_fee": taka(bill.late_fee),
        "bll_amnt_ttl": taka(quote.sums.billed_amount),
        "ekpay_fee": taka(quote.fee.total),
        "is_bll_pd": "Y" if bill.is_paid else "N",
    }
    if bill.rounding.minor:
        bill_members["bll_rndng"] = taka(bill.rounding)
    if bill.charges:
        bill_members["bll_lines"] = [{"nm": line.label, "amnt": taka(line.amount)} for line in bill.charges]
    if bill.unpaid_count > 1:
        bill_members["bll_cnt"] = str(bill.unpaid_count)
    return {"bllr_inf": bill_block(bill_members), **status_block(DONE, quote.quote_id)}


def payment_answer(request: PayRequest, answer: PaymentAnswer) -> Answer:
    """`bllr_inf` and `resp_status` of a payment in any state."""
    biller_members = _paid_by(request.bllr_inf) | {"is_bll_pd": _paid_mark(answer.state)}
    biller_members |= token_members(answer.tokens) | receipt_members(answer.receipts)
    return {
        "bllr_inf": bill_block(biller_members),
        **status_block(code_of(answer.state, answer.refusal), request.trx.refno_ack),
    }


def token_members(tokens: Sequence[TokenLine]) -> Answer:
    """What a prepaid biller returned, in the order in which it is typed in; nothing for other billers."""
    if not tokens:
        return {}
    lines = [{"seq": str(line.seq), "kind": str(line.kind), "digits": line.digits} for line in tokens]
    return {"token": ",".join(line.digits for line in tokens), "token_lines": lines}


def receipt_members(receipts: Mapping[str, str]) -> Answer:
    """What proves the payment at its biller: its receipt or challan, and the final one that came later."""
    numbers = {"rcpt_no": receipts.get(RECEIPT), "rcpt_no_fnl": receipts.get(FINAL_RECEIPT)}
    return {name: number for name, number in numbers.items() if number}


def status_answer(request: StatusRequest, status: RequestStatus, tokens: Sequence[TokenLine] = ()) -> Answer:
    """The answer to a status question, from our books; `pyd_inf` only when the bill is paid through us."""
    standing = status.standing
    if standing is None:
        biller_members = {
            "bllr_id": request.bll_inf.bllr_id,
            "is_bll_pd": "Y" if status.is_bill_paid else "N",
        }
        return {"bllr_inf": bill_block(biller_members), **status_block(DONE)}
    biller_members = {
        "bllr_id": request.bll_inf.bllr_id,
        "is_bll_pd": _paid_mark(standing.state),
    } | token_members(tokens)
    if standing.state is State.COMPLETED:
        biller_members |= receipt_members(receipts_of(standing.facts))
    answer: Answer = {
        "bllr_inf": bill_block(biller_members),
        **status_block(code_of(standing.state, standing.refusal), standing.quote_id),
    }
    if standing.state is State.COMPLETED and standing.paid_at is not None:
        answer["pyd_inf"] = {
            "pyd_trxn_refid": standing.reference,
            "pyd_tms": stamp(standing.paid_at),
            "pyd_amnt": taka(status.amount),
        }
    return answer


def balance_answer(prefunds: dict[str, Money]) -> Answer:
    """`bckt_blnc_inf`, in taka with two decimals."""
    balance_members = {"bckt_blnc": taka(prefunds["postpaid"]), "prepaid_blnc": taka(prefunds["prepaid"])}
    return {"bckt_blnc_inf": balance_members, **status_block(DONE)}


class ChoiceEntry(TypedDict):
    """A value of a field that has only some."""

    val: str
    lbl_en: str
    lbl_bn: str


class ParameterEntry(TypedDict):
    """A field of a biller's form."""

    nm: str
    lbl_en: str
    lbl_bn: str
    typ: str
    reqrd: str
    rgx: str
    exmpl: str
    grp: str
    chcs: NotRequired[list[ChoiceEntry]]
    amt_min: NotRequired[str]
    amt_max: NotRequired[str]
    amt_stp: NotRequired[str]
    nms_pyr: NotRequired[str]


class BillerEntry(TypedDict):
    """A biller and the form that names its bills."""

    bllr_id: str
    bllr_nm: str
    bllr_nm_bn: str
    bllr_ctgry: str
    bllr_typ: str
    bllr_sts: str
    bll_once: str
    gvs_tkn: str
    input_params: list[ParameterEntry]


def master_data_answer(profiles: list[BillerProfile]) -> Answer:
    """`mdm_data`: every biller with what names its bills, in both languages."""
    return {"mdm_data": [_biller(profile) for profile in profiles], **status_block(DONE)}


def _biller(profile: BillerProfile) -> BillerEntry:
    return {
        "bllr_id": profile.ekpay_id,
        "bllr_nm": profile.name_en,
        "bllr_nm_bn": profile.name_bn,
        "bllr_ctgry": profile.category,
        "bllr_typ": profile.bucket,
        "bllr_sts": STATUS_LETTERS[profile.status],
        "bll_once": _yes_or_no(profile.takes_bill_once),
        "gvs_tkn": _yes_or_no(profile.gives_tokens),
        "input_params": [_parameter(parameter) for parameter in profile.parameters],
    }


def _parameter(parameter: Parameter) -> ParameterEntry:
    """One field of a form, in both languages; its choices and its bounds in taka only where it has any."""
    field: ParameterEntry = {
        "nm": parameter.wire_name,
        "lbl_en": parameter.label_en,
        "lbl_bn": parameter.label_bn,
        "typ": "text",
        "reqrd": _yes_or_no(parameter.is_required),
        "rgx": parameter.pattern,
        "exmpl": parameter.example,
        "grp": parameter.group,
    }
    if parameter.choices:
        field["chcs"] = [
            {"val": value, "lbl_en": label_en, "lbl_bn": label_bn}
            for value, label_en, label_bn in parameter.choices
        ]
    if parameter.bounds is not None:
        if parameter.bounds.least is not None:
            field["amt_min"] = taka(parameter.bounds.least)
        if parameter.bounds.most is not None:
            field["amt_max"] = taka(parameter.bounds.most)
        field["amt_stp"] = taka(parameter.bounds.step)
    if parameter.names_payer:
        field["nms_pyr"] = "Y"
    return field


def _yes_or_no(is_so: bool) -> str:  # noqa: FBT001 - it is the value to write
    return "Y" if is_so else "N"


def _paid_mark(state: State) -> str:
    return "Y" if state is State.COMPLETED else "N"
