"""The faults of a far side and its network, and the queue of ordered ones.

Several look the same to a caller on purpose: it cannot know whether the far side did its work.
"""

from collections import deque
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

OPENING_BYTES = 512
"""How many bytes of a request are searched for the texts of an order."""

SECONDS_MAX = 86_400


class NetworkFault(StrEnum):
    """A fault of one exchange; `refuse` alone concerns the whole far side."""

    REFUSE = "refuse"
    """Connections are refused and idle ones closed; nothing new passes, what has begun may end."""
    RESET_BEFORE = "reset_before"
    """Nothing is forwarded; the connection is reset once the request has begun."""
    RESET_AFTER = "reset_after"
    """The far side has answered; the connection is reset without a byte of it."""
    CUT = "cut"
    """The far side has answered; the connection is closed gracefully without a byte of it."""
    HALF_ANSWER = "half_answer"
    """The far side has answered; half of the bytes arrive, then the connection is closed gracefully."""
    HALF_CLOSE = "half_close"
    """The far side sees our end of its connection closed after the request; its answer is passed on."""
    BLACK_HOLE_BEFORE = "black_hole_before"
    """Nothing is forwarded and nothing answered; the connection stays open until the caller closes."""
    BLACK_HOLE_AFTER = "black_hole_after"
    """The far side has answered, the answer is dropped; the connection stays open until the caller closes."""
    DELAY_REQUEST = "delay_request"
    """The request is forwarded `seconds` later, even if the caller has closed: a late success."""
    HOLD_REQUEST = "hold_request"
    """The request is forwarded at the release, even if the caller has closed."""
    DELAY_ANSWER = "delay_answer"
    """The far side has answered; the answer arrives `seconds` later."""
    CORRUPT = "corrupt"
    """One byte in the middle of the answer's body has its high bit flipped: no valid UTF-8 any more."""
    HTML = "html"
    """The far side has answered; a web page under HTTP 200 arrives instead."""
    HTML_BEFORE = "html_before"
    """Nothing is forwarded; a web page under HTTP 200 is the answer."""
    DUPLICATE = "duplicate"
    """The far side gets the request twice, on two connections; the first answer is passed on."""
    SLOW_DRIP = "slow_drip"
    """The far side has answered; the answer arrives byte by byte over `seconds`."""


_Text = Annotated[str, Field(min_length=1, max_length=OPENING_BYTES)]
_NEED_SECONDS = frozenset({NetworkFault.DELAY_REQUEST, NetworkFault.DELAY_ANSWER, NetworkFault.SLOW_DRIP})
_MAY_HAVE_SECONDS = _NEED_SECONDS | {NetworkFault.REFUSE}


class NetworkFaultOrder(BaseModel):
    """An order to inject a fault into exchanges with one far side.

    `times` is how many of them, and None until it is lifted. `match` and `also` must both occur, as UTF-8, in
    the first 512 bytes of the request. `seconds` is how long a delay or a drip lasts, and after how long a
    refusal ends by itself; no other fault has them. A refusal knows no exchanges, so it has none of the rest.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)

    far_side: Annotated[str, Field(min_length=1)]
    fault: NetworkFault
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    seconds: Annotated[float, Field(gt=0, le=SECONDS_MAX, allow_inf_nan=False)] | None = None
    match: _Text | None = None
    also: _Text | None = None

    @field_validator("seconds")
    @classmethod
    def _check_seconds(cls, value: float | None, info: ValidationInfo) -> float | None:
        fault = info.data.get("fault")
        if value is None and fault in _NEED_SECONDS:
            raise ValueError(f"{fault} needs seconds")
        if value is not None and fault is not None and fault not in _MAY_HAVE_SECONDS:
            raise ValueError(f"{fault} has no seconds")
        return value

    @field_validator("times", "match", "also")
    @classmethod
    def _check_refusal(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("fault") is NetworkFault.REFUSE:
            raise ValueError("a refusal lasts until it is lifted or its seconds are over")
        return value


class ArmedFault:
    """An armed order, waiting for exchanges."""

    def __init__(self, order: NetworkFaultOrder) -> None:
        self.order = order
        self.times_left = order.times
        self._needles = [text.encode() for text in (order.match, order.also) if text is not None]

    @property
    def looks_inside(self) -> bool:
        """Whether it depends on the request's first bytes."""
        return bool(self._needles)

    def fits(self, opening: bytes) -> bool:
        """Whether it may strike the request that begins with these bytes."""
        return all(needle in opening for needle in self._needles)

    def listing(self) -> dict[str, object]:
        """The order as it stands now; `times` is what is left of them."""
        return self.order.model_dump(mode="json") | {"times": self.times_left}


class FaultQueue:
    """The orders for one far side, first come first served."""

    def __init__(self) -> None:
        self._armed: deque[ArmedFault] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is armed."""
        return not self._armed

    @property
    def looks_inside(self) -> bool:
        """Whether any of the orders depends on the request's first bytes."""
        return any(armed.looks_inside for armed in self._armed)

    def add(self, order: NetworkFaultOrder) -> None:
        """Queue an order behind the earlier ones."""
        self._armed.append(ArmedFault(order))

    def clear(self) -> None:
        """Remove all orders."""
        self._armed.clear()

    def take(self, opening: bytes) -> NetworkFaultOrder | None:
        """The first order that fits, counted as used once more; None if this request passes."""
        for armed in self._armed:
            if armed.fits(opening):
                self._use(armed)
                return armed.order
        return None

    def listing(self) -> list[dict[str, object]]:
        """The remaining orders."""
        return [armed.listing() for armed in self._armed]

    def _use(self, armed: ArmedFault) -> None:
        if armed.times_left is None:
            return
        armed.times_left -= 1
        if armed.times_left == 0:
            self._armed.remove(armed)
