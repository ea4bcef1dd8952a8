"""Instructions as one BEFTN batch of credits: XML with the six records of connectors.md 13.2.

Record and field names are those of that chapter. Which of them a bank wants, the order of fields in a record
and the service class are ours, after the NACHA rules that BEFTN comes from. Amounts of records are whole
paisa in twelve digits, as there; the addenda has the amount in taka for human readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.settlement.instructions.account_registry import CreditorAccount, Debtor
from reconciliation.settlement.instructions.creditor_instructions import Instruction
from reconciliation.settlement.instructions.latin_names import latin_field
from reconciliation.settlement.instructions.xml_trees import (
    append_element,
    bytes_of,
    local_name,
    taka,
    text_at,
    tree_of,
)
from reconciliation.statement.values.dates import DHAKA

_CREDITS_ONLY: Final = "220"
_CODES: Final = {"current": "22", "savings": "32"}
_HASH_MODULUS: Final = 10**10
_BANK_DIGITS: Final = 8
_BATCH: Final = "0000001"
_DIGITS_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class BatchTotals:
    """The control totals of a batch: entries, sum in paisa, and the sum of the banks' first eight digits.

    The hash total is cut to its last ten digits. `records` counts entries and addenda.
    """

    entries: int
    records: int
    amount: int
    hash_total: int


def batch_totals(instructions: Sequence[Instruction]) -> BatchTotals:
    """The control totals of instructions."""
    banks = (int(instruction.creditor.routing_number[:_BANK_DIGITS]) for instruction in instructions)
    amount = sum(instruction.amount for instruction in instructions)
    return BatchTotals(len(instructions), 2 * len(instructions), amount, sum(banks) % _HASH_MODULUS)


def file_name(value_date: date, debtor: Debtor) -> str:
    """The name of the one batch of a value date."""
    return f"EFT_{value_date:%Y%m%d}_{debtor.routing_number[:3]}_1{debtor.routing_number}_00.XML"


def batch(instructions: Sequence[Instruction], debtor: Debtor, created: datetime) -> bytes:
    """One file with one batch of every instruction of one value date; the same arguments give the same bytes.

    Raises:
        ValueError: there is no instruction, or they have several value dates.
    """
    ordered = sorted(instructions, key=lambda instruction: instruction.end_to_end_id)
    if len({instruction.value_date for instruction in ordered}) != 1:
        raise ValueError("a batch has instructions of one value date")
    totals = batch_totals(ordered)
    root = etree.Element("EFT")
    _put_file_header(etree.SubElement(root, "FHR"), debtor, created)
    _put_batch_header(etree.SubElement(root, "BHR"), ordered[0].value_date, debtor)
    for number, instruction in enumerate(ordered, start=1):
        _put_entry(etree.SubElement(root, "EDR"), instruction, number, debtor)
        _put_addenda(etree.SubElement(root, "ADR"), instruction, number)
    _put_control(etree.SubElement(root, "BCR"), totals, debtor)
    _put_file_control(etree.SubElement(root, "FCR"), totals)
    return bytes_of(root)


def _put_file_header(record: etree._Element, debtor: Debtor, created: datetime) -> None:
    local_time = created.astimezone(DHAKA)
    fields = {
        "PriorityCode": "01",
        "ImmediateDestination": debtor.clearing_house,
        "ImmediateOrigin": debtor.routing_number,
        "CreationDate": f"{local_time:%y%m%d}",
        "CreationTime": f"{local_time:%H%M}",
        "FileIdModifier": "A",
        "FormatCode": "1",
        "Currency": "00",
        "Session": "1",
    }
    _put_all(record, fields)


def _put_batch_header(record: etree._Element, value_date: date, debtor: Debtor) -> None:
    fields = {
        "ServiceClassCode": _CREDITS_ONLY,
        "CompanyName": latin_field(debtor.name, 16),
        "CompanyId": debtor.company_id,
        "SECC": "CCD",
        "CompanyEntryDesc": "SETTLEMENT",
        "CompanyDescDate": f"{value_date:%y%m%d}",
        "EffectiveEntryDate": f"{value_date:%y%m%d}",
        "OrigStatusCode": "1",
        "OrigBank": debtor.routing_number[:_BANK_DIGITS],
        "BatchNumber": _BATCH,
    }
    _put_all(record, fields)


def _put_entry(record: etree._Element, instruction: Instruction, number: int, debtor: Debtor) -> None:
    creditor: CreditorAccount = instruction.creditor
    fields = {
        "TransactionCode": _CODES[creditor.holds],
        "ReceivingBank": creditor.routing_number[:_BANK_DIGITS],
        "CheckDigit": creditor.routing_number[_BANK_DIGITS:],
        "DFIAccountNum": creditor.account,
        "Amount": f"{instruction.amount:012d}",
        "IndividualId": instruction.end_to_end_id,
        "IndividualName": latin_field(creditor.name, 22),
        "ADRIndicator": "1",
        "TraceNumber": f"{debtor.routing_number[:_BANK_DIGITS]}{number:07d}",
    }
    _put_all(record, fields)


def _put_addenda(record: etree._Element, instruction: Instruction, number: int) -> None:
    fields = {
        "AddendaTypeCode": "05",
        "PaymentInfo": latin_field(f"{instruction.text} BDT {taka(instruction.amount)}", 80),
        "SequenceNumber": "0001",
        "EntrySequence": f"{number:07d}",
    }
    _put_all(record, fields)


def _put_control(record: etree._Element, totals: BatchTotals, debtor: Debtor) -> None:
    fields = {
        "ServiceClassCode": _CREDITS_ONLY,
        "EntryAddendaCount": f"{totals.records:06d}",
        "EntryHash": f"{totals.hash_total:010d}",
        "TotalDebitAmount": f"{0:020d}",
        "TotalCreditAmount": f"{totals.amount:020d}",
        "CompanyId": debtor.company_id,
        "OriginBank": debtor.routing_number[:_BANK_DIGITS],
        "BatchNumber": _BATCH,
    }
    _put_all(record, fields)


def _put_file_control(record: etree._Element, totals: BatchTotals) -> None:
    fields = {
        "BatchCount": "000001",
        "EntryAddendaCount": f"{totals.records:08d}",
        "EntryHash": f"{totals.hash_total:010d}",
        "TotalDebitAmount": f"{0:020d}",
        "TotalCreditAmount": f"{totals.amount:020d}",
    }
    _put_all(record, fields)


def _put_all(record: etree._Element, fields: dict[str, str]) -> None:
    for name, text in fields.items():
        append_element(record, name, text)


def check_batch(content: bytes) -> BatchTotals:
    """Count a file of one batch again and compare it with both of its control records.

    Raises:
        UnreadableFileError: it is no such file, or a number in it is none.
        ControlTotalError: a control record differs from the entries.
    """
    root = tree_of(content)
    names = [local_name(child) for child in root]
    if local_name(root) != "EFT" or names[:2] != ["FHR", "BHR"] or names[-2:] != ["BCR", "FCR"]:
        raise UnreadableFileError("no file of one batch")
    middle = names[2:-2]
    if not middle or middle != ["EDR", "ADR"] * (len(middle) // 2):
        raise UnreadableFileError("an entry is not followed by its addenda")
    entries = list(root.iter("EDR"))
    counted = BatchTotals(
        len(entries),
        len(middle),
        sum(_number(entry, "Amount") for entry in entries),
        sum(_number(entry, "ReceivingBank") for entry in entries) % _HASH_MODULUS,
    )
    for control in (root[-2], root[-1]):
        stated = BatchTotals(
            len(entries),
            _number(control, "EntryAddendaCount"),
            _number(control, "TotalCreditAmount"),
            _number(control, "EntryHash"),
        )
        if stated != counted or _number(control, "TotalDebitAmount"):
            raise ControlTotalError(f"{local_name(control)} says {stated}, the entries come to {counted}")
    return counted


def _number(record: etree._Element, name: str) -> int:
    text = text_at(record, name)
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX):
        raise UnreadableFileError(f"{local_name(record)} has no number", line=record.sourceline, column=name)
    return int(text)
