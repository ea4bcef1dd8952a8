"""The sends journal in memory, and what a restored database would have lost of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from ekpay_switch.domain.lost_sends import LostFinding, LostSend, LostState
from ekpay_switch.domain.sends import Send


@dataclass
class FakeSends:
    """The port `SendsJournal`; while it is full, nothing may be sent."""

    lines: list[Send] = field(default_factory=list)
    is_full: bool = False

    def write(self, send: Send) -> bool:
        if not self.is_full:
            self.lines.append(send)
        return not self.is_full


@dataclass
class FakeLostSends:
    """The port `LostSends`."""

    rows: dict[UUID, LostSend] = field(default_factory=dict)

    @classmethod
    def of(cls, sends: Iterable[Send]) -> "FakeLostSends":
        lost = (LostSend(UUID(int=number), send) for number, send in enumerate(sends, start=1))
        return cls({row.lost_id: row for row in lost})

    async def to_ask(self) -> Sequence[LostSend]:
        return [row for row in self.rows.values() if row.state is LostState.UNKNOWN and row.booked_at is None]

    async def record(self, lost_id: UUID, finding: LostFinding) -> None:
        self.rows[lost_id] = replace(self.rows[lost_id], finding=finding)
