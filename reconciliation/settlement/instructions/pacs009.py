"""ISO 20022 pacs.009.001.08: instructions as one message of transfers between banks, settled over BD-RTGS.

Content after connectors.md 13.1. The date, the instructing agent and the payment type stand in the group
header alone: the standard lets them stand in one place only. The published schema is not in the repository,
so `check` holds a message against the element order, the lengths and the sums that the standard documents; it
knows the elements that are written here and no others.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
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
from reconciliation.statement.values.amounts import paisa_of_decimal

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pacs.009.001.08"
_NAME_LENGTH: Final = 140
_ID_LENGTH: Final = 35
_TEXT_LENGTH: Final = 140
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,13}\.[0-9]{2}", re.ASCII)

# Element order of the standard, for the elements used here; `!` marks one that must be there.
_AGENT: Final = ("FinInstnId!", "BrnchId")
_ACCOUNT: Final = ("Id!",)
_PARTS: Final = {
    "Document": ("FICdtTrf!",),
    "FICdtTrf": ("GrpHdr!", "CdtTrfTxInf!"),
    "GrpHdr": (
        "MsgId!", "CreDtTm!", "NbOfTxs!", "CtrlSum", "TtlIntrBkSttlmAmt", "IntrBkSttlmDt", "SttlmInf!",
        "PmtTpInf", "InstgAgt",
    ),
    "SttlmInf": ("SttlmMtd!",),
    "PmtTpInf": ("ClrChanl", "LclInstrm"),
    "LclInstrm": ("Prtry!",),
    "CdtTrfTxInf": (
        "PmtId!", "IntrBkSttlmAmt!", "InstdAgt", "Dbtr!", "DbtrAcct", "DbtrAgt", "CdtrAgt", "Cdtr!",
        "CdtrAcct", "RmtInf",
    ),
    "PmtId": ("InstrId", "EndToEndId!", "TxId"),
    "InstgAgt": _AGENT,
    "InstdAgt": _AGENT,
    "Dbtr": _AGENT,
    "DbtrAgt": _AGENT,
    "CdtrAgt": _AGENT,
    "Cdtr": _AGENT,
    "FinInstnId": ("BICFI", "Nm"),
    "BrnchId": ("Id",),
    "DbtrAcct": _ACCOUNT,
    "CdtrAcct": _ACCOUNT,
    "Othr": ("Id!",),
    "RmtInf": ("Ustrd",),
}  # fmt: skip
_REPEATED: Final = {"CdtTrfTxInf"}
_LENGTHS: Final = {
    "MsgId": _ID_LENGTH,
    "InstrId": _ID_LENGTH,
    "EndToEndId": _ID_LENGTH,
    "TxId": _ID_LENGTH,
    "Prtry": _ID_LENGTH,
    "Nm": _NAME_LENGTH,
    "Ustrd": _TEXT_LENGTH,
    "NbOfTxs": 15,
}


def message_id(value_date: date) -> str:
    """The name of the one message of a value date."""
    return f"EKPAY{value_date:%Y%m%d}RTGS"


def message(instructions: Sequence[Instruction], debtor: Debtor, created: datetime) -> bytes:
    """One message with every instruction of one value date; the same arguments give the same bytes.

    Raises:
        ValueError: there is no instruction, or they have several value dates.
    """
    ordered = sorted(instructions, key=lambda instruction: instruction.end_to_end_id)
    dates = {instruction.value_date for instruction in ordered}
    if len(dates) != 1:
        raise ValueError("a message has instructions of one value date")
    root = etree.Element(f"{{{NAMESPACE}}}Document", nsmap={None: NAMESPACE})
    transfer = etree.SubElement(root, f"{{{NAMESPACE}}}FICdtTrf")
    _put_header(etree.SubElement(transfer, f"{{{NAMESPACE}}}GrpHdr"), ordered, debtor, created)
    for instruction in ordered:
        _put_transfer(etree.SubElement(transfer, f"{{{NAMESPACE}}}CdtTrfTxInf"), instruction, debtor)
    return bytes_of(root)


def _put_header(
    header: etree._Element, instructions: Sequence[Instruction], debtor: Debtor, created: datetime
) -> None:
    value_date = instructions[0].value_date
    total = taka(sum(instruction.amount for instruction in instructions))
    append_element(header, "MsgId", message_id(value_date))
    append_element(header, "CreDtTm", f"{created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    append_element(header, "NbOfTxs", str(len(instructions)))
    append_element(header, "CtrlSum", total)
    append_element(header, "TtlIntrBkSttlmAmt", total).set("Ccy", "BDT")
    append_element(header, "IntrBkSttlmDt", value_date.isoformat())
    append_element(header, "SttlmInf/SttlmMtd", "CLRG")
    append_element(header, "PmtTpInf/ClrChanl", "RTGS")
    append_element(header, "PmtTpInf/LclInstrm/Prtry", "RTGS_FICT")
    append_element(header, "InstgAgt/FinInstnId/BICFI", debtor.bic)


def _put_transfer(entry: etree._Element, instruction: Instruction, debtor: Debtor) -> None:
    creditor = instruction.creditor
    append_element(entry, "PmtId/InstrId", instruction.end_to_end_id)
    append_element(entry, "PmtId/EndToEndId", instruction.end_to_end_id)
    append_element(entry, "PmtId/TxId", instruction.end_to_end_id)
    append_element(entry, "IntrBkSttlmAmt", taka(instruction.amount)).set("Ccy", "BDT")
    append_element(entry, "InstdAgt/FinInstnId/BICFI", creditor.bic)
    _put_party(entry, "Dbtr", debtor)
    _put_bank(entry, "DbtrAgt", debtor)
    _put_bank(entry, "CdtrAgt", creditor)
    _put_party(entry, "Cdtr", creditor)
    append_element(entry, "RmtInf/Ustrd", latin_field(instruction.text, _TEXT_LENGTH))


def _put_bank(entry: etree._Element, name: str, party: Debtor | CreditorAccount) -> None:
    append_element(entry, f"{name}/FinInstnId/BICFI", party.bic)
    append_element(entry, f"{name}/BrnchId/Id", party.routing_number)


def _put_party(entry: etree._Element, name: str, party: Debtor | CreditorAccount) -> None:
    append_element(entry, f"{name}/FinInstnId/Nm", latin_field(party.name, _NAME_LENGTH))
    append_element(entry, f"{name}Acct/Id/Othr/Id", party.account)


def check_message(content: bytes) -> None:
    """Hold a message against what the standard documents of the elements that are used here.

    Raises:
        UnreadableFileError: an element is unknown, missing, doubled, out of order or of another form.
        ControlTotalError: the number or the sum of the transfers is another than the header says.
    """
    root = tree_of(content)
    if root.tag != f"{{{NAMESPACE}}}Document":
        raise UnreadableFileError("no pacs.009.001.08 document")
    _check_parts(root)
    header = root.find("{*}FICdtTrf/{*}GrpHdr")
    amounts = [_amount(element) for element in root.iter("{*}IntrBkSttlmAmt")]
    if text_at(header, "NbOfTxs") != str(len(amounts)):
        raise ControlTotalError(f"{len(amounts)} transfers, the header says {text_at(header, 'NbOfTxs')}")
    for name in ("CtrlSum", "TtlIntrBkSttlmAmt"):
        stated = text_at(header, name)
        if stated and paisa_of_decimal(stated) != sum(amounts):
            raise ControlTotalError(f"transfers sum to {sum(amounts)} paisa, {name} says {stated}")
    names = [element.text for element in root.iter("{*}EndToEndId")]
    if len(set(names)) != len(names):
        raise ControlTotalError("an end-to-end id is there twice")


def _check_parts(element: etree._Element) -> None:
    name = local_name(element)
    # The identification of an account is a choice of its own.
    order = ("Othr!",) if name == "Id" and len(element) else _PARTS.get(name, ())
    if not order:
        _check_text(element, name)
        return
    allowed = [part.rstrip("!") for part in order]
    children = [local_name(child) for child in element]
    unknown = sorted(set(children) - set(allowed))
    if unknown:
        raise UnreadableFileError(f"{name} has {', '.join(unknown)}", line=element.sourceline)
    places = [allowed.index(child) for child in children]
    doubled = {child for child in children if children.count(child) > 1} - _REPEATED
    if places != sorted(places) or doubled:
        raise UnreadableFileError(
            f"the elements of {name} are out of order or doubled", line=element.sourceline
        )
    missing = [part[:-1] for part in order if part.endswith("!") and part[:-1] not in children]
    if missing:
        raise UnreadableFileError(f"{name} has no {missing[0]}", line=element.sourceline, column=missing[0])
    for child in element:
        _check_parts(child)


def _check_text(element: etree._Element, name: str) -> None:
    text = element.text or ""
    wrong = (
        len(element)
        or not text.strip()
        or len(text) > _LENGTHS.get(name, _ID_LENGTH)
        or (name == "BICFI" and not _BIC.fullmatch(text))
    )
    if wrong:
        raise UnreadableFileError(f"{name} is empty, too long or of another form", line=element.sourceline)
    if name in {"IntrBkSttlmAmt", "TtlIntrBkSttlmAmt"}:
        _amount(element)


def _amount(element: etree._Element) -> int:
    value = paisa_of_decimal(element.text or "") if _AMOUNT.fullmatch(element.text or "") else None
    if element.get("Ccy") != "BDT" or not value:
        raise UnreadableFileError(
            f"{local_name(element)} is no amount of taka with two decimals", line=element.sourceline
        )
    return value
