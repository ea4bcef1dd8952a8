"""What `ekpay status` says of the last night (entry point group `ekpay.status`); needs no extra."""

from collections.abc import Sequence
from typing import Final

from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.status import StatusLine
from reconciliation.results.table_values import Connection

_LAST: Final = """
SELECT r.night, r.number, r.finished_at,
  EXISTS (SELECT FROM reconciliation.closed_days AS c WHERE c.night = r.night) AS is_closed,
  (SELECT count(*) FROM jsonb_each_text(r.invariants) AS i WHERE i.value <> 'hold') AS broken
FROM reconciliation.runs AS r ORDER BY r.seq DESC LIMIT 1
"""
_BREAKS: Final = """
SELECT count(*) AS breaks, coalesce(sum(b.exposure), 0)::bigint AS exposure
FROM reconciliation.breaks AS b CROSS JOIN LATERAL (
  SELECT e.state FROM reconciliation.break_events AS e
  WHERE e.break_id = b.id ORDER BY e.seq DESC LIMIT 1) AS s
WHERE s.state IN ('open', 'proposed')
"""


async def read_last_night(connection: Connection) -> Sequence[StatusLine]:
    """The newest night, and what is open of all nights."""
    run = await connection.fetchrow(_LAST)
    if run is None:
        return [StatusLine("Last night", "none was reconciled yet: ekpay reconcile run")]
    is_well = not run["broken"]
    found = "closed" if run["is_closed"] else "not closed"
    if not is_well:
        found += f", {run['broken']} invariants do not hold: ekpay reconcile status"
    breaks = await connection.fetchrow(_BREAKS)
    text = f"{breaks['breaks']:,} open, exposure {format_taka(breaks['exposure'])} taka"
    return [
        StatusLine("Last night", f"{run['night']}, run {run['number']}, {found}", is_well),
        StatusLine("Breaks", text, is_well=not breaks["breaks"]),
    ]
