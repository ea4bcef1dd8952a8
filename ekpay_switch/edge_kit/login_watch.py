"""Failed logins at one door: counted by address for all processes together, and a line of the log each.

A door is an API, a page or a form: whatever somebody wants to enter with a key, a signature or a name that
nobody can guess. Only failures are counted, so nobody is locked out by what others try (docs/adr/0067).
"""

from starlette.requests import Request

from ekpay_switch import telemetry, trouble
from ekpay_switch.ports.world import FailedLogins


def address_of(request: Request) -> str:
    """The address of whoever holds the connection; empty where it has none."""
    return request.client.host if request.client else ""


class LoginWatch:
    """Counts and logs the failures of one door, `api` in the log."""

    def __init__(self, failures: FailedLogins, api: str) -> None:
        self._failures = failures
        self._api = api

    async def may_go_on(self, address: str, reason: str, name: str = "") -> bool:
        """Count a failure; False where its caller has to wait, which fills no log.

        `name` is what the caller claims to be, where the door has names: never a key or a part of one.
        """
        trouble.FAILED_LOGINS.labels(self._api, reason).inc()
        if not await self._failures.count(address, name):
            return False
        trouble.log_failed_login(self._api, address, reason, name)
        return True

    async def note(self, address: str, reason: str, name: str = "") -> None:
        """The same for a page: it is shown whatever becomes of the count."""
        try:
            await self.may_go_on(address, reason, name)
        except Exception as error:  # noqa: BLE001 - a count that is lost must not cost a payer the page
            telemetry.count_error("failed_login_not_counted", error=error)
