"""Partners: who may call the syndicate API, with their secrets sealed and their two prefunds.

A pass key is stored as a hash and a shared secret sealed to its partner's row; both are returned once, by
`add` and `rotate_secret`, and never again (ekpay-syndicate-api.md, "What we do better").
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Row, cast, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import FetchTerms, MessageWindow
from ekpay_switch.persistence.schema.books import accounts, lanes, partners
from ekpay_switch.ports.world import Partner
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.pass_keys import hash_pass_key, new_pass_key, new_shared_secret
from ekpay_switch.security.sealed_fields import Sealer

BUCKETS = ("postpaid", "prepaid")
_PURPOSE = "partner-secrets/1"
_FIRST_NUMBER = 1001


class UnknownPartnerError(SwitchError):
    """There is no such partner."""


class NoSyndicateError(SwitchError):
    """This partner does not speak the syndicate API, so it has no shared secret."""


class PartnerExistsError(SwitchError):
    """Another partner already has this id, nd_id, syndct_id or user_id."""


@dataclass(frozen=True, slots=True)
class NewPartner:
    """A partner to be added; numbers that are None are assigned by us.

    `id` becomes part of ledger account names, so it never changes.
    """

    id: str
    name: str
    user_id: str
    nd_id: str | None = None
    syndct_id: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a partner, shown once; `pass_key` is empty where it did not change."""

    partner_id: str
    nd_id: str
    syndct_id: str
    user_id: str
    shared_secret: str = field(repr=False)
    pass_key: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class PartnerLine:
    """A partner as an operator sees it in a list; without secrets, with its prefunds by bucket.

    A partner that does not speak the syndicate API has no nd_id, syndct_id, user_id and prefunds.
    """

    id: str
    name: str
    nd_id: str | None
    syndct_id: str | None
    user_id: str | None
    tokens_per_second: int
    fetches: FetchTerms
    messages: MessageWindow
    generation: int
    is_active: bool
    created_at: datetime
    prefunds: Mapping[str, Money]


