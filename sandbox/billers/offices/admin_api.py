"""What the offices say to the admin calls beyond those of every counter."""

from collections.abc import Mapping

from pydantic import Field
from typing_extensions import override

from sandbox.billers.offices.final_receipts import FinalReceipts
from sandbox.billers.offices.office import OfficeInstitution
from sandbox.kit.biller.admin_api import BillerAdminApi, BillerBooks
from sandbox.kit.institution.admin_api import AdminRequest, InstitutionId, Query, Route
from sandbox.kit.institution.replies import Reply, json_reply


class FinalReceiptOrder(AdminRequest):
    """Make the final receipts of an institution, or that of one transaction."""

    institution_id: InstitutionId
    transaction: str | None = Field(default=None, min_length=1, max_length=64)


class WithheldReceiptsOrder(AdminRequest):
    """Whether an institution withholds the final receipts of payments from now on."""

    institution_id: InstitutionId
    is_withheld: bool


class OfficesAdminApi(BillerAdminApi):
    """The admin API of all offices."""

    def __init__(
        self, books: BillerBooks, offices: Mapping[str, OfficeInstitution], final_receipts: FinalReceipts
    ) -> None:
        super().__init__(books)
        self._offices = offices
        self._final_receipts = final_receipts

    @override
    def routes(self) -> Mapping[str, Mapping[str, Route]]:
        return {
            **super().routes(),
            "final_receipts": {"POST": self._make_final_receipts},
            "withheld_receipts": {"POST": self._withhold_receipts},
        }

    def _make_final_receipts(self, _query: Query, body: bytes) -> Reply:
        order = FinalReceiptOrder.model_validate_json(body)
        institution = self._offices.get(order.institution_id)
        made = 0 if institution is None else self._final_receipts.make_all(institution, order.transaction)
        return json_reply({"made": made})

    def _withhold_receipts(self, _query: Query, body: bytes) -> Reply:
        order = WithheldReceiptsOrder.model_validate_json(body)
        self._final_receipts.withhold(order.institution_id, is_withheld=order.is_withheld)
        return json_reply(order.model_dump(mode="json", by_alias=True))
