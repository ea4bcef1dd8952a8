"""The files of all institutions while they are filled, and what each of them settles."""

from collections import defaultdict
from collections.abc import Mapping

from sandbox.rehearsals.month.files.row_slots import Slot, SlotMaker
from sandbox.rehearsals.month.model.instants import day_of, minute_of
from sandbox.rehearsals.month.model.institutions import DELIVERY, FUNDS, House, Leg
from sandbox.rehearsals.month.model.rows import Row

Batches = Mapping[int, Mapping[House, int]]


class Desk:
    """Finds the file for a row; a file ends with the day of its date."""

    def __init__(self, maker: SlotMaker) -> None:
        self._maker = maker
        self._slots: dict[tuple[str, int, int], Slot] = {}
        self._settled: dict[int, dict[House, int]] = defaultdict(lambda: defaultdict(int))

    def slot(self, house: House, date: int, cycle: int) -> Slot:
        """Return one file."""
        place = (house.id, date, cycle)
        found = self._slots.get(place)
        if found is None:
            found = self._slots[place] = self._maker.make(house, date, cycle)
        return found

    def due(self, house: House, ms: int) -> Slot:
        """Return the file that ought to show what happened at an instant."""
        return self.slot(house, *house.due(day_of(ms), minute_of(ms)))

    def after(self, slot: Slot) -> Slot:
        """Return the first file of the next date."""
        return self.slot(slot.house, slot.house.next_date(slot.date), 1)

    def add(self, row: Row) -> None:
        """Put a row where it ought to be."""
        self.due(row.house, row.ms).add(row)

    def close_date(self, date: int) -> None:
        """End all files of a date, empty ones too."""
        for house in (*FUNDS, *DELIVERY):
            if not house.is_made(date):
                continue
            for cycle in range(1, len(house.cycle_ends) + 1):
                slot = self.slot(house, date, cycle)
                slot.close()
                del self._slots[house.id, date, cycle]
                if house.leg is Leg.FUNDS:
                    self._settled[house.payout(date)][house] += slot.settled

    def settled(self, payout: int) -> Mapping[House, int]:
        """Return what each house pays on a day; nothing is added to it any more."""
        return self._settled.pop(payout, {})
