"""Our desk at one family of providers that collect: their books, their faults, and the messages they owe us.

All families have the same desk (`sandbox.kit.provider.admin_api`), so nothing here knows a wire.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.kit.provider.faults import Fault, Step
from sandbox.kit.provider.orders import RefundState, State
from sandbox.kit.provider.push_delivery import OWED
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminDesk
from sandbox.rehearsals.demo.comparison.provider_books import GivenBack, ProviderOrder

# What the merchant called an order that the book had to name otherwise.
_ASKED_AS = "asked_as"


class GatewayDesk(AdminDesk):
    """What the simulators of a family tell those who run them; nothing here is seen by the switch."""

    async def strike(self, house: str, step: Step, fault: Fault) -> None:
        """Let a fault strike the next call of a step at a house, whoever it is about."""
        await self.admin("POST", "faults", {"house": house, "step": step, "fault": fault})

    async def end_logins(self, house: str) -> None:
        """Let every login of a house die now."""
        await self.admin("POST", "faults", {"house": house, "fault": Fault.EXPIRE_TOKENS})

    async def book(self) -> list[ProviderOrder]:
        """Every order that any house of the family believes in."""
        return [order_of(line) for line in (await self.admin("GET", "dump"))["orders"]]

    async def untaken(self) -> dict[str, int]:
        """How many messages each house still owes to the switch, by house."""
        owed = (await self.admin("GET", "dump"))["pushes"]
        houses = [one["house"] for one in owed if one["kind"] in OWED and not one["over_at"]]
        return {house: houses.count(house) for house in houses}


def order_of(line: Mapping[str, Any]) -> ProviderOrder:
    """An order as the desk of a family tells it."""
    return ProviderOrder(
        connector=line["house"],
        reference=line["facts"].get(_ASKED_AS, line["reference"]),
        is_paid=line["decided_state"] == State.PAID,
        amount_paisa=line["amount_paisa"],
        kept_paisa=line["fee_paisa"] + line["fee_vat_paisa"],
        told_paisa=line["told_paisa"],
        told_currency=line["told_currency"],
        names=frozenset(_texts(line)),
        refunds=[
            GivenBack(
                amount_paisa=one["amount_paisa"],
                is_done=one["state"] == RefundState.DONE,
                fee_back_paisa=one["fee_paisa"] + one["fee_vat_paisa"],
                names=frozenset(_texts(one)),
            )
            for one in line["refunds"]
        ],
    )


def _texts(record: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a record: whatever a provider may have called it is one of them."""
    for value in record.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value)
