"""The admin API of an institution that has a port and a book to itself."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol

from typing_extensions import override

from sandbox.kit.institution.admin_api import AdminAnswer, AdminApi, Query
from sandbox.kit.institution.movements import Since


class PendingFaults(Protocol):
    """The faults that are set and have not struck yet."""

    def clear(self) -> None:
        """Forget them all."""
        ...

    def listing(self) -> list[dict[str, object]]:
        """Return each with its target and how many calls it still strikes."""
        ...


class SingleInstitutionAdminApi(AdminApi):
    """Lists and clears faults and lists movements; fault orders and bills are the institution's own."""

    def __init__(self, pending_faults: PendingFaults) -> None:
        self._pending_faults = pending_faults

    @abstractmethod
    def movements(self, since: Since) -> AdminAnswer:
        """Return the movements of money from a Dhaka day on."""

    @override
    def clear_faults(self) -> None:
        self._pending_faults.clear()

    @override
    def faults(self) -> list[AdminAnswer]:
        return self._pending_faults.listing()

    @override
    def queries(self) -> Mapping[str, Callable[[Query], AdminAnswer]]:
        return {"movements": lambda query: self.movements(Since.model_validate(query))}
