"""Nagad's admin API: the keys of a merchant, and orders for wrongly encrypted answers."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from typing_extensions import override

from sandbox.kit.institution.admin_api import AdminAnswer, InstitutionRequest, Query, Route, Times
from sandbox.kit.institution.replies import Reply, json_reply
from sandbox.kit.provider.admin_api import ProviderAdminApi, ProviderBooks
from sandbox.providers.nagad.encryption import EncryptionDefect


class EncryptionDefectOrder(InstitutionRequest):
    """What is to be wrong with the next `times` answers under seal."""

    wrong: EncryptionDefect
    times: Times = 1


class NagadBooks(ProviderBooks, Protocol):
    """What the admin API reads of this family."""

    @property
    def pending_defects(self) -> deque[EncryptionDefect]:
        """What is to be wrong with the next encrypted answers."""
        ...

    def keys_for_switch(self) -> Mapping[str, str]:
        """Return the keys of the merchant as settings of a switch."""
        ...


class NagadAdminApi(ProviderAdminApi):
    """The admin API of the family with `GET keys?house=` and `POST seals`."""

    def __init__(self, family: NagadBooks) -> None:
        super().__init__(family)
        self._family = family

    @override
    def clear_faults(self) -> None:
        super().clear_faults()
        self._family.pending_defects.clear()

    @override
    def faults(self) -> list[AdminAnswer]:
        seals: list[AdminAnswer] = [
            {"house": "nagad", "seal": wrong} for wrong in self._family.pending_defects
        ]
        return super().faults() + seals

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {**super().queries(), "keys": self._keys}

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "seals": {"POST": self._seals}}

    def _keys(self, query: Query) -> AdminAnswer:
        InstitutionRequest.model_validate(query, context=self._family.providers)
        return dict(self._family.keys_for_switch())

    def _seals(self, _query: Query, body: bytes) -> Reply:
        order = EncryptionDefectOrder.model_validate_json(body, context=self._family.providers)
        self._family.pending_defects.extend([order.wrong] * order.times)
        return json_reply({"faults": self.faults()})
