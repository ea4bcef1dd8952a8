"""What these utilities say to the admin calls beyond deposits: acknowledgements that get lost."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from typing_extensions import override

from sandbox.billers.prepaid.admin_api import HouseOrder, VendingDesk
from sandbox.kit.institution.admin_api import Query, Route
from sandbox.kit.institution.replies import Reply, json_reply

if TYPE_CHECKING:
    from sandbox.billers.xmlvend.family import Institution


class LossOrder(HouseOrder):
    """How many of the next acknowledgements at a house are neither noted nor answered."""

    times: Annotated[int, Field(ge=0, le=1_000_000)] = 1


class XmlVendDesk(VendingDesk):
    """The desk of this family; `POST /_admin/acknowledgements {"house", "times"}` lets some get lost."""

    def __init__(self, institution: "Institution", losses: Counter[str]) -> None:
        super().__init__(institution, institution.deposits)
        self._losses = losses

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "acknowledgements": {"POST": self._lose}}

    def _lose(self, _query: Query, body: bytes) -> Reply:
        order = LossOrder.model_validate_json(body, context=self._deposits.houses)
        self._losses[order.house] = order.times
        return json_reply({order.house: order.times})
