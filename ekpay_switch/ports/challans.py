"""What raising treasury challans needs of the world outside, as protocols: the rules of `ports` hold too."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.challans import (
    ChallanLine,
    ChallanOrder,
    ChallanRefusal,
    ChallanStanding,
    LineEnd,
    TreasuryHead,
)
from ekpay_switch.ports.world import World


@dataclass(frozen=True, slots=True)
class ChallanUser:
    """A merchant that may raise challans, as its calls are checked by; a token dies with its generation."""

    partner_id: str
    username: str
    lane: int
    generation: int
    bin: str
    is_active: bool
    key_hash: bytes = field(repr=False)


class ChallanUsers(Protocol):
    """Who may raise challans, as it stands now; switched off with its partner."""

    async def by_username(self, username: str) -> ChallanUser | None:
        """The user that logs in under this name, active or not, or None."""
        ...

    async def by_partner(self, partner_id: str) -> ChallanUser | None:
        """The user of a token, active or not, or None."""
        ...


class Challans(Protocol):
    """Challan requests in the books; each call is one short transaction, durable on return."""

    async def by_request(self, partner_id: str, request_id: str) -> ChallanStanding | None:
        """The merchant's request of this REQUEST_ID, or None."""
        ...

    async def set_aside(
        self,
        order: ChallanOrder,
        challan_id: UUID,
        lines: Sequence[ChallanLine],
        connectors: Collection[str],
        hold_seconds: float,
    ) -> ChallanStanding | ChallanRefusal:
        """Move the total to the merchant's challan prefund and write the request down, or say why not.

        Whatever stands under the REQUEST_ID is found under the same locks: the same content is the answer.
        `connectors` are those by whose transaction a payment may be named. The worker leaves a new request
        alone for `hold_seconds`.

        Raises:
            OverloadedError: no connection became free; nothing was done.
            VerdictUnknownError: the database went away; nothing may be paid.
        """
        ...

    async def end_line(self, challan: ChallanStanding, line: ChallanLine) -> LineEnd | None:
        """Write how the line ended, as its payment says under lock; None while it is open.

        What the treasury did not take is owed to the merchant again, once; raises like `set_aside`.
        """
        ...

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[ChallanStanding]:
        """Take up requests with open lines that nobody has looked at for a while; the older, the rarer."""
        ...


@dataclass(frozen=True, slots=True)
class TreasuryOffice:
    """What raising challans reaches out to; `accounts` are those the treasury can be told."""

    world: World
    challans: Challans
    accounts: Mapping[str, TreasuryHead]
