"""Numbers and lines of what goes wrong at our doors: limits that were reached, logins that failed."""

from prometheus_client import Counter

from ekpay_switch.telemetry import REGISTRY, log_warning

LIMIT_REFUSALS = Counter(
    "ekpay_limit_refusals",
    "Calls that had to wait, by the limit of the agreement and the partner",
    ["limit", "partner_id"],
    registry=REGISTRY,
)
FAILED_LOGINS = Counter(
    "ekpay_failed_logins",
    "Failed logins, those that had to wait included, by door and reason",
    ["api", "reason"],
    registry=REGISTRY,
)

_LOGIN_NAME_LENGTH_MAX = 64


def log_failed_login(api: str, address: str, reason: str, login_name: str = "") -> None:
    """Write one line of one shape for every door; `login_name` is what was claimed, if anything."""
    log_warning(
        "login_failed",
        api=api,
        address=address,
        login_name=login_name[:_LOGIN_NAME_LENGTH_MAX],
        reason=reason,
    )
