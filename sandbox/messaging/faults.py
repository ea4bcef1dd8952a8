"""The faults of the simulated SMS gateway, and the numbers that always have one.

A fault set by an admin call strikes before that of a number, and is used up. A message that would be refused
anyway is refused, and no fault is used for it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from sandbox.messaging.replies import Refusal


class SmsFault(StrEnum):
    """One fault at one message; those named as a refusal refuse with its code, and nothing is taken."""

    UNAUTHORISED = "unauthorised"
    SID_NOT_PERMITTED = "sid_not_permitted"
    IP_BLACKLISTED = "ip_blacklisted"
    INVALID_REQUEST = "invalid_request"
    INVALID_CSMS_ID = "invalid_csms_id"
    PARAMETER_MISSING = "parameter_missing"
    DUPLICATE_CSMS_ID = "duplicate_csms_id"
    INVALID_MSISDN = "invalid_msisdn"
    BLOCKED_MSISDN = "blocked_msisdn"
    TOO_LONG = "too_long"
    TOO_MANY_REQUESTS = "too_many_requests"
    TPS_EXCEEDED = "tps_exceeded"
    UNKNOWN_ERROR = "unknown_error"
    LOST_DONE = "lost_done"
    """Taken, then the connection closes without an answer."""
    LOST_UNDONE = "lost_undone"
    """Not taken, and the connection closes without an answer."""
    SLOW = "slow"
    """Taken at once, answered late."""
    HTTP_500 = "http_500"
    """Not taken, HTTP 500."""
    HTML = "html"
    """Taken, and answered with a web page under HTTP 200."""
    DELIVER_LATE = "deliver_late"
    """Taken and answered rightly, in the inbox only after `late_seconds`."""
    DELIVER_NEVER = "deliver_never"
    """Taken and answered rightly, never in the inbox."""


REFUSED_WITH: Mapping[SmsFault, Refusal] = {
    SmsFault(refusal.name.lower()): refusal for refusal in Refusal if refusal is not Refusal.NO_SUCH_PATH
}
"""The faults that refuse."""


class MagicNumber(NamedTuple):
    """A number whose messages always go wrong, and how."""

    msisdn: str
    fault: SmsFault
    meaning: str


MAGIC_NUMBERS = (
    MagicNumber("8801900000001", SmsFault.INVALID_MSISDN, "refused with 4025, an invalid number"),
    MagicNumber("8801900000002", SmsFault.BLOCKED_MSISDN, "refused with 4026, a blocked number"),
    MagicNumber("8801900000003", SmsFault.TOO_MANY_REQUESTS, "refused with 4029, too many requests"),
    MagicNumber("8801900000004", SmsFault.UNKNOWN_ERROR, "refused with 5000, an unknown error"),
    MagicNumber("8801900000005", SmsFault.LOST_DONE, "taken, and the answer is lost"),
    MagicNumber("8801900000006", SmsFault.LOST_UNDONE, "not taken, and the connection closes"),
    MagicNumber("8801900000007", SmsFault.SLOW, "taken, and answered slowly"),
    MagicNumber("8801900000008", SmsFault.HTTP_500, "not taken, HTTP 500"),
    MagicNumber("8801900000009", SmsFault.HTML, "taken, and answered with a web page"),
    MagicNumber("8801900000010", SmsFault.DELIVER_LATE, "taken, and in the inbox half a minute later"),
    MagicNumber("8801900000011", SmsFault.DELIVER_NEVER, "taken, and never in the inbox"),
)

MAGIC: Mapping[str, SmsFault] = {magic.msisdn: magic.fault for magic in MAGIC_NUMBERS}
"""The fault of each magic number."""
