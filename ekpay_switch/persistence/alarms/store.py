"""The port `Alarms` over PostgreSQL: a row, a line of the log of level error, and the counters."""

from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions


class PostgresAlarms:
    """Alarms in PostgreSQL; each call of `raise_alarm` is one transaction."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def raise_alarm(self, alarm: RaisedAlarm) -> None:
        """See `ports.world.Alarms`."""

        async def _raise(connection: Connection) -> None:
            await raise_alarms(connection, [alarm])

        await self._transactions.run(_raise)
        telemetry.log_error(
            "alarm", notice=alarm.kind, subject=alarm.subject, payment_id=alarm.payment_id, **alarm.facts
        )

    def announce(self, event: Alarm, payment_id: UUID, **facts: str) -> None:
        """See `ports.world.Alarms`."""
        if event is Alarm.LATE_SUCCESS:
            telemetry.LATE_SUCCESSES.inc()
        telemetry.log_error("alarm", notice=event, payment_id=payment_id, **facts)
