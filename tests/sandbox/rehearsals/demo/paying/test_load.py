"""When billers forget all logins: once each, however many houses a simulator has."""

from collections.abc import Mapping
from typing import Any, cast

from typing_extensions import override

from sandbox.rehearsals.demo.admin_clients.admin_client import Document, SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.biller_family import BillerListing, FamilyBillerAdminClient
from sandbox.rehearsals.demo.paying.load import DemoBillers, FarSideAvailability, PartnerLoad
from sandbox.rehearsals.demo.paying.network_faults import NetworkFaults
from sandbox.rehearsals.demo.paying.script import BillerIncident

TREASURY, WATER = "http://127.0.0.1:1", "http://127.0.0.1:2"


class CountedHouse(FamilyBillerAdminClient):
    """A house whose admin calls are written down."""

    def __init__(self, name: str, url: str, heard: list[tuple[str, object]]) -> None:
        super().__init__(SimulatorAddress(url, ""), BillerListing(name, f"b-{name}", "postpaid", {}))
        self._heard = heard
        self.availability: FarSideAvailability | None = None

    @override
    async def admin(self, method: str, path: str, order: Mapping[str, object] | None = None) -> Document:
        assert self.availability is None or self.availability.armed, "a biller may be killed meanwhile"
        self._heard.append((self.address.url, order))
        return {}


async def test_logins_die_once_at_each_simulator() -> None:
    heard: list[tuple[str, object]] = []
    places = {"income_tax": TREASURY, "vat_online": TREASURY, "dhaka_wasa": WATER, "court_fee": TREASURY}
    houses = [CountedHouse(name, url, heard) for name, url in places.items()]
    house = DemoBillers({one.biller: one for one in houses}, cast("NetworkFaults", None))
    load = PartnerLoad(cast("Any", None), house, (), "")
    for one in houses:
        one.availability = load.availability
    await load.perform([BillerIncident.BEARERS_DIE], 1, lambda: None)
    for one in houses:
        await one.__aexit__()
    assert sorted(heard, key=str) == [
        (TREASURY, {"fault": "expire_tokens"}),
        (WATER, {"fault": "expire_tokens"}),
    ]
    assert load.experience.faults[BillerIncident.BEARERS_DIE] == 1
