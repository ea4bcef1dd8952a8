"""What prepaid utilities say to the admin calls beyond what every institution says: the vendor's deposits."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from typing_extensions import override

from sandbox.billers.prepaid.deposits import Deposits
from sandbox.kit.biller.admin_api import BillerAdminApi, BillerBooks
from sandbox.kit.institution.admin_api import InstitutionRequest, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply


class DepositOrder(InstitutionRequest):
    """Money for a deposit, in paisa; a negative amount is taken from it, as far as there is so much."""

    paisa: Annotated[int, Field(ge=-(10**15), le=10**15)]


class VendingAdminApi(BillerAdminApi):
    """The admin API of utilities that keep a deposit.

    `GET /_admin/deposits` lists every balance; `POST {"house", "paisa"}` there raises or lowers one.
    """

    def __init__(self, books: BillerBooks, deposits: Deposits) -> None:
        super().__init__(books)
        self._deposits = deposits

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "deposits": {"GET": self._list_deposits, "POST": self._pay_in}}

    def _list_deposits(self, _query: Query, _body: bytes) -> Reply:
        return json_reply(
            {institution: self._deposits.balance(institution) for institution in self._deposits.houses}
        )

    def _pay_in(self, _query: Query, body: bytes) -> Reply:
        order = DepositOrder.model_validate_json(body, context=self._deposits.houses)
        return json_reply({order.institution_id: self._deposits.pay_in(order.institution_id, order.paisa)})
