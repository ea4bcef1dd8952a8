"""The port `ports.finance.AlarmBooks` over PostgreSQL: alarms whose end only the reconciliation knows."""

from collections.abc import Sequence

from ekpay_switch.domain.alarms import RaisedAlarm
from ekpay_switch.persistence.alarms.rows import AlarmEnd, end_alarms, raise_alarms
from ekpay_switch.persistence.short_transactions import Connection


class WingAlarms:
    """Alarms of the reconciliation, in its transaction."""

    async def raise_alarms(self, connection: Connection, alarms: Sequence[RaisedAlarm]) -> None:
        """See `ports.finance.AlarmBooks`."""
        await raise_alarms(connection, alarms)

    async def end_alarms(self, connection: Connection, subjects: Sequence[str], reason: str) -> None:
        """See `ports.finance.AlarmBooks`."""
        await end_alarms(connection, subjects, AlarmEnd.EVIDENCE, reason)
