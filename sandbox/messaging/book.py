"""Which messages the gateway has taken.

The book changes only through events, each in the journal before it counts, and is rebuilt from the same
events after a kill.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from typing_extensions import override

from sandbox.kit.institution.book import JournalledBook
from sandbox.kit.institution.clock import dhaka_day
from sandbox.kit.institution.journal import JournalLine
from sandbox.messaging.message_parts import SmsType


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """A message that was taken; instants are aware, and one that never arrives has no `delivered_at`."""

    reference_id: str
    csms_id: str
    msisdn: str
    sender_id: str
    body: str
    sms_type: SmsType
    parts: int
    accepted_at: datetime
    delivered_at: datetime | None

    def is_delivered(self, now: datetime) -> bool:
        """Whether it is in the inbox."""
        return self.delivered_at is not None and self.delivered_at <= now

    def as_json(self) -> dict[str, object]:
        """Return its members, instants as text."""
        instants = {"accepted_at": self.accepted_at, "delivered_at": self.delivered_at}
        return asdict(self) | {name: at and at.isoformat() for name, at in instants.items()}


class SmsBook(JournalledBook):
    """The messages of one simulator."""

    def __init__(self, path: Path, seed: int, today: date) -> None:
        """Open the book kept at `path`, or begin one today.

        Raises:
            BookOfAnotherWorldError: the book there was begun with another seed.
            JournalInUseError: another process keeps it open.
            BrokenJournalError: it cannot be read.
        """
        self._messages: list[SmsMessage] = []
        self._by_number: defaultdict[str, list[SmsMessage]] = defaultdict(list)
        self._csms_ids: set[tuple[date, str]] = set()
        super().__init__(path, seed, today)

    @property
    def count(self) -> int:
        """How many messages were ever taken."""
        return len(self._messages)

    def has_csms_id(self, csms_id: str, day: date) -> bool:
        """Whether a message of this Dhaka day has this id."""
        return (day, csms_id) in self._csms_ids

    def messages(self, msisdn: str | None = None) -> Sequence[SmsMessage]:
        """Return the messages to one number, or all of them, in the order in which they were taken."""
        return self._messages if msisdn is None else self._by_number.get(msisdn, [])

    def inbox(self, now: datetime, msisdn: str | None = None) -> list[SmsMessage]:
        """Return what has arrived until now, for one number or for all, the newest first."""
        arrived = [
            (message.delivered_at, message)
            for message in reversed(self.messages(msisdn))
            if message.delivered_at is not None and message.delivered_at <= now
        ]
        return [message for _, message in sorted(arrived, key=lambda pair: pair[0], reverse=True)]

    def record_accepted(self, message: SmsMessage) -> None:
        """Keep a new message; the caller has checked that its id is new on this day."""
        self._record({"kind": "accepted", **message.as_json()})

    @override
    def _apply(self, kind: str, line: JournalLine) -> None:
        if kind != "accepted":
            raise ValueError(f"the book has no event called {kind}")
        message = _message_of(line)
        self._messages.append(message)
        self._by_number[message.msisdn].append(message)
        self._csms_ids.add((dhaka_day(message.accepted_at), message.csms_id))


def _message_of(line: JournalLine) -> SmsMessage:
    values = {name: value for name, value in line.items() if name != "kind"}
    delivered_at = values["delivered_at"]
    values |= {
        "sms_type": SmsType(str(values["sms_type"])),
        "accepted_at": datetime.fromisoformat(str(values["accepted_at"])),
        "delivered_at": None if delivered_at is None else datetime.fromisoformat(str(delivered_at)),
    }
    return SmsMessage(**values)  # type: ignore[arg-type]  # our own line
