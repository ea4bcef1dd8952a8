"""What a rehearsal of recorded replies needs instead of ports: a clock that stands, a shelf for tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from ekpay_switch.domain.scrolls.bill_files import FoundBill, NotTaken, TakeAnswer, Taken, Taking


@dataclass(frozen=True, slots=True)
class StoppedClock:
    """A clock that always shows the same instant; implements the port `Clock`."""

    instant: datetime

    def monotonic(self) -> float:
        """Always zero: nothing is ever late."""
        return 0.0

    def now(self) -> datetime:
        """The instant."""
        return self.instant

    async def sleep(self, seconds: float) -> None:
        """No wait: this clock stands."""
        del seconds


@dataclass(slots=True)
class TokenShelf:
    """One process's tokens, in memory; implements the port `Tokens`."""

    held: dict[str, str] = field(default_factory=dict)

    async def current(self, far_side: str) -> str | None:
        """The stored token."""
        return self.held.get(far_side)

    async def lease(self, far_side: str, seconds: float) -> int | None:
        """Always granted: there is nobody else."""
        del far_side, seconds
        return 1

    async def count_login(self, far_side: str, epoch: int, per_hour: int) -> bool:
        """Never too many: nobody is really asked."""
        del far_side, epoch, per_hour
        return True

    async def uncount_login(self, far_side: str, epoch: int) -> None:
        """Nothing is counted."""

    async def store(self, far_side: str, epoch: int, token: str, life_seconds: float) -> bool:
        """Keep it for as long as the object lives."""
        del epoch, life_seconds
        self.held[far_side] = token
        return True

    async def release(self, far_side: str, epoch: int) -> None:
        """Nothing is held, so nothing is given back."""

    async def drop(self, far_side: str, token: str) -> None:
        """Forget it, if it is still the one."""
        if self.held.get(far_side) == token:
            del self.held[far_side]


class NoBillFiles:
    """Nobody has handed over a bill; implements the port `BillFiles`."""

    async def named(self, biller_id: str, parameters: Mapping[str, str]) -> Sequence[FoundBill]:
        """None."""
        del biller_id, parameters
        return ()

    async def take(self, taking: Taking) -> TakeAnswer:
        """Never: there is no such bill."""
        del taking
        return NotTaken.NO_SUCH_BILL

    async def settle(self, biller_id: str, reference: str, payment_id: UUID) -> Taken | None:
        """Nothing was ever taken."""
