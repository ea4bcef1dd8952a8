"""The files of all institutions while they are written, and the settled amount of each."""

from collections import defaultdict
from collections.abc import Mapping

from sandbox.rehearsals.month.files.row_slots import Slot, SlotMaker
from sandbox.rehearsals.month.model.instants import day_of, minute_of
from sandbox.rehearsals.month.model.institutions import DELIVERY, FUNDS, Leg, MonthInstitution
from sandbox.rehearsals.month.model.rows import MonthRow


class InstitutionFiles:
    """Finds the file for a row; a file ends with the day of its date."""

    def __init__(self, maker: SlotMaker) -> None:
        self._maker = maker
        self._slots: dict[tuple[str, int, int], Slot] = {}
        self._settled: dict[int, dict[MonthInstitution, int]] = defaultdict(lambda: defaultdict(int))

    def slot(self, institution: MonthInstitution, date: int, cycle: int) -> Slot:
        """Return one file."""
        place = (institution.id, date, cycle)
        slot = self._slots.get(place)
        if slot is None:
            slot = self._slots[place] = self._maker.make(institution, date, cycle)
        return slot

    def due(self, institution: MonthInstitution, ms: int) -> Slot:
        """Return the file in which a movement of an instant belongs."""
        return self.slot(institution, *institution.due(day_of(ms), minute_of(ms)))

    def after(self, slot: Slot) -> Slot:
        """Return the first file of the next date."""
        return self.slot(slot.institution, slot.institution.next_date(slot.date), 1)

    def add(self, row: MonthRow) -> None:
        """Put a row into the file in which it belongs."""
        self.due(row.institution, row.ms).add(row)

    def close_date(self, date: int) -> None:
        """End all files of a date, empty ones too."""
        for institution in (*FUNDS, *DELIVERY):
            if not institution.is_made(date):
                continue
            for cycle in range(1, len(institution.cycle_ends) + 1):
                slot = self.slot(institution, date, cycle)
                slot.close()
                del self._slots[institution.id, date, cycle]
                if institution.leg is Leg.FUNDS:
                    self._settled[institution.payout(date)][institution] += slot.settled

    def settled(self, payout: int) -> Mapping[MonthInstitution, int]:
        """Return what each institution pays on a day, as the final amount."""
        return self._settled.pop(payout, {})
