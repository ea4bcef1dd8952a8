"""A biller that is paid over two routes has two books, and a demo reads both."""

from collections.abc import Mapping
from typing import Any

import pytest
from typing_extensions import override

from sandbox.rehearsals.demo.admin_clients.admin_client import AdminClient, Document, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.biller_family import BillerListing, FamilyBillerAdminClient

DPDC = BillerListing("dpdc_postpaid", "b038", "postpaid", {}, has_second_route=True)


def paid(house: str, reference: str) -> dict[str, Any]:
    return {"house": house, "reference": reference, "amount_paisa": 5_000, "facts": {}}


class StillDesk(AdminClient):
    """A desk whose dump is always the same."""

    def __init__(self, *payments: Mapping[str, Any]) -> None:
        super().__init__(SimulatorAddress("http://127.0.0.1:2", ""))
        self.payments = payments

    @override
    async def admin(self, method: str, path: str, order: Mapping[str, object] | None = None) -> Document:
        return {"payments": list(self.payments)}


class StillHouse(FamilyBillerAdminClient):
    """A house with one payment of its own, and one of a neighbour in the same family."""

    @override
    async def admin(self, method: str, path: str, order: Mapping[str, object] | None = None) -> Document:
        return {"payments": [paid("dpdc_postpaid", "T1"), paid("neighbour", "T2")]}


@pytest.mark.parametrize(
    ("second", "names"),
    [
        (None, ["T1"]),
        (StillDesk, ["T1"]),
        (
            lambda: StillDesk(paid("dpdc_postpaid_aggregator", "T3"), paid("bpdb_postpaid", "T4")),
            ["T1", "T3"],
        ),
    ],
)
async def test_what_came_over_the_second_route_stands_in_the_whole_book(
    second: type[StillDesk] | None, names: list[str]
) -> None:
    other = None if second is None else second()
    async with StillHouse(SimulatorAddress("http://127.0.0.1:1", ""), DPDC, other) as desk:
        assert [line.transaction_id for line in await desk.whole_book()] == names
        assert [line.transaction_id for line in await desk.book()] == ["T1"]
    if other is not None:
        await other.__aexit__()
