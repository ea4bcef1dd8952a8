"""How the simulator misbehaves: for single accounts and bills, and as a whole.

Magic accounts carry their fault for ever, but it strikes only while the pair is not saved: a
repeat of a saved payment is always answered plainly, otherwise nobody could ever learn of it.
A fault set by an admin call strikes every save of its account or bill until it is used up.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from sandbox.desco.bills import AccountKind


class Fault(StrEnum):
    """One way to misbehave when a payment is saved."""

    LOST_PAID = "lost_paid"
    """Saved, then the connection closes without an answer."""
    LOST_UNPAID = "lost_unpaid"
    """Not saved, and the connection closes without an answer."""
    SLOW = "slow"
    """Saved at once, answered late."""
    REFUSE = "refuse"
    """A payment that would have been saved is refused with 328."""
    HTML = "html"
    """Saved, and answered with a web page under HTTP 200."""
    HTTP_500 = "http_500"
    """Not saved, HTTP 500: one of the two ways an error can mean nothing or everything."""
    STATUS_500 = "status_500"
    """Saved, HTTP 200 with statusCode 500: the other way."""
    ECHO_OTHER_AMOUNT = "echo_other_amount"
    """Saved, no answer, and every later status call tells an amount 1.00 taka higher."""
    EXPIRE_TOKENS = "expire_tokens"
    """The bill token counts as expired (326). Set without account and bill: all bearers die now."""
    CLOSE_BEFORE = "close_before"
    """The connection closes before anything is looked at; strikes list, info and status calls too."""


MAGIC = {
    AccountKind.SLOW: Fault.SLOW,
    AccountKind.ANSWER_LOST_PAID: Fault.LOST_PAID,
    AccountKind.ANSWER_LOST_UNPAID: Fault.LOST_UNPAID,
    AccountKind.REFUSES: Fault.REFUSE,
    AccountKind.HTML_ANSWER: Fault.HTML,
    AccountKind.ECHOES_OTHER_AMOUNT: Fault.ECHO_OTHER_AMOUNT,
}
"""The kinds of account that misbehave when a payment is saved."""

_ANY_FAULT = frozenset(Fault)
_CLOSE_ONLY = frozenset({Fault.CLOSE_BEFORE})


@dataclass(slots=True)
class _Pending:
    fault: Fault
    times: int


class FaultTable:
    """The faults set by admin calls, each for one account or bill and a number of times."""

    def __init__(self) -> None:
        self._pending: dict[str, deque[_Pending]] = {}

    def add(self, number: str, fault: Fault, times: int) -> None:
        """Let a fault strike the next `times` calls for an account or bill number."""
        self._pending.setdefault(number, deque()).append(_Pending(fault, times))

    def clear(self) -> None:
        """Forget every fault that has not struck yet."""
        self._pending.clear()

    def take(self, *numbers: str) -> Fault | None:
        """Return the fault that strikes a save for any of these numbers, and count it as used."""
        return self._take(numbers, _ANY_FAULT)

    def takes_close(self, *numbers: str) -> bool:
        """Whether a call that moves no money is cut off; only `close_before` does that."""
        return self._take(numbers, _CLOSE_ONLY) is not None

    def listing(self) -> list[dict[str, object]]:
        """Return what is still to strike."""
        return [
            {"number": number, "fault": pending.fault, "times": pending.times}
            for number, queue in self._pending.items()
            for pending in queue
        ]

    def _take(self, numbers: tuple[str, ...], wanted: frozenset[Fault]) -> Fault | None:
        if not self._pending:
            return None
        for number in numbers:
            queue = self._pending.get(number)
            if queue and queue[0].fault in wanted:
                return self._use(number, queue)
        return None

    def _use(self, number: str, queue: deque[_Pending]) -> Fault:
        pending = queue[0]
        pending.times -= 1
        if pending.times == 0:
            queue.popleft()
            if not queue:
                del self._pending[number]
        return pending.fault


class OutageMode(StrEnum):
    """How the whole institution is out of order."""

    NONE = "none"
    HANG = "hang"
    HTTP_503 = "http_503"


class Outage:
    """An outage of the whole institution: nothing is done while it lasts.

    `hang` holds every call until the outage is over and then closes without an answer.
    """

    def __init__(self) -> None:
        self.mode = OutageMode.NONE
        self._over = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, mode: OutageMode, seconds: float | None) -> None:
        """Start an outage that ends by itself after `seconds`, or with the next call of this."""
        self.end()
        self._over = asyncio.Event()
        self.mode = mode
        if mode is not OutageMode.NONE and seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def end(self) -> None:
        """Let the institution work again and release the held calls."""
        self.mode = OutageMode.NONE
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def wait_until_over(self) -> None:
        """Return when this outage has ended, even if another has begun since."""
        await self._over.wait()
