"""ISO 20022 account reports (camt.052, .053 and .054, every version), read entry by entry in constant memory.

An amount is unsigned; its sign stands in CdtDbtInd. RvslInd says that the entry undoes another one and leaves
the sign as it is written: a reversed credit is a DBIT. Only booked entries count. A DOCTYPE is refused, so
no entity is ever expanded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from io import BytesIO

from lxml import etree

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.amounts import paisa_of_decimal
from reconciliation.statement.dates import DHAKA
from reconciliation.statement.entries import AccountStatement, Entry

_WHOLE = ("Stmt", "Rpt", "Ntfctn")
_OPENING = ("OPBD", "PRCD")
_CLOSING = ("CLBD",)


@dataclass(slots=True)
class _Gathered:
    """One account report while its elements pass by."""

    opening: int | None = None
    closing: int | None = None
    count: str = ""
    total: str = ""
    seen: int = 0
    entries: list[Entry] = field(default_factory=list)


def read(content: bytes) -> list[AccountStatement]:
    """Every account report of the message.

    Raises:
        UnreadableFileError: no well-formed camt message, a DOCTYPE, or an entry without what it must have.
        ControlTotalError: the details of a batch entry do not add up to it.
    """
    _refuse_doctype(content)
    try:
        return list(_reports(content))
    except etree.XMLSyntaxError as problem:
        raise UnreadableFileError(f"no well-formed XML: {problem.msg}", line=problem.lineno) from problem


def _refuse_doctype(content: bytes) -> None:
    # Before the parser sees it. UTF-16 would hide the word from this look, so it is not taken at all.
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in content[:64]:
        raise UnreadableFileError("only UTF-8 is taken")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UnreadableFileError("a document type declaration is not taken")


def _reports(content: bytes) -> Iterator[AccountStatement]:
    gathered = _Gathered()
    found = 0
    ordinal = 0
    events = etree.iterparse(
        BytesIO(content), events=("end",), resolve_entities=False, no_network=True, load_dtd=False
    )
    for _, element in events:
        name = _local(element)
        if name == "Bal":
            _take_balance(gathered, element)
        elif name == "TxsSummry":
            gathered.count = _text(element, "TtlNtries/NbOfNtries")
            gathered.total = _text(element, "TtlNtries/Sum")
        elif name == "Ntry":
            ordinal += 1
            gathered.seen += 1
            entry = _entry(element, ordinal)
            if entry is not None:
                gathered.entries.append(entry)
            _forget(element)
        elif name in _WHOLE:
            found += 1
            _check_summary(gathered)
            yield _report(element, gathered)
            gathered = _Gathered()
            _forget(element)
    if not found:
        raise UnreadableFileError("no account report in the message")


def _report(element: etree._Element, gathered: _Gathered) -> AccountStatement:
    number = _text(element, "ElctrncSeqNb") or _text(element, "LglSeqNb")
    return AccountStatement(
        identification=_text(element, "Id"),
        account=_text(element, "Acct/Id/Othr/Id") or _text(element, "Acct/Id/IBAN"),
        sequence=int(number) if number.isdecimal() else None,
        opening=gathered.opening,
        closing=gathered.closing,
        entries=tuple(gathered.entries),
    )


def _check_summary(gathered: _Gathered) -> None:
    """The number of entries and the sum of their unsigned amounts, where the message tells them.

    Entries that are not booked are counted but carry no amount here, so the sum is compared without them
    only.
    """
    if gathered.count and gathered.count != str(gathered.seen):
        raise ControlTotalError(f"{gathered.seen} entries, the summary says {gathered.count}")
    summed = sum(abs(entry.amount) for entry in gathered.entries)
    if (
        gathered.total
        and gathered.seen == len(gathered.entries)
        and paisa_of_decimal(gathered.total) != summed
    ):
        raise ControlTotalError(f"entries sum to {summed} paisa, the summary says {gathered.total}")


def _take_balance(gathered: _Gathered, element: etree._Element) -> None:
    kind = _text(element, "Tp/CdOrPrtry/Cd")
    if kind in _OPENING:
        gathered.opening = _signed(element, "a balance")
    elif kind in _CLOSING:
        gathered.closing = _signed(element, "a balance")


def _entry(element: etree._Element, ordinal: int) -> Entry | None:
    place = f"entry {ordinal}"
    # A text in the first versions, a choice of Cd or Prtry since version 8.
    if (_text(element, "Sts/Cd") or _text(element, "Sts")) not in {"BOOK", ""}:
        return None
    amount = _signed(element, place)
    booked_on = _date(element, "BookgDt")
    value_date = _date(element, "ValDt") or booked_on
    if booked_on is None or value_date is None:
        raise UnreadableFileError(f"{place} has no booking date", line=element.sourceline, column="BookgDt")
    _check_details(element, abs(amount), place)
    return Entry(
        ordinal=ordinal,
        booked_on=booked_on,
        value_date=value_date,
        amount=amount,
        currency=_child(element, "Amt").get("Ccy", ""),
        reference=_given(_only_reference(element)),
        bank_reference=_text(element, "AcctSvcrRef"),
        text=_first(element, "Ustrd") or _text(element, "AddtlNtryInf"),
        is_reversal=_text(element, "RvslInd") == "true",
    )


def _only_reference(element: etree._Element) -> str:
    """The reference of the payment or batch; of several details only one that they share is the entry's."""
    batch = {_text_of(found) for found in element.iter("{*}PmtInfId")}
    single = {_text_of(found) for found in element.iter("{*}EndToEndId")}
    for given in (batch, single):
        if len(given) == 1:
            return given.pop()
    return _text(element, "NtryRef")


