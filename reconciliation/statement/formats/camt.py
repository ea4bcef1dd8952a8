"""ISO 20022 account reports (camt.052, .053 and .054, every version), read entry by entry in constant memory.

An amount is unsigned; its sign stands in CdtDbtInd. RvslInd says that the entry undoes another one and leaves
the sign as it is written: a reversed credit is a DBIT. Only booked entries count. A DOCTYPE is refused, so
no entity is ever expanded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from io import BytesIO

from lxml import etree

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats.account_entries import AccountStatement, StatementEntry
from reconciliation.statement.formats.xml_text import local_name, refuse_doctype, text_of
from reconciliation.statement.values.amounts import paisa_of_decimal
from reconciliation.statement.values.dates import DHAKA

_WHOLE = ("Stmt", "Rpt", "Ntfctn")
# The opening balance; the second is yesterday's closing one, used where the first is absent.
_OPENING = ("OPBD", "PRCD")
_CLOSING = "CLBD"
_YES = ("true", "1")
# As the standard has it.
_SEQUENCE_DIGITS = 18
# The totals that a message may state, with the side of their entries.
_SUMMARIES = {"TtlNtries": "", "TtlCdtNtries": "CRDT", "TtlDbtNtries": "DBIT"}
_WORDS = {"": "amount", "CRDT": "credits", "DBIT": "debits"}


@dataclass(slots=True)
class _OpenReport:
    """One account report while its elements are read."""

    balances: dict[str, int] = field(default_factory=dict)
    summaries: dict[str, tuple[str, str]] = field(default_factory=dict)
    sides: list[str] = field(default_factory=list)
    entries: list[StatementEntry] = field(default_factory=list)

    @property
    def opening(self) -> int | None:
        return next((self.balances[kind] for kind in _OPENING if kind in self.balances), None)


def read(content: bytes) -> list[AccountStatement]:
    """Every account report of the message.

    Raises:
        UnreadableFileError: no well-formed camt message, a DOCTYPE, or an entry without what it must have.
        ControlTotalError: the details of a batch entry do not add up to it.
    """
    refuse_doctype(content)
    try:
        return list(_reports(content))
    except etree.XMLSyntaxError as problem:
        raise UnreadableFileError(f"no well-formed XML: {problem.msg}", line=problem.lineno) from problem


def _reports(content: bytes) -> Iterator[AccountStatement]:
    gathered = _OpenReport()
    report_count = 0
    ordinal = 0
    events = etree.iterparse(
        BytesIO(content),
        events=("end",),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        # A text ends where a comment begins.
        remove_comments=True,
        remove_pis=True,
    )
    for _, element in events:
        name = local_name(element)
        if name == "Bal":
            _take_balance(gathered, element)
        elif name == "TxsSummry":
            _take_summary(gathered, element)
        elif name == "Ntry":
            ordinal += 1
            _refuse_outside(element)
            gathered.sides.append(_text(element, "CdtDbtInd"))
            entry = _entry(element, ordinal)
            if entry is not None:
                gathered.entries.append(entry)
            _free(element)
        elif name in _WHOLE:
            report_count += 1
            yield _report(element, gathered)
            gathered = _OpenReport()
            _free(element)
    if not report_count:
        raise UnreadableFileError("no account report in the message")


def _refuse_outside(entry: etree._Element) -> None:
    """Refuse an entry that belongs to no account report; it would be lost, or counted for another one."""
    parent = entry.getparent()
    if parent is None or local_name(parent) not in _WHOLE:
        raise UnreadableFileError("an entry outside a report", line=entry.sourceline, column="Ntry")


def _report(element: etree._Element, gathered: _OpenReport) -> AccountStatement:
    number = _text(element, "ElctrncSeqNb") or _text(element, "LglSeqNb")
    return AccountStatement(
        identification=_text(element, "Id"),
        account=_text(element, "Acct/Id/Othr/Id") or _text(element, "Acct/Id/IBAN"),
        sequence=int(number) if number.isdecimal() and len(number) <= _SEQUENCE_DIGITS else None,
        opening=gathered.opening,
        closing=gathered.balances.get(_CLOSING),
        entries=tuple(gathered.entries),
        kind=local_name(element),
        currency=_text(element, "Acct/Ccy"),
        controls=_checked_summary(gathered),
    )


def _checked_summary(gathered: _OpenReport) -> dict[str, str]:
    """The number of entries and the sum of their unsigned amounts, of all and of each side, where stated.

    Entries that are not booked are counted but carry no amount here, so sums are compared without them only.
    """
    controls: dict[str, str] = {}
    for side, (count, total) in gathered.summaries.items():
        entry_count = sum(side in {"", entry_side} for entry_side in gathered.sides)
        if count and count != str(entry_count):
            raise ControlTotalError(
                f"{entry_count} {side} entries, the summary says {count}".replace("  ", " ")
            )
        sign = {"CRDT": 1, "DBIT": -1}.get(side, 0)
        summed = sum(abs(entry.amount) for entry in gathered.entries if entry.amount * sign >= 0)
        is_whole = len(gathered.sides) == len(gathered.entries)
        if total and is_whole and paisa_of_decimal(total) != summed:
            raise ControlTotalError(f"entries sum to {summed} paisa, the summary says {total}")
        if count and not side:
            # Not rows: an entry may be several of them, or none while it is not booked.
            controls |= {"stated.entries": count, "counted.entries": str(entry_count)}
        if total and is_whole:
            controls |= {f"stated.{_WORDS[side]}": str(summed), f"counted.{_WORDS[side]}": str(summed)}
    return controls


def _take_summary(gathered: _OpenReport, element: etree._Element) -> None:
    for total, side in _SUMMARIES.items():
        gathered.summaries[side] = _text(element, f"{total}/NbOfNtries"), _text(element, f"{total}/Sum")


def _take_balance(gathered: _OpenReport, element: etree._Element) -> None:
    kind = _text(element, "Tp/CdOrPrtry/Cd") or _text(element, "Tp/Cd")
    if kind in _OPENING or kind == _CLOSING:
        gathered.balances[kind] = _signed(element, "a balance")


def _entry(element: etree._Element, ordinal: int) -> StatementEntry | None:
    place = f"entry {ordinal}"
    # A text in the first versions, a choice of Cd or Prtry since version 8.
    if (_text(element, "Sts/Cd") or _text(element, "Sts")) not in {"BOOK", ""}:
        return None
    amount = _signed(element, place)
    # ISO 20022 has both dates optional; a bank that leaves one out means the same day.
    booked_on = _date(element, "BookgDt") or _date(element, "ValDt")
    value_date = _date(element, "ValDt") or booked_on
    if booked_on is None or value_date is None:
        raise UnreadableFileError(
            f"{place} has neither booking nor value date", line=element.sourceline, column="BookgDt"
        )
    entry = StatementEntry(
        ordinal=ordinal,
        booked_on=booked_on,
        value_date=value_date,
        amount=amount,
        currency=_child(element, "Amt").get("Ccy", ""),
        reference=_own_reference(_only_reference(element)),
        bank_reference=_text(element, "AcctSvcrRef"),
        text=_first(element, "Ustrd") or _text(element, "AddtlNtryInf"),
        is_reversal=_text(element, "RvslInd") in _YES,
        line=element.sourceline or 0,
    )
    return replace(entry, parts=tuple(_details(element, entry)))


def _only_reference(element: etree._Element) -> str:
    """The reference of the payment or batch; of several details only one that they share is the entry's."""
    batch = {text_of(element_found) for element_found in element.iter("{*}PmtInfId")}
    single = {text_of(element_found) for element_found in element.iter("{*}EndToEndId")}
    for references in (batch, single):
        if len(references) == 1:
            return references.pop()
    return _text(element, "NtryRef")


