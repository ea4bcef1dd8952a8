"""The admin API of this switch: that of every family, and the prefund."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from typing_extensions import override

from sandbox.billers.upstream.prefund import PartnerPrefund
from sandbox.kit.biller.admin_api import BillerAdminApi, BillerBooks
from sandbox.kit.institution.admin_api import AdminAnswer, AdminRequest, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply

_PAISA_MAX = 1_000_000_000_000


class TopUpOrder(AdminRequest):
    """Money for the prefund, or out of it where negative."""

    paisa: Annotated[int, Field(strict=True, ge=-_PAISA_MAX, le=_PAISA_MAX)]


class UpstreamAdminApi(BillerAdminApi):
    """The admin API of a family, with `GET` and `POST prefund`."""

    def __init__(self, books: BillerBooks, prefund: PartnerPrefund) -> None:
        super().__init__(books)
        self._partner_prefund = prefund

    @override
    def dump(self) -> AdminAnswer:
        return {**super().dump(), **self._prefund()}

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "prefund": {"GET": self._tell_prefund, "POST": self._top_up}}

    def _prefund(self) -> AdminAnswer:
        return {"prefund_paisa": self._partner_prefund.left_paisa}

    def _tell_prefund(self, _query: Query, _body: bytes) -> Reply:
        return json_reply(self._prefund())

    def _top_up(self, _query: Query, body: bytes) -> Reply:
        self._partner_prefund.top_up(TopUpOrder.model_validate_json(body).paisa)
        return json_reply(self._prefund())