def _given(reference: str) -> str:
    return "" if reference == "NOTPROVIDED" else reference


def _check_details(element: etree._Element, amount: int, place: str) -> None:
    details = [
        (detail, _child(detail, "Amt"))
        for detail in element.iter("{*}TxDtls")
        if detail.find("{*}Amt") is not None
    ]
    whole = len(list(element.iter("{*}TxDtls")))
    if not details or len(details) != whole:
        return
    # A detail may point the other way than its entry, as a charge inside a batch of credits does.
    direction = _text(element, "CdtDbtInd")
    summed = sum(
        _amount(told, place) * (1 if _text(detail, "CdtDbtInd") in {direction, ""} else -1)
        for detail, told in details
    )
    if summed != amount:
        raise ControlTotalError(
            f"{place}: its details sum to {summed} and not to {amount} paisa", line=element.sourceline
        )


def _signed(element: etree._Element, place: str) -> int:
    direction = _text(element, "CdtDbtInd")
    if direction not in {"CRDT", "DBIT"}:
        raise UnreadableFileError(
            f"{place} is neither CRDT nor DBIT", line=element.sourceline, column="CdtDbtInd"
        )
    amount = _amount(_child(element, "Amt"), place)
    return amount if direction == "CRDT" else -amount


def _amount(element: etree._Element, place: str) -> int:
    value = paisa_of_decimal(element.text or "")
    if value is None or value < 0:
        raise UnreadableFileError(f"{place} has no amount in paisa", line=element.sourceline, column="Amt")
    return value


def _date(element: etree._Element, name: str) -> date | None:
    day, instant = _text(element, f"{name}/Dt"), _text(element, f"{name}/DtTm")
    try:
        if day:
            return date.fromisoformat(day[:10])
        if not instant:
            return None
        moment = datetime.fromisoformat(instant)
    except ValueError:
        raise UnreadableFileError(
            f"{day or instant} is no date", line=element.sourceline, column=name
        ) from None
    return moment.date() if moment.tzinfo is None else moment.astimezone(DHAKA).date()


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _child(element: etree._Element, name: str) -> etree._Element:
    found = element.find(f"{{*}}{name}")
    if found is None:
        raise UnreadableFileError(f"{name} is missing", line=element.sourceline, column=name)
    return found


def _text(element: etree._Element, path: str) -> str:
    found = element.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    return "" if found is None else _text_of(found)


def _first(element: etree._Element, name: str) -> str:
    return next((_text_of(found) for found in element.iter(f"{{*}}{name}")), "")


def _text_of(element: etree._Element) -> str:
    return (element.text or "").strip()


def _forget(element: etree._Element) -> None:
    """Free what has been read, and the empty shell of the one before."""
    element.clear()
    before, parent = element.getprevious(), element.getparent()
    if before is not None and parent is not None and _local(before) == "Ntry":
        parent.remove(before)
