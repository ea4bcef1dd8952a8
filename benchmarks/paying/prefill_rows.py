"""Rows of past payments, as text for COPY: those that the switch writes for one paid from a prefund.

Pure. Everything but the hashes is generated from a seed, with invented names and unknown numbers. A test
compares the rows with those that the switch itself writes, and `ekpay audit` proves them like any others.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from hashlib import sha256
from random import Random
from types import MappingProxyType

from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.persistence.group_commit.batch import bill_lock
from ekpay_switch.security.identifiers import UNGUESSABLE_ALPHABET, UNGUESSABLE_LENGTH

BILLER = "desco_postpaid"
# Above every account that the sandbox serves, so that no bill of a turn is paid already.
FIRST_ACCOUNT = 20_000_000
PAYABLE = f"payable:{BILLER}"
COLUMNS = MappingProxyType(
    {
        "quotes": (
            "quote_id", "partner_id", "request_reference", "biller_id", "bucket", "bill_key", "bill_lock",
            "is_paid", "currency", "amount", "charge", "fee", "vat", "fee_version", "bill", "biller_quote",
            "expires_at", "created_at",
        ),
        "payments": (
            "id", "partner_id", "lane", "reference", "fingerprint", "quote_id", "biller_id", "bill_key",
            "bucket", "currency", "amount", "charge", "fee", "vat", "state", "biller_quote", "facts",
            "quote_expires_at", "scroll_no", "business_date", "epoch", "steps", "created_at", "updated_at",
        ),
        "attempts": (
            "id", "payment_id", "leg", "far_side", "reference", "state", "outcome", "sends", "send_until",
            "opened_at", "closed_at",
        ),
        "history": ("payment_id", "seq", "from_state", "event", "to_state", "actor", "facts", "at"),
        "journal_entries": (
            "id", "lane", "seq", "payment_id", "moment", "currency", "business_date", "window_id", "hash",
            "at",
        ),
        "postings": ("entry_id", "seq", "account", "amount"),
        "notifications": ("id", "payment_id", "partner_id", "notice", "version", "state", "created_at"),
        "ledger_lines": (
            "window_id", "business_date", "ordinal", "role", "party", "account", "payment_id", "movement",
            "event", "status", "our_reference", "their_reference", "gross", "net", "currency", "instant",
        ),
    }
)  # fmt: skip

_LETTERS = bytes(UNGUESSABLE_ALPHABET[byte % len(UNGUESSABLE_ALPHABET)].encode()[0] for byte in range(256))
_REFERENCE_LENGTH = 24
_LETTERS_EACH = 2 * UNGUESSABLE_LENGTH + 2 * _REFERENCE_LENGTH
_UUIDS_EACH, _UUID_HEX = 5, 18
_HEX_EACH = 64 + 48 + _UUIDS_EACH * _UUID_HEX
_ASKED_BEFORE = timedelta(seconds=3)
_ANSWERED_AFTER = timedelta(milliseconds=31)
_QUOTE_LIVES, _SEND_SECONDS = timedelta(hours=2), timedelta(seconds=10)
_MARGIN_SECONDS = 60
_LEAST_PAISA, _PAISA_RANGE, _STEP = 20_000, 300_000, 7_919
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Payer:
    """A partner with its lane."""

    partner_id: str
    lane: int

    @property
    def prefund(self) -> str:
        """The account that its payments are taken from."""
        return f"prefund:{self.partner_id}:postpaid"


@dataclass(frozen=True, slots=True)
class PrefillDay:
    """One business date of the past: its window, its payments, and the number of the first over all days."""

    date: str
    window_id: int
    payments: int
    first: int

    @property
    def starts_at(self) -> datetime:
        """The first instant in which one of its payments is made."""
        midnight = datetime.combine(datetime.fromisoformat(self.date).date(), time.min, DHAKA)
        return midnight + timedelta(seconds=_MARGIN_SECONDS)

    @property
    def payment_interval(self) -> timedelta:
        """The time between one payment and the next."""
        return timedelta(seconds=(86_400 - 2 * _MARGIN_SECONDS) / self.payments)


@dataclass(slots=True)
class LaneHeads:
    """The heads of the lanes, and the paisa taken from each prefund, after the rows so far."""

    lanes: dict[int, tuple[int, bytes]]
    taken_paisa: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _PaymentText:
    """One payment, as text: what its rows have in common."""

    payer: Payer
    day: PrefillDay
    place: int  # in its day, from 0
    total: int
    account: str
    letters: str
    digits: str
    accepted_at: str
    delivered_at: str
    asked_at: str
    expires_at: str
    send_until: str
    ids: tuple[str, str, str, str, str]  # payment, attempt, both entries, notification

    @property
    def bill_key(self) -> str:
        """The bill's number as DESCO makes it: month, year, account."""
        return f"{self.day.date[5:7]}{self.day.date[2:4]}{self.account}"

    @property
    def quote_id(self) -> str:
        return self.letters[:26]

    @property
    def attempt_reference(self) -> str:
        return self.letters[26:52]

    @property
    def reference(self) -> str:
        return self.letters[52:76]

    @property
    def facts(self) -> str:
        return f'{{"message": "payment saved", "scroll_no": "{self.place + 1}"}}'


