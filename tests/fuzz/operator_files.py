"""The files that persons feed to commands: a valid one of each, what reads it, and what must be true then."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final, Generic, TypeVar
from xml.etree import ElementTree as ET

from lxml import etree

from ekpay_switch.cli.disputes.notice_file import COLUMNS, Notice, NoticeFileError, read_notices
from ekpay_switch.cli.merchants.import_files import UnreadableError, read_merchants, read_payees
from ekpay_switch.cli.merchants.terms import TermChoices
from ekpay_switch.cli.payments.bills import UnreadableListError, read_list
from ekpay_switch.domain.scrolls.bill_file_reading import FIXED, NamingParameter, read_bill_file
from ekpay_switch.domain.scrolls.bill_files import BillFile
from ekpay_switch.flows.bills.fetch_in_bulk import BulkFetchRequest
from ekpay_switch.persistence.merchants.staff_actions import NewMerchant
from ekpay_switch.ports.merchants import Payee
from ekpay_switch.web.brand_marks import FOLDER, SUFFIX, BrandMarkError, read_marks
from reconciliation.errors import UnreadableFileError
from reconciliation.settlement.instructions.bank_answers import AnswerKind, BankAnswer, parse_report
from reconciliation.settlement.instructions.beftn import BatchTotals, check_batch
from reconciliation.settlement.instructions.pacs009 import check_message
from tests.fuzz.mutations.delimited_mutations import spoil_cells
from tests.fuzz.mutations.tree_mutations import spoil_tree
from tests.fuzz.properties import LETTERS_MAX, PAISA_MAX, REFUSAL_LETTERS_MAX
from tests.fuzz.statement_samples import beftn_batch, pacs009_message

_PROBLEMS_SHOWN: Final = 20
_NAMING: Final = (
    NamingParameter("pay_slip_no", "^[0-9]{6,14}$", "A", is_required=True),
    NamingParameter("college_code", "^[0-9]{4}$", "A", is_required=False),
)
_SVG: Final = "http://www.w3.org/2000/svg"
_KNOWN: Final = TermChoices(frozenset({"bkash", "card"}), frozenset({"*", "ekshop"}))


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class OperatorFile(Generic[_T]):
    """A kind of file: `read` gives what was read or None where it was refused, and raises nothing else."""

    content: bytes
    read: Callable[[bytes], _T | None]
    faults: Callable[[_T, bytes], Iterator[str]]
    spoil: Callable[[Random, bytes], bytes]


class LongRefusalError(Exception):
    """A refusal that says nothing, or more than anybody reads."""


def _check_words(words: list[str]) -> None:
    if not words or not all(0 < len(word) <= REFUSAL_LETTERS_MAX for word in words[:_PROBLEMS_SHOWN]):
        raise LongRefusalError(words[0][:200] if words else "")


def _report_of(content: bytes) -> Sequence[BankAnswer] | None:
    try:
        return parse_report(content)
    except UnreadableFileError as problem:
        _check_words([str(problem)])
        return None


def _batch_of(content: bytes) -> BatchTotals | None:
    try:
        return check_batch(content)
    except UnreadableFileError as problem:
        _check_words([str(problem)])
        return None


def _message_of(content: bytes) -> bytes | None:
    try:
        check_message(content)
    except UnreadableFileError as problem:
        _check_words([str(problem)])
        return None
    return content


def _notices_of(content: bytes) -> Sequence[Notice] | None:
    try:
        return read_notices(content)
    except NoticeFileError as problem:
        _check_words(str(problem).split("; "))
        return None


def _bills_of(content: bytes) -> BillFile | None:
    read = read_bill_file(content, "nu_fee", _NAMING)
    if isinstance(read, BillFile):
        return read
    _check_words([f"line {problem.line}: {problem.description}" for problem in read])
    return None


def _mark_of(content: bytes) -> bytes | None:
    with tempfile.TemporaryDirectory(prefix="ekpay-fuzz-") as folder:
        path = Path(folder) / FOLDER / f"shop{SUFFIX}"
        path.parent.mkdir()
        path.write_bytes(content)
        try:
            return read_marks(Path(folder))["shop"].body
        except BrandMarkError as problem:
            _check_words([str(problem)])
            return None


def _from_a_path(content: bytes, read: Callable[[Path], _T]) -> _T | None:
    with tempfile.NamedTemporaryFile(prefix="ekpay-fuzz-") as file:
        file.write(content)
        file.flush()
        try:
            return read(Path(file.name))
        except UnreadableError as wrong:
            _check_words([str(problem) for problem in wrong.problems])
        except UnreadableListError as problem:
            _check_words([str(problem)])
        return None


def _answer_faults(answers: Sequence[BankAnswer], content: bytes) -> Iterator[str]:
    for answer in answers:
        if answer.kind not in AnswerKind:
            yield f"{answer.kind} is no kind"
    names = [etree.QName(element).localname for element in etree.fromstring(content).iter(etree.Element)]
    told = sum(bool(answer.end_to_end_id) for answer in answers)
    if told != names.count("TxInfAndSts"):
        yield f"{told} answers read of {names.count('TxInfAndSts')}"


def _batch_faults(totals: BatchTotals, _content: bytes) -> Iterator[str]:
    if not 0 <= totals.amount <= PAISA_MAX:
        yield f"a batch of {totals.amount} paisa"


def _message_faults(message: bytes, _content: bytes) -> Iterator[str]:
    names = [etree.QName(element).localname for element in etree.fromstring(message).iter(etree.Element)]
    if names.count("CdtTrfTxInf") != names.count("IntrBkSttlmAmt"):
        yield "a transfer without an amount"


def _mark_faults(mark: bytes, content: bytes) -> Iterator[str]:
    if mark != content:
        yield "another picture than the file"
    # Browsers may take what libxml2 refuses; expat is as lenient as they are.
    for element in ET.fromstring(mark).iter():  # noqa: S314 - a picture that was checked
        name = etree.QName(element.tag)
        if name.namespace != _SVG or name.localname in {"script", "style", "image", "foreignObject"}:
            yield f"{name.text} is served"
        for attribute, value in element.attrib.items():
            bare_name = etree.QName(attribute).localname
            if bare_name.startswith("on") or (bare_name == "href" and not value.startswith("#")):
                yield f"{name.localname} {bare_name} is served"


def _notice_faults(notices: Sequence[Notice], _content: bytes) -> Iterator[str]:
    for notice in notices:
        if notice.amount is not None and not 0 < notice.amount.minor <= PAISA_MAX:
            yield f"line {notice.line}: {notice.amount.minor} paisa"
        if (notice.event == "notified") != (notice.amount is not None):
            yield f"line {notice.line}: {notice.event} with the amount {notice.amount}"
        if not all(text.isprintable() for text in (notice.dispute, notice.reason, notice.word)):
            yield f"line {notice.line}: a text that cannot be shown"
        if max(map(len, (notice.dispute, notice.collected, notice.movement))) > LETTERS_MAX:
            yield f"line {notice.line}: a name of more than {LETTERS_MAX} letters"


def _merchant_faults(merchants: Sequence[tuple[int, NewMerchant]], content: bytes) -> Iterator[str]:
    for line, new in merchants:
        limits = (new.agreement.refund_limit, new.agreement.debt_limit)
        if not all(0 <= limit.minor <= PAISA_MAX for limit in limits):
            yield f"line {line}: a limit beyond all bounds"
    yield from _line_faults([line for line, _ in merchants], content)


def _payee_faults(payees: Sequence[tuple[int, Payee]], content: bytes) -> Iterator[str]:
    yield from _line_faults([line for line, _ in payees], content)


def _line_faults(lines: list[int], content: bytes) -> Iterator[str]:
    """Every line below the heading that is not empty is read, unless one of them is several by its quotes."""
    text = content.decode("utf-8-sig")
    filled = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip(', "\t')]
    if '"' not in text and len(lines) != len(filled) - 1:
        yield f"{len(lines)} lines read of {len(filled) - 1}"


def _bill_faults(file: BillFile, _content: bytes) -> Iterator[str]:
    for bill in file.bills:
        for amount in (bill.amount, bill.vat, bill.late_fee):
            if not 0 <= amount.minor <= PAISA_MAX:
                yield f"bill {bill.bill_key}: {amount.minor} paisa"
    if file.sum.minor != sum(bill.amount.minor + bill.vat.minor for bill in file.bills):
        yield "the sum is not that of the bills"


def _list_faults(requests: Sequence[BulkFetchRequest], content: bytes) -> Iterator[str]:
    text = content.decode("utf-8-sig")
    filled = [line for line in re.split(r"\r\n|\r|\n", text) if line]
    if '"' not in text and len(requests) != len(filled) - 1:
        yield f"{len(requests)} lines read of {len(filled) - 1}"


def _notices() -> bytes:
    lines = [
        ",".join(COLUMNS),
        "D-1,notified,TRX1,1689.77,2026-12-09,card ends 1111,,",
        "D-1,money_held,,,,,CB-1,letter of 2 December",
        "D-1,evidence_requested,,,2026-12-12,,,mail",
        "D-1,won,,,,,,mail of 20 December",
    ]
    return ("\n".join(lines) + "\n").encode()


def _merchants() -> bytes:
    lines = ["mer_reg_id,name_en,name_bn,return_hosts,networks,refund_limit,debt_limit,order_minutes"]
    for union in ("boda", "sakoa", "moidan"):
        cells = "union.example,192.0.2.7 2001:db8::/32,500.00,0.00,30"
        lines.append(f"pan_bod_{union}_up,Union {union},ইউনিয়ন পরিষদ,{cells}")
    return ("\n".join(lines) + "\n").encode()


def _payees() -> bytes:
    return b"code,kind,name\nseller-1,seller,First shop\nagent-1,agent,Centre\nrider-1,delivery,Rider\n"


def _bill_file() -> bytes:
    """A file of two bills in the format of `docs/how-to`, with totals that agree."""
    rows = "".join(
        f"NU-{number},UNPAID,রাহেলা খাতুন,2026,2026-03-01,2026-03-20,485.00,0.00,50.00,"
        f"registration=400.00;exam=85.00,560001000{number},1401\n"
        for number in (1, 2)
    )
    digest = sha256(rows.encode()).hexdigest()
    headings = ",".join((*FIXED, "pay_slip_no", "college_code"))
    totals = f"2,970.00,{digest}"
    return f"BILLS,1,nu_fee,1,2026-03-01,{totals}\n{headings}\n{rows}TRAILER,{totals}\n".encode()


def _mark() -> bytes:
    return (
        f'<svg xmlns="{_SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 36 36">'
        "<title>দোকান</title>"
        '<defs><linearGradient id="g"><stop offset="0" stop-color="#115e4b"/></linearGradient></defs>'
        '<g id="roads"><path d="M4 4 32 32" fill="url(#g)"/><circle cx="18" cy="18" r="6"/></g>'
        '<use xlink:href="#roads"/></svg>\n'
    ).encode()


def _list() -> bytes:
    return b"biller,account,period\ndesco_postpaid,12345678,\nnu_fee,,2026\n"


def _report(kind: str, root: str) -> bytes:
    answers = "".join(
        f"<TxInfAndSts><OrgnlInstrId>I{number}</OrgnlInstrId><OrgnlEndToEndId>E{number}</OrgnlEndToEndId>"
        f"<TxSts>{code}</TxSts>{reason}</TxInfAndSts>"
        for number, code, reason in (
            (1, "ACSC", ""),
            (2, "RJCT", "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed</AddtlInf></StsRsnInf>"),
            (3, "PDNG", ""),
        )
    )
    middle = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>P1</OrgnlPmtInfId>{answers}</OrgnlPmtInfAndSts>"
    group = "<OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}">'
        f"<{root}><GrpHdr><MsgId>R1</MsgId></GrpHdr>{group}{middle if kind.startswith('pain') else answers}"
        f"</{root}></Document>"
    ).encode()


def _spoil_csv(random: Random, content: bytes) -> bytes:
    return spoil_cells(random, content, ",")


def operator_files() -> Mapping[str, OperatorFile[Any]]:
    """Every kind by its name, which begins with the command that it is fed to."""
    return {
        "settle answer pain.002": OperatorFile(
            _report("pain.002.001.10", "CstmrPmtStsRpt"), _report_of, _answer_faults, spoil_tree
        ),
        "settle answer pacs.002": OperatorFile(
            _report("pacs.002.001.10", "FIToFIPmtStsRpt"), _report_of, _answer_faults, spoil_tree
        ),
        "settle batch": OperatorFile(beftn_batch(), _batch_of, _batch_faults, spoil_tree),
        "settle message": OperatorFile(pacs009_message(), _message_of, _message_faults, spoil_tree),
        "disputes read": OperatorFile(_notices(), _notices_of, _notice_faults, _spoil_csv),
        "merchants import": OperatorFile(
            _merchants(),
            lambda content: _from_a_path(content, lambda path: read_merchants(path, _KNOWN)),
            _merchant_faults,
            _spoil_csv,
        ),
        "merchants payees import": OperatorFile(
            _payees(), lambda content: _from_a_path(content, read_payees), _payee_faults, _spoil_csv
        ),
        "serve with a mark": OperatorFile(_mark(), _mark_of, _mark_faults, spoil_tree),
        "billers load": OperatorFile(_bill_file(), _bills_of, _bill_faults, _spoil_csv),
        "bills fetch": OperatorFile(
            _list(), lambda content: _from_a_path(content, read_list), _list_faults, _spoil_csv
        ),
    }
