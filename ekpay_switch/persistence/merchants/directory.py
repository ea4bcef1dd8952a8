"""The port `Merchants` over PostgreSQL: merchants as their payments need them; never cached.

A deactivated merchant or a replaced pass key counts from the next call on.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.merchants.merchant import ChargesOnRefund, PayeeKind
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.schema.books import partners
from ekpay_switch.persistence.schema.merchants import merchant_payees, merchants
from ekpay_switch.ports.merchants import Merchant, Payee

_HAS_PREVIOUS = (merchants.c.previous_pass_key_until > func.now()).label("has_previous")
MERCHANTS = select(
    merchants, partners.c.name, partners.c.lane, partners.c.is_active, _HAS_PREVIOUS
).join_from(merchants, partners)


class UnknownMerchantError(SwitchError):
    """There is no such merchant."""


class PostgresMerchants:
    """The merchants in PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def by_reg_id(self, mer_reg_id: str) -> Merchant | None:
        """See `ports.merchants.Merchants`."""
        merchant = await self._find(merchants.c.mer_reg_id, mer_reg_id)
        return merchant if merchant is not None and merchant.is_active else None

    async def by_partner(self, partner_id: str) -> Merchant | None:
        """See `ports.merchants.Merchants`."""
        return await self._find(merchants.c.partner_id, partner_id)

    async def payees(self, partner_id: str, codes: Collection[str]) -> Mapping[str, Payee]:
        """See `ports.merchants.Merchants`."""
        known_codes = [code for code in codes if can_be_stored(code)]
        if not known_codes:
            return {}
        table = merchant_payees
        query = select(table).where(table.c.partner_id == partner_id, table.c.code.in_(known_codes))
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.where(table.c.is_active))
            return {row.code: Payee(row.code, PayeeKind(row.kind), row.name) for row in rows}

    async def _find(self, column: Any, value: str) -> Merchant | None:  # noqa: ANN401 - a column of any type
        if not can_be_stored(value):
            return None
        async with self._engine.connect() as connection:
            row = (await connection.execute(MERCHANTS.where(column == value))).first()
        return None if row is None else merchant_of(row)


async def partner_of_merchant(engine: AsyncEngine, name: str) -> str:
    """The partner id of a merchant, given its partner id or its registration id.

    Raises:
        UnknownMerchantError: there is none.
    """
    table = merchants
    query = (
        select(table.c.partner_id)
        .where(or_(table.c.partner_id == name, table.c.mer_reg_id == name))
        .order_by(table.c.partner_id != name)
    )
    async with engine.connect() as connection:
        partner_id: str | None = await connection.scalar(query)
    if partner_id is None:
        raise UnknownMerchantError
    return partner_id


def can_be_stored(text: str) -> bool:
    """Whether PostgreSQL can store this text: without NUL and unpaired surrogates."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def merchant_of(row: Row[Any]) -> Merchant:
    """A row of MERCHANTS as the port's own value."""
    keys = [row.pass_key_hash, *([row.previous_pass_key_hash] if row.has_previous else [])]
    return Merchant(
        partner_id=row.partner_id,
        mer_reg_id=row.mer_reg_id,
        name_en=row.name,
        name_bn=row.name_bn,
        lane=row.lane,
        is_active=row.is_active,
        pass_key_hashes=tuple(bytes(key) for key in keys),
        fee_plan=row.fee_plan,
        charges_on_refund=ChargesOnRefund(row.charges_on_refund),
        instruments=None if row.instruments is None else frozenset(row.instruments),
        return_hosts=frozenset(row.return_hosts),
        networks=tuple(row.networks),
        refund_limit=Money(row.refund_limit),
        debt_limit=Money(row.debt_limit),
        refusals_max=row.refusals_max,
        order_minutes=row.order_minutes,
        insecure_ipns=row.insecure_ipns,
    )
