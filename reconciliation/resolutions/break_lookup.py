"""One break by its id, as it stands now."""

from datetime import date
from typing import Final
from uuid import UUID

from ekpay_switch.ports.finance import Connection
from reconciliation.calendar import Calendar
from reconciliation.resolutions.decision_records import NoNightError, UnknownIdError
from reconciliation.results.break_results import read_breaks
from reconciliation.results.records import BreakFilter, BreakRecord

_KEY: Final = "SELECT code, institution, reference FROM reconciliation.breaks WHERE id = $1"
_NIGHT: Final = "SELECT max(night) FROM reconciliation.runs"


async def break_by(connection: Connection, break_id: UUID, calendar: Calendar) -> BreakRecord:
    """A break.

    Raises:
        UnknownIdError: there is none.
    """
    key = await connection.fetchrow(_KEY, break_id)
    if key is not None:
        break_filter = BreakFilter(
            codes=(key["code"],), institutions=(key["institution"],), reference=key["reference"]
        )
        for record in await read_breaks(connection, break_filter, await newest_night(connection), calendar):
            if record.id == break_id:
                return record
    raise UnknownIdError(f"there is no break {break_id}")


async def newest_night(connection: Connection) -> date:
    """The newest night that was run: what persons do is done in it.

    Raises:
        NoNightError: there is none.
    """
    night: date | None = await connection.fetchval(_NIGHT)
    if night is None:
        raise NoNightError
    return night
