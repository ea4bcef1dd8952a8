"""What this switch says to the admin calls beside what every family says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from typing_extensions import override

from sandbox.kit.biller.admin_api import CounterDesk
from sandbox.kit.institution.admin_api import Answer, Asked, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply

if TYPE_CHECKING:
    from sandbox.billers.upstream.family import Institution

_PAISA_MAX = 1_000_000_000_000


class TopUpOrder(Asked):
    """Money for the prefund, or out of it where negative."""

    paisa: Annotated[int, Field(strict=True, ge=-_PAISA_MAX, le=_PAISA_MAX)]


class UpstreamDesk(CounterDesk):
    """The desk of a family, with `GET` and `POST prefund`."""

    def __init__(self, institution: "Institution") -> None:
        super().__init__(institution)
        self._institution = institution

    @override
    def dump(self) -> Answer:
        return {**super().dump(), **self._prefund()}

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {**super().routes(), "prefund": {"GET": self._left, "POST": self._top_up}}

    def _prefund(self) -> Answer:
        return {"prefund_paisa": self._institution.prefund.left_paisa}

    def _left(self, _query: Query, _body: bytes) -> Reply:
        return json_reply(self._prefund())

    def _top_up(self, _query: Query, body: bytes) -> Reply:
        self._institution.prefund.top_up(TopUpOrder.model_validate_json(body).paisa)
        return json_reply(self._prefund())
