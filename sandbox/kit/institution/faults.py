"""Which fault strikes which call: set by admin calls, used up call by call.

Which faults there are is the institution's own; here they are only kept and taken.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

FaultT = TypeVar("FaultT", bound=StrEnum)

ANYBODY = "*"
"""Stands for every number: a fault set for it strikes the next caller."""


@dataclass(slots=True)
class _Pending(Generic[FaultT]):
    fault: FaultT
    times: int


class FaultTable(Generic[FaultT]):
    """The faults set by admin calls, each for one number and so many times."""

    def __init__(self) -> None:
        self._pending: dict[str, deque[_Pending[FaultT]]] = {}

    def add(self, number: str, fault: FaultT, times: int) -> None:
        """Let a fault strike the next `times` calls for a number."""
        self._pending.setdefault(number, deque()).append(_Pending(fault, times))

    def clear(self) -> None:
        """Forget every fault that has not struck yet."""
        self._pending.clear()

    def take(self, *numbers: str) -> FaultT | None:
        """Return the fault that strikes a call for any of these numbers, and count it as used."""
        return self._take(numbers, None)

    def take_if_in(self, faults: Collection[FaultT], *numbers: str) -> FaultT | None:
        """Return the fault that strikes, if it is one of these; others wait for another call."""
        return self._take(numbers, faults)

    def listing(self) -> list[dict[str, object]]:
        """Return what is still to strike."""
        return [
            {"number": number, "fault": pending.fault, "times": pending.times}
            for number, queue in self._pending.items()
            for pending in queue
        ]

    def _take(self, numbers: tuple[str, ...], faults: Collection[FaultT] | None) -> FaultT | None:
        if not self._pending:
            return None
        for number in numbers:
            queue = self._pending.get(number)
            if queue and (faults is None or queue[0].fault in faults):
                return self._use(number, queue)
        return None

    def _use(self, number: str, queue: deque[_Pending[FaultT]]) -> FaultT:
        pending = queue[0]
        pending.times -= 1
        if pending.times == 0:
            queue.popleft()
            if not queue:
                del self._pending[number]
        return pending.fault


class StepFaults(Generic[FaultT]):
    """A fault table for each step of a payment; a fault set for one step passes the others by."""

    def __init__(self, steps: Iterable[StrEnum]) -> None:
        self._tables: dict[StrEnum | None, FaultTable[FaultT]] = {step: FaultTable() for step in steps}
        self._tables[None] = FaultTable()

    def add(self, step: StrEnum | None, number: str, fault: FaultT, times: int) -> None:
        """Let a fault strike the next `times` calls for a number, or for `ANYBODY`; None is any step."""
        self._tables[step].add(number, fault, times)

    def clear(self) -> None:
        """Forget every fault that has not struck yet."""
        for table in self._tables.values():
            table.clear()

    def take(self, step: StrEnum, *numbers: str) -> FaultT | None:
        """Return the fault that strikes this call, and count it as used; what is set for all comes last."""
        fault = self._tables[step].take(*numbers, ANYBODY)
        return self._tables[None].take(*numbers, ANYBODY) if fault is None else fault

    def listing(self) -> list[dict[str, object]]:
        """Return what is still to strike, step by step."""
        return [
            {"step": step or "any", **pending}
            for step, table in self._tables.items()
            for pending in table.listing()
        ]