class Partners:
    """The partners in PostgreSQL; each call is one short transaction."""

    def __init__(self, engine: AsyncEngine, keys: KeyRing) -> None:
        self._engine = engine
        self._sealer = Sealer(keys.sub_key(_PURPOSE))

    async def add(self, new: NewPartner) -> Credentials:
        """See `add_within`; a transaction of its own."""
        async with self._engine.begin() as connection:
            return await self.add_within(connection, new)

    async def add_within(self, connection: AsyncConnection, new: NewPartner) -> Credentials:
        """Add a partner with two empty prefunds; returns its credentials, which cannot be read again.

        Raises:
            PartnerExistsError: an id of it is taken; the transaction is over.
        """
        pass_key, secret = new_pass_key(), new_shared_secret()
        try:
            # One at a time, so that each partner gets a number of its own and the emptiest lane.
            await connection.execute(select(func.pg_advisory_xact_lock(1, 3)))
            nd_id = new.nd_id or f"NS{await _free_number(connection, partners.c.nd_id, 3)}"
            syndct_id = new.syndct_id or f"s{await _free_number(connection, partners.c.syndct_id, 2)}"
            await connection.execute(
                insert(partners).values(
                    id=new.id,
                    name=new.name,
                    user_id=new.user_id,
                    nd_id=nd_id,
                    syndct_id=syndct_id,
                    pass_key_hash=hash_pass_key(pass_key),
                    secret_sealed=self._sealer.seal(_context(new.id), secret.encode()),
                    lane=emptiest_lane(),
                )
            )
            await connection.execute(insert(accounts), [_prefund(new.id, bucket) for bucket in BUCKETS])
        except IntegrityError as problem:
            raise PartnerExistsError from problem
        return Credentials(new.id, nd_id, syndct_id, new.user_id, secret, pass_key)

    async def rotate_secret(self, partner_id: str, overlap: timedelta) -> Credentials:
        """See `rotate_secret_within`; a transaction of its own."""
        async with self._engine.begin() as connection:
            return await self.rotate_secret_within(connection, partner_id, overlap)

    async def rotate_secret_within(
        self, connection: AsyncConnection, partner_id: str, overlap: timedelta
    ) -> Credentials:
        """Give the partner a new shared secret; messages under the old one are accepted for `overlap`.

        Existing security tokens are invalid at once; a process that has not yet seen a new one may take them
        for the cache time of `CachedPartners`.

        Raises:
            UnknownPartnerError: there is no such partner.
            NoSyndicateError: it has no shared secret.
        """
        secret = new_shared_secret()
        has_overlap = overlap > timedelta(0)
        change = (
            update(partners)
            .where(partners.c.id == partner_id, partners.c.secret_sealed.is_not(None))
            .values(
                previous_secret_sealed=partners.c.secret_sealed if has_overlap else None,
                previous_secret_until=func.now() + overlap if has_overlap else None,
                secret_sealed=self._sealer.seal(_context(partner_id), secret.encode()),
                generation=partners.c.generation + 1,
            )
            .returning(partners.c.nd_id, partners.c.syndct_id, partners.c.user_id)
        )
        row = (await connection.execute(change)).first()
        if row is None:
            known = await connection.scalar(select(partners.c.id).where(partners.c.id == partner_id))
            raise UnknownPartnerError if known is None else NoSyndicateError
        return Credentials(partner_id, row.nd_id, row.syndct_id, row.user_id, secret)

    async def set_token_rate(self, partner_id: str, tokens_per_second: int) -> None:
        """Let the partner take so many tokens a second at get-token, from 1 to 100,000.

        Raises:
            UnknownPartnerError: there is no such partner.
        """
        await self._change_terms(partner_id, {"tokens_per_second": tokens_per_second})

    async def set_fetch_terms(self, partner_id: str, terms: FetchTerms) -> None:
        """Let the partner fetch so many bills: at the same time to 10,000, and a second to 100,000.

        Raises:
            UnknownPartnerError: there is no such partner.
        """
        values = {"fetches_in_flight": terms.in_flight, "fetches_per_second": terms.per_second}
        await self._change_terms(partner_id, values)

    async def set_message_window(self, partner_id: str, window: MessageWindow) -> None:
        """Take the partner's messages within this window, each bound from a minute to 366 days.

        Raises:
            UnknownPartnerError: there is no such partner.
        """
        values = {"message_age_seconds": window.age_seconds, "message_ahead_seconds": window.ahead_seconds}
        await self._change_terms(partner_id, values)

    async def by_id(self, partner_id: str) -> Partner | None:
        """The partner with its secrets unsealed; None if there is none with a shared secret."""
        return await self._find(partners.c.id, partner_id)

    async def by_user_id(self, user_id: str) -> Partner | None:
        """The partner that calls get-token under this name, or None."""
        return await self._find(partners.c.user_id, user_id)

    async def list(self) -> Sequence[PartnerLine]:
        """Every partner, by id."""
        balances = select(accounts.c.code, accounts.c.balance).where(accounts.c.balance.is_not(None))
        async with self._engine.connect() as connection:
            balance_by_code = {row.code: row.balance for row in await connection.execute(balances)}
            rows = await connection.execute(select(partners).order_by(partners.c.id))
            return [_line(row, balance_by_code) for row in rows]

    async def prefunds(self, partner_id: str) -> Mapping[str, Money]:
        """The balance of each bucket; empty for an unknown partner."""
        codes = {prefund_account(partner_id, bucket): bucket for bucket in BUCKETS}
        query = select(accounts).where(accounts.c.code.in_(codes))
        async with self._engine.connect() as connection:
            rows = await connection.execute(query)
            return {codes[row.code]: Money(row.balance, row.currency) for row in rows}

    async def _change_terms(self, partner_id: str, values: Mapping[str, int | None]) -> None:
        change = update(partners).where(partners.c.id == partner_id).values(dict(values))
        async with self._engine.begin() as connection:
            if not (await connection.execute(change)).rowcount:
                raise UnknownPartnerError

    async def _find(self, column: Any, value: str) -> Partner | None:  # noqa: ANN401 - a column of any type
        # PostgreSQL stores no NUL and no unpaired surrogates, so no partner has such a name.
        if not value.isprintable():
            return None
        overlaps = (partners.c.previous_secret_until > func.now()).label("overlaps")
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(partners, overlaps).where(column == value))).first()
        return None if row is None or row.secret_sealed is None else self._with_secrets(row)

    def _with_secrets(self, row: Row[Any]) -> Partner:
        sealed = [row.secret_sealed, *([row.previous_secret_sealed] if row.overlaps else [])]
        return Partner(
            id=row.id,
            nd_id=row.nd_id,
            syndct_id=row.syndct_id,
            user_id=row.user_id,
            generation=row.generation,
            lane=row.lane,
            is_active=row.is_active,
            pass_key_hash=bytes(row.pass_key_hash),
            secrets=tuple(self._sealer.unseal(_context(row.id), bytes(text)) for text in sealed),
            tokens_per_second=row.tokens_per_second,
            fetches=FetchTerms(row.fetches_in_flight, row.fetches_per_second),
            messages=MessageWindow(row.message_age_seconds, row.message_ahead_seconds),
        )