def rows_of(
    day: PrefillDay, places: Iterable[tuple[int, Payer]], heads: LaneHeads, random: Random
) -> dict[str, bytes]:
    """The rows of these payments of a day, by table, as text for COPY; updates `heads`."""
    lines: dict[str, list[str]] = {table: [] for table in COLUMNS}
    # Long rows among short ones would leave a gap at the end of each page, and new short rows would be put
    # into all those old pages.
    acknowledged: list[str] = []
    for payment in _payments(day, list(places), random):
        heads.taken_paisa[payment.payer.prefund] = (
            heads.taken_paisa.get(payment.payer.prefund, 0) + payment.total
        )
        biller_quote = _biller_quote(payment)
        lines["quotes"].append(_quote_row(payment, biller_quote))
        lines["payments"].append(_payment_row(payment, biller_quote))
        lines["attempts"].append(_attempt_row(payment))
        lines["history"].append(_prefund_taken_row(payment))
        acknowledged.append(_acknowledged_row(payment))
        lines["journal_entries"].append(_entry_rows(payment, heads))
        lines["postings"].append(_posting_rows(payment))
        lines["notifications"].append(_notification_row(payment))
        lines["ledger_lines"].append(_ledger_line_rows(payment))
    lines["history"] += acknowledged
    return {table: "".join(texts).encode() for table, texts in lines.items()}


