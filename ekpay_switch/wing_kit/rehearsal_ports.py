"""Stand-ins for ports in rehearsals of recorded replies: a stopped clock, tokens in memory, no bill files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from ekpay_switch.domain.scrolls.bill_files import (
    BillTaking,
    StoredBill,
    TakeAnswer,
    TakenBill,
    TakingRefusal,
)


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
        """Returns at once: this clock is stopped."""
        del seconds


@dataclass(slots=True)
class InMemoryTokens:
    """One process's tokens, in memory; implements the port `Tokens`."""

    tokens: dict[str, str] = field(default_factory=dict)

    async def current(self, far_side: str) -> str | None:
        """The stored token."""
        return self.tokens.get(far_side)

    async def lease(self, far_side: str, seconds: float) -> int | None:
        """Always granted: there is no other process."""
        del far_side, seconds
        return 1

    async def count_login(self, far_side: str, epoch: int, per_hour: int) -> bool:
        """Always allowed: no far side is called."""
        del far_side, epoch, per_hour
        return True

    async def uncount_login(self, far_side: str, epoch: int) -> None:
        """Nothing is counted."""

    async def store(self, far_side: str, epoch: int, token: str, life_seconds: float) -> bool:
        """Keep it for as long as the object lives."""
        del epoch, life_seconds
        self.tokens[far_side] = token
        return True

    async def release(self, far_side: str, epoch: int) -> None:
        """No lease is kept, so none is released."""

    async def drop(self, far_side: str, token: str) -> None:
        """Drop the token, if it is still the stored one."""
        if self.tokens.get(far_side) == token:
            del self.tokens[far_side]


class NoBillFiles:
    """No bill was handed over in a file; implements the port `BillFiles`."""

    async def by_parameters(self, biller_id: str, parameters: Mapping[str, str]) -> Sequence[StoredBill]:
        """None."""
        del biller_id, parameters
        return ()

    async def take(self, taking: BillTaking) -> TakeAnswer:
        """Never taken: there is no such bill."""
        del taking
        return TakingRefusal.NO_SUCH_BILL

    async def settle(self, biller_id: str, reference: str, payment_id: UUID) -> TakenBill | None:
        """Nothing was ever taken."""
