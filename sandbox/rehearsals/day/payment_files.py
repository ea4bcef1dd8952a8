"""The files by which we instruct the simulated bank to pay: pacs.009 for RTGS, and one EFT batch for BEFTN.

The bank's own reader: it knows what it needs, and takes no file whose count or sum is another than stated.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from xml.parsers import expat

from sandbox.kit.biller.taka_text import paisa_of
from sandbox.rehearsals.month.model.days import day_number

_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)
_HASH_MODULUS = 10**10


class MalformedPaymentFileError(ValueError):
    """The bank cannot carry the file out; the text says why. Nothing of it is executed."""


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """One payment that we order, under our reference, to the account of a payee; `paisa` is above zero."""

    reference: str
    account: str
    name: str
    paisa: int


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """A file of orders for one value date, as a day of the calendar; `message` is the file's own name."""

    message: str
    value_day: int
    orders: Sequence[PaymentOrder]


@dataclass(slots=True)
class _Element:
    name: str
    text: str = ""
    children: "list[_Element]" = field(default_factory=list)

    def all(self, name: str) -> "Iterator[_Element]":
        """Every element of this name below this one, in its order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.all(name)

    def word(self, *path: str) -> str:
        """The text at a path below this element.

        Raises:
            MalformedPaymentFileError: it is not there, or empty.
        """
        element = self
        for name in path:
            found = next((child for child in element.children if child.name == name), None)
            if found is None:
                raise MalformedPaymentFileError(f"{element.name} has no {name}")
            element = found
        if not element.text.strip():
            raise MalformedPaymentFileError(f"{element.name} is empty")
        return element.text.strip()

    def number(self, *path: str) -> int:
        """The whole number at a path; raises the same, also where it is none."""
        text = self.word(*path)
        if not _DIGITS.fullmatch(text):
            raise MalformedPaymentFileError(f"{path[-1]} is no number: {text}")
        return int(text)


def read_payment_file(content: bytes) -> PaymentFile:
    """Read a file of either kind.

    Raises:
        MalformedPaymentFileError: it is neither, has no order, or its count or sums are other than stated.
    """
    root = _tree(content)
    if root.name == "EFT":
        file = _eft_batch(root)
    elif root.name == "Document" and [child.name for child in root.children] == ["FICdtTrf"]:
        file = _rtgs_message(root.children[0])
    else:
        raise MalformedPaymentFileError(f"{root.name} is no file of payments")
    references = {order.reference for order in file.orders}
    if not file.orders or len(references) != len(file.orders):
        raise MalformedPaymentFileError("no order, or two of one reference")
    if any(order.paisa <= 0 for order in file.orders):
        raise MalformedPaymentFileError("an order is of nothing")
    return file


def _rtgs_message(transfer: _Element) -> PaymentFile:
    header = next(transfer.all("GrpHdr"), _Element("GrpHdr"))
    orders = [
        PaymentOrder(
            each.word("PmtId", "EndToEndId"),
            each.word("CdtrAcct", "Id", "Othr", "Id"),
            each.word("Cdtr", "FinInstnId", "Nm"),
            _paisa(each.word("IntrBkSttlmAmt")),
        )
        for each in transfer.all("CdtTrfTxInf")
    ]
    stated = header.number("NbOfTxs"), _paisa(header.word("CtrlSum"))
    _compare(stated, (len(orders), sum(order.paisa for order in orders)))
    return PaymentFile(header.word("MsgId"), _day(header.word("IntrBkSttlmDt")), orders)


def _eft_batch(root: _Element) -> PaymentFile:
    header, batch, control = (next(root.all(name), _Element(name)) for name in ("FHR", "BHR", "BCR"))
    entries = list(root.all("EDR"))
    orders = [
        PaymentOrder(
            each.word("IndividualId"),
            each.word("DFIAccountNum"),
            each.word("IndividualName"),
            each.number("Amount"),
        )
        for each in entries
    ]
    banks = sum(each.number("ReceivingBank") for each in entries) % _HASH_MODULUS
    stated = tuple(control.number(n) for n in ("EntryAddendaCount", "TotalCreditAmount", "EntryHash"))
    addenda = len(list(root.all("ADR")))
    _compare(stated, (len(orders) + addenda, sum(order.paisa for order in orders), banks))
    day = batch.word("EffectiveEntryDate")
    if not re.fullmatch(r"[0-9]{6}", day):
        raise MalformedPaymentFileError(f"EffectiveEntryDate is no date: {day}")
    # A batch has no name; its sender, its date and time and its letter tell it from others.
    names = ("ImmediateOrigin", "CreationDate", "CreationTime", "FileIdModifier")
    message = "-".join((*(header.word(name) for name in names), day, batch.word("BatchNumber")))
    return PaymentFile(message, _day(f"20{day[:2]}-{day[2:4]}-{day[4:]}"), orders)


def _compare(stated: tuple[int, ...], counted: tuple[int, ...]) -> None:
    if stated != counted:
        raise MalformedPaymentFileError(f"the file states {stated}, its orders come to {counted}")


def _paisa(text: str) -> int:
    paisa = paisa_of(text)
    if paisa is None:
        raise MalformedPaymentFileError(f"no amount of taka: {text}")
    return paisa


def _day(text: str) -> int:
    try:
        return day_number(date.fromisoformat(text))
    except ValueError:
        raise MalformedPaymentFileError(f"no date: {text}") from None


def _tree(content: bytes) -> _Element:
    """The elements of a document by their local names; a DOCTYPE is refused."""
    top = _Element("")
    open_elements = [top]

    def refuse(*_: object) -> None:
        raise ValueError

    def begin(name: str, _attributes: object) -> None:
        element = _Element(name.rpartition(" ")[2])
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_name: str) -> None:
        open_elements.pop()

    def add_text(text: str) -> None:
        open_elements[-1].text += text

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = add_text
    try:
        parser.Parse(content, True)  # noqa: FBT003 - the signature is expat's
    except (expat.ExpatError, ValueError):
        raise MalformedPaymentFileError("no well-formed XML") from None
    return top.children[0]
