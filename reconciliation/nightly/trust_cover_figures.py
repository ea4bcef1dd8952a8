"""The trust cover as the books stood when a run was committed, for its report.

`ekpay settle cover` computes it again at any time and separates what connectors may still owe from what is
overdue; these figures never change, so that a report made again is the same.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from reconciliation.intake.file_register import Arrival
from reconciliation.matching.row_family import InstitutionKind
from reconciliation.settlement.positions.trust_cover import cover_of


def cover_figures(
    balances: Mapping[str, int],
    loaded: Iterable[Arrival],
    kinds: Mapping[str, InstitutionKind],
    unidentified_debits: Mapping[str, int],
) -> dict[str, int]:
    """Figures by name in paisa; `cover.strict_by_statement` only where a bank's statement was read.

    The banks' own figure is the closing balance of the newest statement of each.
    """
    newest: dict[str, tuple[date, int, int]] = {}
    for arrival in loaded:
        key = arrival.name.key
        if arrival.closing is not None and kinds.get(key.institution) == "statement":
            closing = (key.day, key.cycle, arrival.closing)
            newest[key.institution] = max(closing, newest.get(key.institution, closing))
    closings = [closing for _, _, closing in newest.values()]
    trust_cover = cover_of(balances, closings, unidentified_debits=unidentified_debits)
    figures = {
        "cover.bank": trust_cover.bank,
        "cover.owed": trust_cover.total_owed,
        "cover.strict": trust_cover.strict,
        "cover.with_receivables": trust_cover.with_receivables,
    }
    by_statement = trust_cover.strict_by_statement
    return figures if by_statement is None else figures | {"cover.strict_by_statement": by_statement}