def _payments(day: PrefillDay, places: Sequence[tuple[int, Payer]], random: Random) -> Iterable[_PaymentText]:
    count = len(places)
    letters = random.randbytes(count * _LETTERS_EACH).translate(_LETTERS).decode()
    digits = random.randbytes(count * _HEX_EACH // 2).hex()
    starts_at, interval = day.starts_at, day.payment_interval
    for n, (place, payer) in enumerate(places):
        at = starts_at + place * interval
        payment_digits = digits[n * _HEX_EACH : (n + 1) * _HEX_EACH]
        yield _PaymentText(
            payer=payer,
            day=day,
            place=place,
            total=_LEAST_PAISA + (day.first + place) * _STEP % _PAISA_RANGE,
            account=str(FIRST_ACCOUNT + day.first + place),
            letters=letters[n * _LETTERS_EACH : (n + 1) * _LETTERS_EACH],
            digits=payment_digits,
            accepted_at=at.isoformat(),
            delivered_at=(at + _ANSWERED_AFTER).isoformat(),
            asked_at=(at - _ASKED_BEFORE).isoformat(),
            expires_at=(at - _ASKED_BEFORE + _QUOTE_LIVES).isoformat(),
            send_until=(at + _SEND_SECONDS).isoformat(),
            ids=_ids(at, payment_digits[112:]),
        )


def _ids(at: datetime, digits: str) -> tuple[str, str, str, str, str]:
    """Version 7 UUIDs of both instants (RFC 9562, 5.7)."""
    first = round(at.timestamp() * 1_000)
    accepted, delivered = f"{first:012x}", f"{first + 31:012x}"
    return (
        _id(accepted, digits),
        _id(accepted, digits[18:]),
        _id(accepted, digits[36:]),
        _id(delivered, digits[54:]),
        _id(delivered, digits[72:]),
    )


def _id(at: str, digits: str) -> str:
    return f"{at[:8]}-{at[8:]}-7{digits[:3]}-a{digits[3:6]}-{digits[6:18]}"


def _taka(paisa: int) -> str:
    return f"{paisa // 100}.{paisa % 100:02d}"


def _vat(payment: _PaymentText) -> int:
    return payment.total // 21


def _biller_quote(payment: _PaymentText) -> str:
    month, year = payment.day.date[5:7], payment.day.date[:4]
    return (
        f'{{"vat": "{_taka(_vat(payment))}", "tariff": "LT-A", "account": "{payment.account}", '
        f'"due_date": "28-{month}-{year}", "bill_token": "{payment.digits[64:112]}", "department": "4112", '
        f'"issue_date": "01-{month}-{year}", "bill_number": "{payment.bill_key}", "late_charge": "58.02"}}'
    )


def _quote_row(payment: _PaymentText, biller_quote: str) -> str:
    month, vat = payment.day.date[:7], _vat(payment)
    bill = (
        f'{{"kwh": "{payment.total // 900}", "vat": {vat}, "amount": {payment.total - vat}, '
        f'"due_on": "{month}-28", "tariff": "LT-A", "account": "{payment.account}", '
        f'"address": "House {payment.place % 90 + 1}, Road {payment.place % 30 + 1}, Badda, Dhaka", '
        f'"charges": [], "late_fee": 0, "meter_no": "44{payment.place % 10_000_000:07d}", '
        f'"issued_on": "{month}-01", '
        f'"period_to": "{month}-28", "bill_number": "{payment.bill_key}", "period_from": "{month}-01", '
        f'"customer_name": "Customer {payment.account}"}}'
    )
    return (
        f"{payment.quote_id}\t{payment.payer.partner_id}\t{payment.letters[76:100]}\t{BILLER}\tpostpaid\t{payment.bill_key}\t"
        f"{bill_lock(BILLER, payment.bill_key)}\tf\tBDT\t{payment.total}\t0\t0\t0\t2026-11-25\t{bill}\t"
        f"{biller_quote}\t{payment.expires_at}\t{payment.asked_at}\n"
    )


def _payment_row(payment: _PaymentText, biller_quote: str) -> str:
    return (
        f"{payment.ids[0]}\t{payment.payer.partner_id}\t{payment.payer.lane}\t{payment.reference}\t\\\\x{payment.digits[:64]}\t"
        f"{payment.quote_id}\t{BILLER}\t{payment.bill_key}\tpostpaid\tBDT\t{payment.total}\t0\t0\t0\tcompleted\t"
        f"{biller_quote}\t{payment.facts}\t{payment.expires_at}\t{payment.place + 1}\t"
        f"{payment.day.date}\t1\t2\t{payment.accepted_at}\t{payment.delivered_at}\n"
    )


def _attempt_row(payment: _PaymentText) -> str:
    return (
        f"{payment.ids[1]}\t{payment.ids[0]}\tdelivery\t{BILLER}\t{payment.attempt_reference}\tclosed\tapproved\t1\t"
        f"{payment.send_until}\t{payment.accepted_at}\t{payment.delivered_at}\n"
    )


def _prefund_taken_row(payment: _PaymentText) -> str:
    """The first row of history."""
    return f"{payment.ids[0]}\t1\tcreated\tprefund_taken\tdelivering\tswitch\t{{}}\t{payment.accepted_at}\n"


def _acknowledged_row(payment: _PaymentText) -> str:
    """The second row of history."""
    change = "delivering\tbiller_acknowledged\tcompleted\tswitch"
    return f"{payment.ids[0]}\t2\t{change}\t{payment.facts}\t{payment.delivered_at}\n"


def _entry_rows(payment: _PaymentText, heads: LaneHeads) -> str:
    """Both entries, chained to the head of their lane as `domain.ledger.chain_hash` does it."""
    lane, total = payment.payer.lane, str(payment.total)
    seq, before = heads.lanes[lane]
    payment_id, _, accepted, delivered, _ = payment.ids
    date, window = payment.day.date, str(payment.day.window_id)
    head = ("ekpay-entry-1", accepted, payment_id, date, window, "accepted", "BDT")
    text = _SEPARATOR.join((*head, payment.payer.prefund, total, "in_flight", f"-{total}"))
    first = sha256(before + text.encode()).digest()
    head = ("ekpay-entry-1", delivered, payment_id, date, window, "delivered", "BDT")
    text = _SEPARATOR.join((*head, "in_flight", total, PAYABLE, f"-{total}"))
    second = sha256(first + text.encode()).digest()
    heads.lanes[lane] = (seq + 2, second)
    return (
        f"{accepted}\t{lane}\t{seq + 1}\t{payment_id}\taccepted\tBDT\t{date}\t{window}\t\\\\x{first.hex()}\t"
        f"{payment.accepted_at}\n"
        f"{delivered}\t{lane}\t{seq + 2}\t{payment_id}\tdelivered\tBDT\t{date}\t{window}\t"
        f"\\\\x{second.hex()}\t{payment.delivered_at}\n"
    )


def _posting_rows(payment: _PaymentText) -> str:
    _, _, accepted, delivered, _ = payment.ids
    return (
        f"{accepted}\t1\t{payment.payer.prefund}\t{payment.total}\n{accepted}\t2\tin_flight\t-{payment.total}\n"
        f"{delivered}\t1\tin_flight\t{payment.total}\n{delivered}\t2\t{PAYABLE}\t-{payment.total}\n"
    )


def _notification_row(payment: _PaymentText) -> str:
    """Its partner has no endpoint, so it is unwanted."""
    payment_id, *_, notice = payment.ids
    partner_id = payment.payer.partner_id
    return f"{notice}\t{payment_id}\t{partner_id}\tcompleted\t2\tunwanted\t{payment.delivered_at}\n"


def _ledger_line_rows(payment: _PaymentText) -> str:
    """Its frozen lines: one of its partner's prefund and one of its biller."""
    payment_id, attempt, *_ = payment.ids
    of = f"{payment.day.window_id}\t{payment.day.date}"
    ordinal = 2 * payment.place + 1
    return (
        f"{of}\t{ordinal}\tpartner\t{payment.payer.partner_id}\t{payment.payer.prefund}\t{payment_id}\t{payment_id}\tpayment\t"
        f"success\t{payment_id}\t{payment.reference}\t{payment.total}\t{payment.total}\tBDT\t{payment.accepted_at}\n"
        f"{of}\t{ordinal + 1}\tbiller\t{BILLER}\t\t{payment_id}\t{attempt}\tpayment\tsuccess\t"
        f"{payment.attempt_reference}\t\t{payment.total}\t{payment.total}\tBDT\t{payment.delivered_at}\n"
    )


@dataclass(frozen=True, slots=True)
class WriterShare:
    """One writer's part: whole lanes, so that no two writers chain to one head."""

    payers: Sequence[Payer | None]  # by turn; None: another writer's
    heads: Mapping[int, tuple[int, bytes]]
    days: Sequence[PrefillDay]
    seed: int

    def to_json(self) -> str:
        """As a line that another process reads."""
        payers = [None if payer is None else [payer.partner_id, payer.lane] for payer in self.payers]
        heads = {str(lane): [seq, digest.hex()] for lane, (seq, digest) in self.heads.items()}
        days = [[day.date, day.window_id, day.payments, day.first] for day in self.days]
        return json.dumps({"payers": payers, "heads": heads, "days": days, "seed": self.seed})

    @classmethod
    def from_json(cls, text: str) -> "WriterShare":
        """What `to_json` wrote."""
        fields = json.loads(text)
        return cls(
            payers=[None if payer is None else Payer(*payer) for payer in fields["payers"]],
            heads={
                int(lane): (seq, bytes.fromhex(digest)) for lane, (seq, digest) in fields["heads"].items()
            },
            days=[PrefillDay(*day) for day in fields["days"]],
            seed=fields["seed"],
        )

    def places(self, day: PrefillDay) -> list[tuple[int, Payer]]:
        """Its payments of a day: payers take turns over all writers."""
        turns = len(self.payers)
        named = ((place, self.payers[place % turns]) for place in range(day.payments))
        return [(place, payer) for place, payer in named if payer is not None]


def share_out(
    payers: Sequence[Payer], heads: Mapping[int, tuple[int, bytes]], days: Sequence[PrefillDay], writers: int
) -> list[WriterShare]:
    """The work shared out among writers; a lane has one writer."""
    lanes = sorted({payer.lane for payer in payers})
    owner = {lane: number % writers for number, lane in enumerate(lanes)}
    return [
        WriterShare([payer if owner[payer.lane] == writer else None for payer in payers], heads, days, writer)
        for writer in range(min(writers, len(lanes)))
    ]
