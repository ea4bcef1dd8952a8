"""What these utilities say to the admin calls beyond deposits: acknowledgements that get lost."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from typing_extensions import override

from sandbox.billers.prepaid.admin_api import VendingAdminApi
from sandbox.billers.prepaid.deposits import Deposits
from sandbox.kit.biller.admin_api import BillerBooks
from sandbox.kit.institution.admin_api import InstitutionRequest, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply


class LossOrder(InstitutionRequest):
    """How many of the next acknowledgements at an institution are neither noted nor answered."""

    times: Annotated[int, Field(ge=0, le=1_000_000)] = 1


class XmlVendAdminApi(VendingAdminApi):
    """The admin API of this family; `POST /_admin/acknowledgements {"house", "times"}` lets some get lost."""

    def __init__(self, books: BillerBooks, deposits: Deposits, losses: Counter[str]) -> None:
        super().__init__(books, deposits)
        self._losses = losses

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "acknowledgements": {"POST": self._lose_acknowledgements}}

    def _lose_acknowledgements(self, _query: Query, body: bytes) -> Reply:
        order = LossOrder.model_validate_json(body, context=self._deposits.houses)
        self._losses[order.institution_id] = order.times
        return json_reply({order.institution_id: order.times})
