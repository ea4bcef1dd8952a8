"""The names that a filter may ask for: of institutions, and of those who own breaks."""

from dataclasses import dataclass
from typing import Final

from ekpay_switch.ports.finance import Finance
from reconciliation.breaks.codes import read_rules

_NAMES: Final = """
SELECT institution AS name, false AS is_owner FROM reconciliation.breaks
UNION SELECT institution, false FROM reconciliation.participants
UNION SELECT owner, true FROM reconciliation.breaks
"""


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Whom the configuration or any break names."""

    institutions: frozenset[str]
    owners: frozenset[str]


async def known_names(finance: Finance) -> KnownNames:
    """The names of this installation; an institution has them by its layout, before its first break.

    Raises:
        ConfigurationError: the table of codes is not valid.
    """
    layouts = {path.stem for path in (finance.config / "statements").glob("*.toml")}
    owners = {meaning.owner for meaning in read_rules(finance.config / "breaks.toml").meanings.values()}
    connection = await finance.connect()
    try:
        rows = await connection.fetch(_NAMES)
    finally:
        await connection.close()
    return KnownNames(
        frozenset(layouts | {row["name"] for row in rows if not row["is_owner"]}),
        frozenset(owners | {row["name"] for row in rows if row["is_owner"]}),
    )
