"""What prepaid utilities say to the admin calls beyond what every house says: the vendor's deposits."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationInfo, field_validator
from typing_extensions import override

from sandbox.billers.prepaid.deposits import Deposits
from sandbox.kit.biller.admin_api import CounterDesk
from sandbox.kit.institution.admin_api import Asked, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply

if TYPE_CHECKING:
    from sandbox.kit.biller.family import CounterFarSide


class HouseOrder(Asked):
    """An order about one house, which must be one of those of the context."""

    house: str

    @field_validator("house")
    @classmethod
    def _is_here(cls, house: str, info: ValidationInfo) -> str:
        if house not in (info.context or ()):
            raise ValueError("no such house here")
        return house


class DepositOrder(HouseOrder):
    """Money for a deposit, in paisa; a negative amount is taken from it, as far as there is so much."""

    paisa: Annotated[int, Field(ge=-(10**15), le=10**15)]


class VendingDesk(CounterDesk):
    """The desk of utilities that keep a deposit.

    `GET /_admin/deposits` tells every balance; `POST {"house", "paisa"}` there raises or lowers one.
    """

    def __init__(self, far_side: "CounterFarSide", deposits: Deposits) -> None:
        super().__init__(far_side)
        self._deposits = deposits

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "deposits": {"GET": self._tell, "POST": self._pay_in}}

    def _tell(self, _query: Query, _body: bytes) -> Reply:
        return json_reply({house: self._deposits.balance(house) for house in self._deposits.houses})

    def _pay_in(self, _query: Query, body: bytes) -> Reply:
        order = DepositOrder.model_validate_json(body, context=self._deposits.houses)
        return json_reply({order.house: self._deposits.pay_in(order.house, order.paisa)})
