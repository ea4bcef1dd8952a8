"""BEFTN and NACHA-like files: lines of 94 characters in blocks of ten, or the XML of BEFTN.

Both become the same records, and the same is counted over them: entries and addenda, debits, credits and
the hash total of each batch and of the file. The hash total is the sum of the receiving banks' first eight
digits, cut to its last ten; a batch's banks and a file's batches are summed alike. A file is taken whole or
not at all.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Final

from lxml import etree

from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats.ach_records import (
    ADDENDA,
    BATCH_CONTROL,
    BATCH_HEADER,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    HASH_MODULUS,
    OTHER_ADDENDA,
    AchBatch,
    AchEntry,
    AchFile,
    RecordFields,
)
from reconciliation.statement.formats.xml_text import local_name, parse_xml, text_of

RECORD: Final = 94
BLOCK: Final = 10
_FILLER: Final = "9" * RECORD
# Kinds of records by the first character of a line, and by the name of an element.
_OF_LINES: Final = {
    "1": ("file header", FILE_HEADER),
    "5": ("batch header", BATCH_HEADER),
    "6": ("entry", ENTRY),
    "7": ("addenda", ()),
    "8": ("batch control", BATCH_CONTROL),
    "9": ("file control", FILE_CONTROL),
}
_OF_ELEMENTS: Final = {
    "FHR": "file header",
    "BHR": "batch header",
    "EDR": "entry",
    "ADR": "addenda",
    "BCR": "batch control",
    "FCR": "file control",
}
# The kinds of records that may follow each kind.
_ALLOWED_AFTER: Final = {
    "": {"file header"},
    "file header": {"batch header", "file control"},
    "batch header": {"entry", "batch control"},
    "entry": {"entry", "addenda", "batch control"},
    "addenda": {"entry", "addenda", "batch control"},
    "batch control": {"batch header", "file control"},
    "file control": set(),
}
# Entry classes with another record layout.
_NOT_TAKEN: Final = {"ADV"}
# Fields of an entry that must be numbers, with so many digits; 0: any.
_NUMBERS: Final = {"TransactionCode": 2, "ReceivingBank": 8, "Amount": 0}

# More than any field has; a number of thousands of digits is none, and takes its time.
_DIGITS_MAX: Final = 40

Record = tuple[int, str, RecordFields]


def read_lines(content: bytes) -> AchFile:
    """A file of lines of 94 characters.

    Raises:
        UnreadableFileError: a line is no record, or stands where it cannot.
        ControlTotalError: the file is cut off, or a control record does not agree with its entries.
    """
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as problem:
        raise UnreadableFileError(f"byte {problem.start} is not ascii") from problem
    lines = [_padded(line) for line in text.replace("\r\n", "\n").rstrip("\n").split("\n")]
    read = _assembled(_records(lines))
    if len(lines) % BLOCK:
        raise ControlTotalError(f"{len(lines)} lines are not in blocks of {BLOCK}", line=len(lines))
    _compare("blocks", read.control, "BlockCount", len(lines) // BLOCK)
    blocks = str(len(lines) // BLOCK)
    read.controls = {"stated.blocks": blocks, "counted.blocks": blocks} | dict(read.controls)
    return read


def read_xml(content: bytes) -> AchFile:
    """A file of BEFTN's XML; a namespace is ignored.

    Raises:
        UnreadableFileError: it is no such XML, or a record stands where it cannot.
        ControlTotalError: a control record is missing or does not agree with its entries.
    """
    root = parse_xml(BytesIO(content))
    if local_name(root) != "EFT":
        raise UnreadableFileError("the root is not EFT", line=root.sourceline)
    return _assembled(_elements(root))


def _padded(line: str) -> str:
    """Some systems cut off the blanks at the end of the first and the last record."""
    return line.ljust(RECORD) if line[:1] in {"1", "9"} else line


def _records(lines: Sequence[str]) -> Iterator[Record]:
    is_over = False
    for number, line in enumerate(lines, start=1):
        if len(line) != RECORD:
            raise UnreadableFileError(f"{len(line)} characters where a record has {RECORD}", line=number)
        if is_over:
            if line != _FILLER:
                raise UnreadableFileError("something stands behind the file control", line=number)
            continue
        kind, table = _OF_LINES.get(line[0], ("", ()))
        if not kind:
            raise UnreadableFileError(f"{line[0]!r} begins no record", line=number, column="1")
        if kind == "addenda":
            table = ADDENDA.get(line[1:3], OTHER_ADDENDA)
        is_over = kind == "file control"
        yield number, kind, _cut(line, table)


def _cut(line: str, table: Sequence[tuple[str, int]]) -> RecordFields:
    fields, begin = {}, 1
    for name, width in table:
        fields[name] = line[begin : begin + width].strip()
        begin += width
    fields.pop("", None)
    return fields


def _elements(root: etree._Element) -> Iterator[Record]:
    for element in root.iter(etree.Element):
        kind = _OF_ELEMENTS.get(local_name(element))
        if kind is not None:
            fields = {local_name(child): text_of(child) for child in element.iterchildren(etree.Element)}
            yield element.sourceline or 0, kind, fields


def _assembled(records: Iterator[Record]) -> AchFile:
    header: RecordFields = {}
    batches: list[AchBatch] = []
    read: AchFile | None = None
    before = ""
    for line, kind, fields in records:
        if kind not in _ALLOWED_AFTER[before]:
            raise UnreadableFileError(f"{kind} behind {before or 'nothing'}", line=line)
        before = kind
        if kind == "file header":
            header = _checked_header(fields, line)
        elif kind == "file control":
            read = _checked_file(AchFile(header, batches, fields), line)
        else:
            _into_batches(batches, line, kind, fields)
    if read is None:
        raise ControlTotalError("no file control: the file is cut off")
    return read


def _into_batches(batches: list[AchBatch], line: int, kind: str, fields: RecordFields) -> None:
    if kind == "batch header":
        if fields.get("SECC") in _NOT_TAKEN:
            raise UnreadableFileError(f"batches of {fields['SECC']} are not taken", line=line, column="SECC")
        batches.append(AchBatch(line, fields))
    elif kind == "entry":
        for name, digits in _NUMBERS.items():
            _number(fields, name, digits, line)
        batches[-1].entries.append(AchEntry(line, fields))
    elif kind == "addenda":
        batches[-1].entries[-1].addenda.append(fields)
    else:
        _check_batch(batches[-1], fields, line)


def _checked_header(fields: RecordFields, line: int) -> RecordFields:
    for name, expected in (
        ("RecordSize", f"{RECORD:03d}"),
        ("BlockingFactor", f"{BLOCK}"),
        ("FormatCode", "1"),
    ):
        if fields.get(name, expected) != expected:
            raise UnreadableFileError(f"{fields[name]!r} where {expected} must stand", line=line, column=name)
    return fields


def _totals(entries: Sequence[AchEntry]) -> dict[str, int]:
    """The totals that a control record states, counted over entries."""
    return {
        "EntryAddendaCount": sum(1 + len(entry.addenda) for entry in entries),
        "EntryHash": sum(int(entry.fields["ReceivingBank"]) for entry in entries) % HASH_MODULUS,
        "TotalDebitAmount": sum(entry.amount for entry in entries if not entry.is_credit),
        "TotalCreditAmount": sum(entry.amount for entry in entries if entry.is_credit),
    }


def _check_batch(batch: AchBatch, control: RecordFields, line: int) -> None:
    batch.control = control
    for entry in batch.entries:
        if entry.fields.get("ADRIndicator") == "1" and not entry.addenda:
            raise ControlTotalError("an entry without the addenda that it tells", line=entry.line)
    for name, counted in _totals(batch.entries).items():
        _compare(name, control, name, counted, line)
    for name in ("ServiceClassCode", "BatchNumber"):
        if control.get(name) != batch.header.get(name):
            raise ControlTotalError(f"{name} is another one than in the batch header", line=line, column=name)


def _checked_file(read: AchFile, line: int) -> AchFile:
    entries = [entry for batch in read.batches for entry in batch.entries]
    totals = _totals(entries)
    _compare("batches", read.control, "BatchCount", len(read.batches), line)
    for name, counted in totals.items():
        _compare(name, read.control, name, counted, line)
    names = {
        "records": "EntryAddendaCount",
        "hash": "EntryHash",
        "debits": "TotalDebitAmount",
        "credits": "TotalCreditAmount",
    }
    read.controls = {
        f"{origin}.{total_name}": str(totals[name])
        for total_name, name in names.items()
        for origin in ("stated", "counted")
    } | {"stated.batches": str(len(read.batches)), "counted.batches": str(len(read.batches))}
    return read


def _compare(
    total_name: str, control: RecordFields, name: str, counted: int, line: int | None = None
) -> None:
    stated = _digits(control, name)
    if not stated or int(stated) != counted:
        raise ControlTotalError(
            f"{total_name}: {counted} in the body, the control says {stated!r}", line, name
        )


def _digits(fields: RecordFields, name: str) -> str:
    text = fields.get(name, "")
    return str(int(text)) if _is_number(text) else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX


def _number(fields: RecordFields, name: str, digits: int, line: int) -> None:
    text = fields.get(name, "")
    if not _is_number(text) or (digits and len(text) != digits):
        raise UnreadableFileError(f"{text!r} is no number that can stand there", line=line, column=name)
