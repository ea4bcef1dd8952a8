"""What Nagad's desk has beside the others': the keys of a merchant, and orders for wrong seals."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from typing_extensions import override

from sandbox.kit.institution.admin_api import Answer, Query, Route, Times
from sandbox.kit.institution.replies import Reply, json_reply
from sandbox.kit.provider.admin_api import AtHouse, GatewayDesk
from sandbox.providers.nagad.seal import Spoilt

if TYPE_CHECKING:
    from sandbox.providers.nagad.family import Institution


class SealOrder(AtHouse):
    """What is to be wrong with the next `times` answers under seal."""

    wrong: Spoilt
    times: Times = 1


class NagadDesk(GatewayDesk):
    """The desk of the family with `GET keys?house=` and `POST seals`."""

    def __init__(self, institution: "Institution") -> None:
        super().__init__(institution)
        self._institution = institution

    @override
    def clear_faults(self) -> None:
        super().clear_faults()
        self._institution.spoilt.clear()

    @override
    def faults(self) -> list[Answer]:
        seals: list[Answer] = [{"house": "nagad", "seal": wrong} for wrong in self._institution.spoilt]
        return super().faults() + seals

    @override
    def questions(self) -> Mapping[str, Callable[[Query], Answer]]:
        return {**super().questions(), "keys": self._keys}

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "seals": {"POST": self._seals}}

    def _keys(self, query: Query) -> Answer:
        AtHouse.model_validate(query, context=self._institution.providers)
        return dict(self._institution.keys_for_switch())

    def _seals(self, _query: Query, body: bytes) -> Reply:
        order = SealOrder.model_validate_json(body, context=self._institution.providers)
        self._institution.spoilt.extend([order.wrong] * order.times)
        return json_reply({"faults": self.faults()})
