"""What a try's request over a host link lets two persons decide: a host is never overruled.

Only the host's answer, to the request or to its reversal, proves what became of the money (docs/adr/0037).
"""

from enum import StrEnum

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.host_messages import HostState


class HostRequest(StrEnum):
    """How the request of a try stands."""

    NONE = "none"  # its connector is no host link
    UNSENT = "unsent"  # nothing has left us: none was handed over, or it was withdrawn
    OPEN = "open"  # sent or being reversed, or about to be sent
    APPROVED = "approved"  # the host has taken the money
    ENDED = "ended"  # the host has refused it, or has confirmed its reversal


class HostRequestOpenError(SwitchError):
    """Nothing is decided about a collection while its request over a host link is open."""

    def __init__(self) -> None:
        super().__init__(
            "action: its request over a host link is open; the reversal is repeated until the bank's host"
            " confirms it, and that ends the collection; the bank's operations desk has to see to it"
        )


def host_request_of(state: HostState, *, is_decided: bool, is_approval: bool) -> HostRequest:
    """How a request in this state stands; `is_decided` and `is_approval` are of the host's answer."""
    if state is HostState.WITHDRAWN:
        return HostRequest.UNSENT
    if state is HostState.ANSWERED and is_decided:
        return HostRequest.APPROVED if is_approval else HostRequest.ENDED
    return HostRequest.ENDED if state is HostState.REVERSED else HostRequest.OPEN
