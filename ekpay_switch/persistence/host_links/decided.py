"""Requests over host links as two persons decide about their tries, in the transaction of the decision."""

from uuid import UUID

from ekpay_switch.domain.decisions.host_requests import (
    HostRequest,
    HostRequestOpenError,
    host_request_of,
)
from ekpay_switch.domain.host_messages import APPROVAL, HostState
from ekpay_switch.persistence.host_links.messages import BURY
from ekpay_switch.persistence.payment_rows import HOST_LOCK, lock_name
from ekpay_switch.persistence.short_transactions import Connection

# The request that was not withdrawn, of which a try has one at most, else one that was.
_READ = """
SELECT t.connector_id, a.reference, t.epoch, m.state, coalesce(m.reply_decided, false) AS is_decided,
  coalesce(m.reply_code = $2, false) AS is_approval,
  EXISTS (SELECT FROM host_links AS l WHERE l.connector_id = t.connector_id) AS is_host_link
FROM tries AS t JOIN attempts AS a ON a.id = t.attempt_id
LEFT JOIN host_messages AS m ON m.connector_id = t.connector_id AND m.reference = a.reference
WHERE t.attempt_id = $1 ORDER BY m.state = 'withdrawn' LIMIT 1
"""


async def read_host_request(connection: Connection, attempt_id: UUID) -> HostRequest:
    """How the request of a try stands."""
    row = await connection.fetchrow(_READ, attempt_id, APPROVAL)
    if row["state"] is None:
        return HostRequest.UNSENT if row["is_host_link"] else HostRequest.NONE
    return host_request_of(
        HostState(row["state"]), is_decided=row["is_decided"], is_approval=row["is_approval"]
    )


async def end_unsent(connection: Connection, attempt_id: UUID) -> None:
    """Let no holder of a locked try hand a request over any more; called before its epoch changes.

    Raises:
        HostRequestOpenError: somebody has handed one over, or the host has approved one.
    """
    row = await connection.fetchrow(_READ, attempt_id, APPROVAL)
    await lock_name(connection, HOST_LOCK, row["connector_id"], row["reference"])
    match await read_host_request(connection, attempt_id):
        case HostRequest.UNSENT:
            await connection.execute(BURY, row["connector_id"], row["reference"], row["epoch"])
        case HostRequest.OPEN | HostRequest.APPROVED:
            raise HostRequestOpenError
        case HostRequest.NONE | HostRequest.ENDED:
            pass
