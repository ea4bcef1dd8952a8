"""What an order to pay rested on, in the tables of migrations 0039 and 0051: holdbacks, cover, override."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ekpay_switch.domain.money import format_taka
from reconciliation.results.table_values import Columns, Connection, insert
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.holdbacks import Holdback, RiskLimit

_NIGHTS_SHOWN: Final = 5
_HOLDBACKS: Final = """
SELECT role, party, owed, instructed, not_matched, not_received, at_risk, unreceived, limit_id, risk_limit,
  resting, minimum, next_payout
FROM reconciliation.settlement_holdbacks WHERE value_date = $1 ORDER BY role, party
"""
_HOLDBACK_COLUMNS: Final[Columns] = (
    ("value_date", "date"),
    ("role", "text"),
    ("party", "text"),
    ("owed", "bigint"),
    ("instructed", "bigint"),
    ("not_matched", "bigint"),
    ("not_received", "bigint"),
    ("at_risk", "bigint"),
    ("unreceived", "bigint"),
    ("limit_id", "bigint"),
    ("risk_limit", "bigint"),
    ("resting", "bigint"),
    ("minimum", "bigint"),
    ("next_payout", "date"),
)
_KEEP_COVER: Final = """
INSERT INTO reconciliation.settlement_covers (value_date, strict, before, after, reserve, open_nights)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_KEEP_OVERRIDE: Final = """
INSERT INTO reconciliation.settlement_overrides (value_date, reason, overridden_by, approved_by)
VALUES ($1, $2, $3, $4)
"""
_COVER: Final = """
SELECT c.strict, c.before, c.after, c.reserve, c.open_nights, coalesce(o.reason, '') AS override
FROM reconciliation.settlement_covers AS c
LEFT JOIN reconciliation.settlement_overrides AS o ON o.value_date = c.value_date
WHERE c.value_date = $1
"""
# The newest night before a value date is the one that is being settled; all before it should be closed.
_OPEN_NIGHTS: Final = """
SELECT DISTINCT r.night FROM reconciliation.runs AS r
WHERE r.night < (SELECT max(n.night) FROM reconciliation.runs AS n WHERE n.night < $1)
  AND NOT EXISTS (SELECT FROM reconciliation.closed_days AS c WHERE c.night = r.night)
ORDER BY r.night
"""


@dataclass(frozen=True, slots=True)
class OrderCover:
    """The cover of an order to pay, in paisa, and the earlier nights that nobody has closed.

    `strict` is the first line of the trust cover, `before` the second one, with what connectors owe us within
    their cycle; an order moves neither. `after` is `before` less what the order pays before its money is
    here. `override` is why two persons paid all the same.
    """

    strict: int
    before: int
    after: int
    reserve: int
    open_nights: tuple[date, ...] = ()
    override: str = ""

    @property
    def against(self) -> list[str]:
        """What speaks against paying, in words; nothing where the order may be carried out."""
        reasons = []
        if self.after < self.reserve:
            reasons.append(
                f"the cover after it would be {format_taka(self.after)} taka, below the reserve of "
                f"{format_taka(self.reserve)}"
            )
        if self.open_nights:
            days = ", ".join(map(str, self.open_nights[:_NIGHTS_SHOWN]))
            more = len(self.open_nights) - _NIGHTS_SHOWN
            reasons.append(f"earlier nights are not closed: {days}{f' and {more} more' if more > 0 else ''}")
        return reasons


@dataclass(frozen=True, slots=True)
class PayeeHoldback:
    """What the rules hold back of what a payee is owed on a value date, beside what it is instructed."""

    payee: Party
    owed: int
    instructed: int
    holdback: Holdback


async def open_nights(connection: Connection, value_date: date) -> tuple[date, ...]:
    """The reconciled nights before the one behind a value date that are not closed."""
    return tuple(row["night"] for row in await connection.fetch(_OPEN_NIGHTS, value_date))


async def write_holdbacks(
    connection: Connection, value_date: date, holdbacks: Sequence[PayeeHoldback]
) -> None:
    """Write what each payee's instruction rests on, before the instructions.

    Raises:
        asyncpg.CheckViolationError: somebody would be paid more than the rules allow.
    """
    rows = [
        (
            value_date,
            item.payee.role.value,
            item.payee.name,
            item.owed,
            item.instructed,
            item.holdback.not_matched,
            item.holdback.not_received,
            item.holdback.at_risk,
            item.holdback.unreceived,
            item.holdback.limit.id if item.holdback.limit else None,
            item.holdback.limit.amount if item.holdback.limit else 0,
            item.holdback.resting,
            item.holdback.minimum,
            item.holdback.next_payout,
        )
        for item in holdbacks
    ]
    await insert(connection, "settlement_holdbacks", _HOLDBACK_COLUMNS, rows)


async def read_holdbacks(connection: Connection, value_date: date) -> tuple[PayeeHoldback, ...]:
    """What the instructions of a value date rested on; nothing for one that was settled without rules."""
    return tuple(
        PayeeHoldback(
            Party(PartyRole(row["role"]), row["party"]),
            row["owed"],
            row["instructed"],
            Holdback(
                row["not_matched"],
                row["not_received"],
                row["at_risk"],
                row["unreceived"],
                None if row["limit_id"] is None else RiskLimit(row["limit_id"], row["risk_limit"]),
                row["resting"],
                row["minimum"],
                row["next_payout"],
            ),
        )
        for row in await connection.fetch(_HOLDBACKS, value_date)
    )


async def write_cover(
    connection: Connection, value_date: date, cover: OrderCover, persons: tuple[str, str]
) -> None:
    """Write the cover of an order, and who has overridden what speaks against it, if anybody had to."""
    await connection.execute(
        _KEEP_COVER,
        value_date,
        cover.strict,
        cover.before,
        cover.after,
        cover.reserve,
        list(cover.open_nights),
    )
    if cover.override:
        await connection.execute(_KEEP_OVERRIDE, value_date, cover.override, *persons)


async def read_cover(connection: Connection, value_date: date) -> OrderCover | None:
    """The cover of the order of a value date, None for one that was settled without it."""
    row = await connection.fetchrow(_COVER, value_date)
    if row is None:
        return None
    return OrderCover(
        row["strict"], row["before"], row["after"], row["reserve"], tuple(row["open_nights"]), row["override"]
    )
