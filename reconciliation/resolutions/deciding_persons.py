"""Who may still decide when a decision is carried out: it rests on nobody who was removed meanwhile."""

from collections.abc import Iterable

from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.resolutions.decision_records import UnfitError


async def refuse_removed(connection: Connection, finance: Finance, names: Iterable[str]) -> None:
    """Refuse what rests on a person who may decide nothing any more.

    In the caller's transaction; nobody removes these persons until it ends.

    Raises:
        UnfitError: one of them may not; the message names them.
    """
    for name in sorted(names):
        if not await finance.persons.may_decide(connection, name):
            raise UnfitError(f"{name} may decide nothing any more: what rests on them can only be rejected")
