"""Client of the admin API of one provider family: books, faults, and undelivered messages.

All families have the same admin API (`sandbox.kit.provider.admin_api`), so nothing here depends on a
protocol.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.kit.provider.faults import ProviderFault, ProviderStep
from sandbox.kit.provider.orders import OrderState, RefundState
from sandbox.kit.provider.push_delivery import REPEATED_KINDS
from sandbox.rehearsals.demo.admin_clients.admin_client import AdminClient
from sandbox.rehearsals.demo.comparison.provider_books import ProviderOrder, ProviderRefund

# The merchant's name of an order that the book had to rename.
_MERCHANT_REFERENCE = "asked_as"


class ProviderAdminClient(AdminClient):
    """Admin calls of a provider family's simulators; the switch sees none of them."""

    async def strike(self, institution_id: str, step: ProviderStep, fault: ProviderFault) -> None:
        """Set a fault for the next call of a step at a provider, whichever order it is about."""
        await self.admin("POST", "faults", {"house": institution_id, "step": step, "fault": fault})

    async def end_logins(self, institution_id: str) -> None:
        """End every login at a provider."""
        await self.admin("POST", "faults", {"house": institution_id, "fault": ProviderFault.EXPIRE_TOKENS})

    async def book(self) -> list[ProviderOrder]:
        """Every order in the books of the family's providers."""
        return [order_of(line) for line in (await self.admin("GET", "dump"))["orders"]]

    async def undelivered(self) -> dict[str, int]:
        """The number of messages that each provider has not delivered to the switch yet."""
        pushes = (await self.admin("GET", "dump"))["pushes"]
        institution_ids = [
            push["house"] for push in pushes if push["kind"] in REPEATED_KINDS and not push["over_at"]
        ]
        return {institution_id: institution_ids.count(institution_id) for institution_id in institution_ids}


def order_of(line: Mapping[str, Any]) -> ProviderOrder:
    """Return an order of the admin API's response."""
    return ProviderOrder(
        connector=line["house"],
        reference=line["facts"].get(_MERCHANT_REFERENCE, line["reference"]),
        is_paid=line["decided_state"] == OrderState.PAID,
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
    """Every text of a record: each may be a name that the provider uses for it."""
    for value in record.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _texts(value)
