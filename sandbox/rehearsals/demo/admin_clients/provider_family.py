"""Our desk at one family of providers that collect: their books, their faults, and the messages they owe us.

All families have the same desk (`sandbox.kit.provider.admin_api`), so nothing here knows a wire.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.kit.provider.faults import Fault, Step
from sandbox.kit.provider.orders import RefundState, State
from sandbox.kit.provider.push_delivery import OWED
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminDesk
from sandbox.rehearsals.demo.comparison.provider_books import ProviderOrder, ProviderRefund

# What the merchant called an order that the book had to name otherwise.
_MERCHANT_REFERENCE = "asked_as"


class ProviderAdminClient(AdminDesk):
    """What the simulators of a family tell those who run them; nothing here is seen by the switch."""

    async def strike(self, institution_id: str, step: Step, fault: Fault) -> None:
        """Let a fault strike the next call of a step at a house, whoever it is about."""
        await self.admin("POST", "faults", {"house": institution_id, "step": step, "fault": fault})

    async def end_logins(self, institution_id: str) -> None:
        """Let every login of a house die now."""
        await self.admin("POST", "faults", {"house": institution_id, "fault": Fault.EXPIRE_TOKENS})

    async def book(self) -> list[ProviderOrder]:
        """Every order that any house of the family believes in."""
        return [order_of(line) for line in (await self.admin("GET", "dump"))["orders"]]

    async def undelivered(self) -> dict[str, int]:
        """How many messages each house still owes to the switch, by house."""
        pushes = (await self.admin("GET", "dump"))["pushes"]
        institution_ids = [push["house"] for push in pushes if push["kind"] in OWED and not push["over_at"]]
        return {institution_id: institution_ids.count(institution_id) for institution_id in institution_ids}


def order_of(line: Mapping[str, Any]) -> ProviderOrder:
    """An order as the desk of a family tells it."""
    return ProviderOrder(
        connector=line["house"],
        reference=line["facts"].get(_MERCHANT_REFERENCE, line["reference"]),
        is_paid=line["decided_state"] == State.PAID,
        amount_paisa=line["amount_paisa"],
        kept_paisa=line["fee_paisa"] + line["fee_vat_paisa"],
        stated_paisa=line["told_paisa"],
        stated_currency=line["told_currency"],
        names=frozenset(_texts(line)),
        refunds=[
            ProviderRefund(
                amount_paisa=refund["amount_paisa"],
                is_done=refund["state"] == RefundState.DONE,
                returned_fee_paisa=refund["fee_paisa"] + refund["fee_vat_paisa"],
                names=frozenset(_texts(refund)),
            )
            for refund in line["refunds"]
        ],
    )


def _texts(record: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a record: whatever a provider may have called it is one of them."""
    for value in record.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value)
