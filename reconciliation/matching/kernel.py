"""The kernel: tag every row with its source, put all sources together, group once by reference.

Ibis expressions, the same on every engine. There is no join: counts and sums per source show whether a group
is 1 and 1 with equal amounts, missing on a side, doubled on any, or different (ADR 0040). Nearly every family
is one payment with the same amounts on both sides, and `unsettled` shows that by six sums; `judged` counts
everything and runs on the other families alone (ADR 0059). Every aggregate is free of order, so no
permutation of rows or files can change the result.
"""

from collections.abc import Mapping
from typing import Any, Final

import ibis

from reconciliation.canonical_row import BRINGS, FAILED, FAMILY, KEY, SUCCESS, UNKNOWN
from reconciliation.matching.kernel_verdicts import AGREED, LOOK, SILENT, WAITING

# The columns that a source must have.
COLUMNS: Final = (
    *KEY,
    "status",
    "gross",
    "net",
    "currency",
    "due",
    "is_rejected",
)
# The columns that the first sight needs.
SIGHT: Final = tuple(name for name in COLUMNS if name != "due")
# The currency of nearly all rows; a family in another one is only not settled at first sight.
CURRENCY: Final = "BDT"
_COUNTED = {"succeeded": SUCCESS, "failed": FAILED, "unknown": UNKNOWN}


# What each row adds to its family. The sum of two rows shows which two they are; one that is not plain adds
# more than any two that are.
_OURS, _THEIRS, _THEIRS_WITHOUT_GROSS, _NOT_PLAIN = 1, 4, 16, 64


def unsettled_families(sources: Mapping[str, Any]) -> Any:  # noqa: ANN401 - Ibis ships no types
    """The families of `ledger` and `file` that are not one payment on each side saying the same.

    Same is a success of equal net and, where theirs has a gross, equal gross in taka. Each of these is
    `AGREED` in `judged` too; the opposite need not be so. Sources without `institution` are of one
    institution, and are grouped by the reference alone.
    """
    ledger, file = sources["ledger"], sources["file"]
    keys = [name for name in FAMILY if name in ledger.columns]
    theirs = file.gross.isnull().ifelse(_number(_THEIRS_WITHOUT_GROSS), _number(_THEIRS))
    ours_weighed = _weighed(ledger, keys, _number(_OURS), (ledger.net, ledger.gross))
    rows = ibis.union(ours_weighed, _weighed(file, keys, theirs, (-file.net, -file.gross)), distinct=False)
    # Each is a plain sum, which an engine is fastest at. One that is null belongs to rows that are not plain,
    # or to a gross that theirs do not tell.
    families = rows.group_by(*keys).aggregate(
        **{name: rows[name].sum().cast("int64") for name in ("rows", "made", "net", "gross")}
    )
    is_equal_gross = (families.made == _OURS + _THEIRS) & (families.gross == 0)
    has_no_gross = families.made == _OURS + _THEIRS_WITHOUT_GROSS
    settled = (families.rows == 2) & (is_equal_gross | has_no_gross) & (families.net == 0)  # noqa: PLR2004
    return families.filter(~settled).select(*keys)


def _weighed(table: Any, keys: list[str], made: Any, amounts: tuple[Any, Any]) -> Any:  # noqa: ANN401
    # Null in any of these makes a row not plain.
    plain = (
        (table.status == SUCCESS)
        & (table.direction == BRINGS)
        & (table.currency == CURRENCY)
        & table.net.notnull()
        & ~table.is_rejected
    )
    net, gross = amounts
    made = plain.ifelse(made, _number(_NOT_PLAIN))
    return table.select(*keys, rows=_number(1), made=made, net=net, gross=gross)


def _number(value: int) -> Any:  # noqa: ANN401
    return ibis.literal(value, "int64")


def groups_of(sources: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """One row a group, with count, sums and states of each source."""
    tagged = [table.select(*COLUMNS).mutate(source=ibis.literal(name)) for name, table in sources.items()]
    rows = tagged[0] if len(tagged) == 1 else ibis.union(*tagged, distinct=False)
    measures: dict[str, Any] = {}
    for name in sources:
        measures |= _measures(rows, name)
    return rows.group_by(*KEY).aggregate(**measures)


def _measures(rows: Any, name: str) -> dict[str, Any]:  # noqa: ANN401
    mine = rows.source == name
    measures = {
        f"{name}_rows": _count(mine),
        f"{name}_rejected": _count(mine & rows.is_rejected),
        f"{name}_gross_told": _count(mine & rows.gross.notnull()),
        f"{name}_gross": _sum(mine, rows.gross),
        f"{name}_net": _sum(mine, rows.net),
        f"{name}_currency_first": mine.ifelse(rows.currency, None).min(),
        f"{name}_currency_last": mine.ifelse(rows.currency, None).max(),
        f"{name}_due": mine.ifelse(rows.due, 0).max().cast("int64"),
    }
    for word, state in _COUNTED.items():
        measures[f"{name}_{word}"] = _count(mine & (rows.status == state))
    return measures


def _count(condition: Any) -> Any:  # noqa: ANN401
    return condition.ifelse(1, 0).sum().cast("int64")


def _sum(mine: Any, amount: Any) -> Any:  # noqa: ANN401
    return mine.ifelse(ibis.coalesce(amount, 0), 0).sum().cast("int64")


def judged_groups(sources: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Groups of `ledger` and `file` with a verdict: agreed, waiting, silent, or look (needs the passes).

    Agreed is one row on each side that says the same: success with equal amounts in one currency, failure
    on both sides, or a failure that answers an unknown of ours. Waiting is one side alone inside its window.
    Silent is a failure of ours that need not be in any file.
    """
    groups = groups_of(sources)
    one_each = (groups.ledger_rows == 1) & (groups.file_rows == 1) & (groups.file_rejected == 0)
    equal = (
        (groups.ledger_currency_first == groups.file_currency_first)
        & ((groups.file_gross_told == 0) | (groups.ledger_gross == groups.file_gross))
        & (groups.ledger_net == groups.file_net)
    )
    both_failed = (groups.ledger_failed == 1) & (groups.file_failed == 1)
    answered = (groups.ledger_unknown == 1) & (groups.file_failed == 1)
    succeeded = (groups.ledger_succeeded == 1) & (groups.file_succeeded == 1) & equal
    agreed = one_each & (both_failed | answered | succeeded)
    ours_alone = (groups.ledger_rows == 1) & (groups.file_rows == 0)
    theirs_alone = (groups.ledger_rows == 0) & (groups.file_rows == 1)
    waiting = (ours_alone & (groups.ledger_due == 0)) | (theirs_alone & (groups.file_due == 0))
    silent = ours_alone & (groups.ledger_failed == 1)
    verdict = ibis.cases((agreed, AGREED), (waiting, WAITING), (silent, SILENT), else_=LOOK)
    return groups.mutate(verdict=verdict)
