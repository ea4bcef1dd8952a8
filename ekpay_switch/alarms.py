"""The port `Alarms`: an error line and a number, where operators and their tools look."""

from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm


class LoggedAlarms:
    """Alarms as log lines of level error, and the counter of late successes."""

    def raise_alarm(self, event: Alarm, payment_id: UUID, **facts: str) -> None:
        """See `ports.Alarms`."""
        if event is Alarm.LATE_SUCCESS:
            telemetry.LATE_SUCCESSES.inc()
        telemetry.log_error("alarm", notice=event, payment_id=payment_id, **facts)
