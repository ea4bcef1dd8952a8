"""The admin API of an institution that has a port and a book to itself."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Protocol

from pydantic import Field
from typing_extensions import override

from sandbox.kit.institution.admin_api import AdminAnswer, AdminApi, AdminRequest, Query
from sandbox.kit.institution.movements import Since


class PendingFaults(Protocol):
    """The faults that are set and have not struck yet."""

    def clear(self) -> None:
        """Forget them all."""
        ...

    def listing(self) -> list[dict[str, object]]:
        """Return each with its target and how many calls it still strikes."""
        ...


class OpenBillQuery(AdminRequest):
    """The nth account with something to pay, as the families of billers are asked for it."""

    institution_id: str = Field(default="", alias="house")
    kind: Literal["normal"] = "normal"
    nth: Annotated[int, Field(ge=0, le=100_000)] = 0


class SingleInstitutionAdminApi(AdminApi):
    """Lists and clears faults and lists movements; fault orders and bills are the institution's own."""

    def __init__(self, pending_faults: PendingFaults) -> None:
        self._pending_faults = pending_faults

    @abstractmethod
    def movements(self, since: Since) -> AdminAnswer:
        """Return the movements of money from a Dhaka day on."""

    @abstractmethod
    def open_bill(self, nth: int) -> Mapping[str, str]:
        """Return how a payer names the nth thing to pay, by the biller's own names; or nothing."""

    @override
    def clear_faults(self) -> None:
        self._pending_faults.clear()

    @override
    def faults(self) -> list[AdminAnswer]:
        return self._pending_faults.listing()

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {
            "movements": lambda query: self.movements(Since.model_validate(query)),
            "cast": lambda query: {"fields": self.open_bill(OpenBillQuery.model_validate(query).nth)},
        }
