"""What raising treasury challans needs of the outside world, as protocols."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.challans import (
    ChallanLine,
    ChallanOrder,
    ChallanRefusal,
    LineEnd,
    StoredChallan,
    TreasuryHead,
)
from ekpay_switch.ports.world import World


@dataclass(frozen=True, slots=True)
class ChallanUser:
    """A merchant that may raise challans, with its credentials; a token expires with its generation."""

    partner_id: str
    username: str
    lane: int
    generation: int
    bin: str
    is_active: bool
    key_hash: bytes = field(repr=False)


class ChallanUsers(Protocol):
    """Merchants that may raise challans, at this moment; disabled together with the partner."""

    async def by_username(self, username: str) -> ChallanUser | None:
        """The user that logs in under this name, active or not, or None."""
        ...

    async def by_partner(self, partner_id: str) -> ChallanUser | None:
        """The user of a token, active or not, or None."""
        ...


class Challans(Protocol):
    """Stored challan requests; each call is one short transaction, durable on return."""

    async def by_request(self, partner_id: str, request_id: str) -> StoredChallan | None:
        """The merchant's request of this REQUEST_ID, or None."""
        ...

    async def set_aside(
        self,
        order: ChallanOrder,
        challan_id: UUID,
        lines: Sequence[ChallanLine],
        connectors: Collection[str],
        hold_seconds: float,
    ) -> StoredChallan | ChallanRefusal:
        """Move the total to the merchant's challan prefund and store the request, or say why not.

        A request stored earlier under the REQUEST_ID is found under the same locks and returned. `connectors`
        are those by whose transaction id a payment may be named. The worker does not touch a new request for
        `hold_seconds`.

        Raises:
            OverloadedError: no connection became free; nothing was done.
            CommitUnknownError: the connection was lost during the commit; nothing may be paid.
        """
        ...

    async def end_line(self, challan: StoredChallan, line: ChallanLine) -> LineEnd | None:
        """Record how the line ended, by its payment under lock; None while it is open.

        An amount that the treasury was not paid is owed to the merchant again, once; raises like `set_aside`.
        """
        ...

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[StoredChallan]:
        """Lease requests with open lines that are due; older ones are due less often."""
        ...


@dataclass(frozen=True, slots=True)
class ChallanPorts:
    """Everything that raising challans uses; `accounts` maps credit accounts to treasury codes."""

    world: World
    challans: Challans
    accounts: Mapping[str, TreasuryHead]