def _own_reference(reference: str) -> str:
    return "" if reference == "NOTPROVIDED" else reference


def _details(element: etree._Element, entry: StatementEntry) -> list[StatementEntry]:
    """The payments of a batch where each has its amount, which must sum to the entry; else empty.

    The first versions have only the instructed amount: before charges, and perhaps in another currency.
    """
    place = f"entry {entry.ordinal}"
    details = list(element.iter("{*}TxDtls"))
    own = [detail.find("{*}Amt") for detail in details]
    is_exact = all(amount is not None for amount in own)
    amounts = own if is_exact else [detail.find("{*}AmtDtls/{*}TxAmt/{*}Amt") for detail in details]
    detail_amounts = [
        (detail, amount) for detail, amount in zip(details, amounts, strict=True) if amount is not None
    ]
    if len(detail_amounts) != len(details) or any(
        amount.get("Ccy") != entry.currency for _, amount in detail_amounts
    ):
        return []
    parts = [_part(detail, amount, entry, place) for detail, amount in detail_amounts]
    summed = sum(part.amount for part in parts)
    if summed == entry.amount or not parts:
        return parts
    if not is_exact and (len(parts) == 1 or _first_of(element, "Chrgs") is not None):
        return []
    raise ControlTotalError(
        f"{place}: its details sum to {summed} and not to {entry.amount} paisa", line=element.sourceline
    )


def _part(
    detail: etree._Element, amount: etree._Element, entry: StatementEntry, place: str
) -> StatementEntry:
    # A detail may point the other way than its entry, as a charge inside a batch of credits does.
    side = _text(detail, "CdtDbtInd") or ("CRDT" if entry.amount >= 0 else "DBIT")
    return replace(
        entry,
        amount=_amount(amount, place) * (-1 if side == "DBIT" else 1),
        reference=_own_reference(_first(detail, "EndToEndId")),
        bank_reference=_text(detail, "Refs/AcctSvcrRef") or entry.bank_reference,
        text=_first(detail, "Ustrd") or entry.text,
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
    value = paisa_of_decimal(text_of(element))
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
        return moment.date() if moment.tzinfo is None else moment.astimezone(DHAKA).date()
    except (ValueError, OverflowError):
        raise UnreadableFileError(
            f"{day or instant} is no date", line=element.sourceline, column=name
        ) from None


def _child(element: etree._Element, name: str) -> etree._Element:
    child = element.find(f"{{*}}{name}")
    if child is None:
        raise UnreadableFileError(f"{name} is missing", line=element.sourceline, column=name)
    return child


def _text(element: etree._Element, path: str) -> str:
    target = element.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    return "" if target is None else text_of(target)


def _first_of(element: etree._Element, name: str) -> etree._Element | None:
    return next(element.iter(f"{{*}}{name}"), None)


def _first(element: etree._Element, name: str) -> str:
    target = _first_of(element, name)
    return "" if target is None else text_of(target)


def _free(element: etree._Element) -> None:
    """Free the element that was read, and remove the emptied one before it."""
    element.clear()
    before, parent = element.getprevious(), element.getparent()
    if before is not None and parent is not None and local_name(before) == "Ntry":
        parent.remove(before)