# The last share of the cache time, in which a call has the partner read again.
_READ_AHEAD_SHARE = 0.4


class CachedPartners:
    """The port `PartnerDirectory`: reads active partners and caches them for `keep_seconds`.

    Of many callers with an expired entry, one asks the database and all get its answer. A partner in use is
    read again shortly before its entry expires, so that no caller waits. Unknown ids are not cached, so they
    cannot fill the memory.
    """

    def __init__(
        self, partners: Partners, keep_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._partners = partners
        self._keep_seconds = keep_seconds
        self._monotonic = monotonic
        self._cached: dict[str, tuple[float, Partner]] = {}
        self._reading: dict[str, asyncio.Task[Partner | None]] = {}

    async def by_id(self, partner_id: str, generation: int = 0) -> Partner | None:
        """The active partner, at most `keep_seconds` old and not older than this generation, or None."""
        cached = self._cached.get(partner_id)
        seconds_left = 0.0 if cached is None else cached[0] - self._monotonic()
        if cached is not None and seconds_left > 0 and cached[1].generation >= generation:
            if seconds_left < self._keep_seconds * _READ_AHEAD_SHARE:
                self._read_once(partner_id)
            return cached[1]
        # A caller that is cancelled must not cancel the read of the others.
        partner = await asyncio.shield(self._read_once(partner_id))
        if partner is not None and partner.generation < generation:
            # That read had begun before the rotation.
            partner = await asyncio.shield(self._read_once(partner_id))
        return partner

    async def by_user_id(self, user_id: str) -> Partner | None:
        """The active partner with this user id, read now, or None."""
        partner = await self._partners.by_user_id(user_id)
        return partner if partner is not None and partner.is_active else None

    async def prefunds(self, partner_id: str) -> Mapping[str, Money]:
        """The balance of each bucket now; never cached."""
        return await self._partners.prefunds(partner_id)

    def _read_once(self, partner_id: str) -> "asyncio.Task[Partner | None]":
        """The read that is under way, or a new one."""
        reading = self._reading.get(partner_id)
        if reading is None:
            reading = asyncio.create_task(self._read(partner_id))
            # Nobody may await a read ahead: its error is dropped, and the next caller reads again.
            reading.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._reading[partner_id] = reading
        return reading

    async def _read(self, partner_id: str) -> Partner | None:
        try:
            until = self._monotonic() + self._keep_seconds
            partner = await self._partners.by_id(partner_id)
            if partner is None or not partner.is_active:
                self._cached.pop(partner_id, None)
                return None
            self._cached[partner_id] = (until, partner)
            return partner
        finally:
            del self._reading[partner_id]


def _context(partner_id: str) -> str:
    return f"partners.secret:{partner_id}"


def _prefund(partner_id: str, bucket: str) -> dict[str, object]:
    code = prefund_account(partner_id, bucket)
    return {"code": code, "kind": str(kind_of(code)), "balance": 0, "floor": 0}


def emptiest_lane() -> Any:  # noqa: ANN401 - a scalar subquery
    """The first lane with the fewest partners, so that even a few partners are on different lanes."""
    return (
        select(lanes.c.lane)
        .outerjoin(partners, partners.c.lane == lanes.c.lane)
        .group_by(lanes.c.lane)
        .order_by(func.count(partners.c.id), lanes.c.lane)
        .limit(1)
        .scalar_subquery()
    )


async def _free_number(connection: AsyncConnection, column: Any, digits_from: int) -> int:  # noqa: ANN401 - a column
    highest = func.max(cast(func.substr(column, digits_from), BigInteger))
    return max(_FIRST_NUMBER, ((await connection.execute(select(highest))).scalar() or 0) + 1)


def _line(row: Row[Any], balance_by_code: Mapping[str, int]) -> PartnerLine:
    codes = {bucket: prefund_account(row.id, bucket) for bucket in BUCKETS}
    return PartnerLine(
        id=row.id,
        name=row.name,
        nd_id=row.nd_id,
        syndct_id=row.syndct_id,
        user_id=row.user_id,
        tokens_per_second=row.tokens_per_second,
        fetches=FetchTerms(row.fetches_in_flight, row.fetches_per_second),
        messages=MessageWindow(row.message_age_seconds, row.message_ahead_seconds),
        generation=row.generation,
        is_active=row.is_active,
        created_at=row.created_at,
        prefunds={
            bucket: Money(balance_by_code[code]) for bucket, code in codes.items() if code in balance_by_code
        },
    )
