"""The check of the audit that the database holds the position recorded outside of it."""

from typing import Any

from ekpay_switch.persistence.positions.keeper import PositionRules, inspect, read_file
from ekpay_switch.persistence.positions.restores import is_released
from ekpay_switch.ports.audit import AuditCheck, AuditFinding

# An asyncpg connection; the driver does not type its methods.
Connection = Any


def position_check(rules: PositionRules) -> AuditCheck:
    """The check against what the file holds now: before the audit's snapshot, which therefore holds it.

    A database that two persons have released is no finding before its first start.
    """
    recorded = read_file(rules)

    async def compare(connection: Connection) -> AuditFinding | None:
        seen = await inspect(connection, rules, recorded)
        if seen.divergence is None or await is_released(connection, rules.place, seen.digest):
            return None
        return AuditFinding(seen.divergence.row, seen.divergence.text)

    return compare
