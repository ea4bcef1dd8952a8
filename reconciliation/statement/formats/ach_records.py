"""The records of a BEFTN or NACHA-like file and their fields.

A record is its fields by the names of connectors.md 13.2, whatever it was written in: 94 characters a line,
or an element of XML. Widths are those of the NACHA rules that BEFTN comes from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

RecordFields = Mapping[str, str]

# Name and width of each field behind the one character that tells the kind of record; no name: reserved.
FILE_HEADER: Final = (
    *(("PriorityCode", 2), ("ImmediateDestination", 10), ("ImmediateOrigin", 10), ("CreationDate", 6)),
    *(("CreationTime", 4), ("FileIdModifier", 1), ("RecordSize", 3), ("BlockingFactor", 2)),
    *(("FormatCode", 1), ("DestinationName", 23), ("OriginName", 23), ("ReferenceCode", 8)),
)
BATCH_HEADER: Final = (
    *(("ServiceClassCode", 3), ("CompanyName", 16), ("CompanyDiscretionaryData", 20), ("CompanyId", 10)),
    *(("SECC", 3), ("CompanyEntryDesc", 10), ("CompanyDescDate", 6), ("EffectiveEntryDate", 6)),
    *(("SettlementJDate", 3), ("OrigStatusCode", 1), ("OrigBank", 8), ("BatchNumber", 7)),
)
ENTRY: Final = (
    *(("TransactionCode", 2), ("ReceivingBank", 8), ("CheckDigit", 1), ("DFIAccountNum", 17), ("Amount", 10)),
    *(("IndividualId", 15), ("IndividualName", 22), ("DiscretionaryData", 2), ("ADRIndicator", 1)),
    ("TraceNumber", 15),
)
ADDENDA: Final[Mapping[str, tuple[tuple[str, int], ...]]] = {
    "05": (("AddendaTypeCode", 2), ("PaymentInfo", 80), ("SequenceNumber", 4), ("EntrySequence", 7)),
    "98": (
        *(("AddendaTypeCode", 2), ("ChangeCode", 3), ("OriginalTraceNumber", 15), ("", 6)),
        *(("OriginalReceivingBank", 8), ("CorrectedData", 29), ("", 15), ("ReturnTraceNumber", 15)),
    ),
    "99": (
        *(("AddendaTypeCode", 2), ("ReturnReason", 3), ("OriginalTraceNumber", 15), ("DateOfDeath", 6)),
        *(("OriginalReceivingBank", 8), ("AddendaInfo", 44), ("ReturnTraceNumber", 15)),
    ),
}
OTHER_ADDENDA: Final = (("AddendaTypeCode", 2), ("PaymentInfo", 91))
BATCH_CONTROL: Final = (
    *(("ServiceClassCode", 3), ("EntryAddendaCount", 6), ("EntryHash", 10), ("TotalDebitAmount", 12)),
    *(("TotalCreditAmount", 12), ("CompanyId", 10), ("MsgAuthCode", 19), ("", 6), ("OriginBank", 8)),
    ("BatchNumber", 7),
)
FILE_CONTROL: Final = (
    *(("BatchCount", 6), ("BlockCount", 6), ("EntryAddendaCount", 8), ("EntryHash", 10)),
    *(("TotalDebitAmount", 12), ("TotalCreditAmount", 12), ("", 39)),
)

# The fields of batch header, entry and addenda that become the row of an entry.
_OF_BATCH: Final = ("SECC", "CompanyId", "EffectiveEntryDate", "BatchNumber")
_OF_ENTRY: Final = tuple(name for name, _ in ENTRY)
_OF_ADDENDA: Final = (
    *("PaymentInfo", "ReturnReason", "ChangeCode", "OriginalTraceNumber", "OriginalReceivingBank"),
    *("DateOfDeath", "AddendaInfo"),
)
CELLS: Final = (*_OF_BATCH, *_OF_ENTRY, *_OF_ADDENDA)

HASH_MODULUS: Final = 10**10
# The first digit of a transaction code is the kind of account, the last the kind of movement.
_LAST_OF_CREDITS: Final = 4


@dataclass(slots=True)
class AchEntry:
    """One entry with its addenda; `line` is where it stands."""

    line: int
    fields: RecordFields
    addenda: list[RecordFields] = field(default_factory=list)

    @property
    def amount(self) -> int:
        """Unsigned paisa."""
        return int(self.fields["Amount"])

    @property
    def is_credit(self) -> bool:
        """Whether money goes to the account of the receiver: 22, 32, and their returns 21, 31."""
        return 0 < int(self.fields["TransactionCode"][1]) <= _LAST_OF_CREDITS


@dataclass(slots=True)
class AchBatch:
    """Entries between a batch header and its control."""

    line: int
    header: RecordFields
    entries: list[AchEntry] = field(default_factory=list)
    control: RecordFields | None = None


@dataclass(slots=True)
class AchFile:
    """One file, its control totals checked."""

    header: RecordFields
    batches: list[AchBatch]
    control: RecordFields
    controls: Mapping[str, str] = field(default_factory=dict)


def cells_of(batch: AchBatch, entry: AchEntry) -> dict[str, str]:
    """One entry as a row of text cells, every name of `CELLS`; of several addenda the texts one by one."""
    cells = {name: batch.header.get(name, "") for name in _OF_BATCH}
    cells |= {name: entry.fields.get(name, "") for name in _OF_ENTRY}
    return cells | {name: _joined(entry.addenda, name) for name in _OF_ADDENDA}


def _joined(addenda: Sequence[RecordFields], name: str) -> str:
    return " ".join(text for fields in addenda if (text := fields.get(name, "").strip()))
