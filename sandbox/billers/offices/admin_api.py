"""What the offices say to the admin calls beyond those of every counter."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field
from typing_extensions import override

from sandbox.kit.biller.admin_api import CounterDesk
from sandbox.kit.institution.admin_api import Asked, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply

if TYPE_CHECKING:
    from sandbox.billers.offices.family import Institution


class FinalReceiptOrder(Asked):
    """Make the final receipts of a house, or that of one transaction."""

    house: str
    transaction: str | None = Field(default=None, min_length=1, max_length=64)


class OfficesDesk(CounterDesk):
    """The desk of all offices."""

    def __init__(self, institution: "Institution") -> None:
        super().__init__(institution)
        self._offices = institution

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "final_receipts": {"POST": self._make_final_receipts}}

    def _make_final_receipts(self, _query: Query, body: bytes) -> Reply:
        order = FinalReceiptOrder.model_validate_json(body)
        house = self._offices.offices.get(order.house)
        made = 0 if house is None else self._offices.final_receipts.make_all(house, order.transaction)
        return json_reply({"made": made})
