"""Merchants and their payments in memory: the ports of `ports.merchants`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import ZERO
from ekpay_switch.domain.payment import State
from ekpay_switch.ports.merchants import (
    Merchant,
    MerchantOpened,
    MerchantPayment,
    NewMerchantPayment,
    Payee,
    TrnxIdTaken,
)


@dataclass
class FakeMerchants:
    """The directory: merchants by partner id, their payees by partner id and code."""

    merchants: dict[str, Merchant] = field(default_factory=dict)
    registered: dict[str, dict[str, Payee]] = field(default_factory=dict)

    async def by_reg_id(self, mer_reg_id: str) -> Merchant | None:
        found = (one for one in self.merchants.values() if one.mer_reg_id == mer_reg_id)
        return next((one for one in found if one.is_active), None)

    async def by_partner(self, partner_id: str) -> Merchant | None:
        return self.merchants.get(partner_id)

    async def payees(self, partner_id: str, codes: Collection[str]) -> Mapping[str, Payee]:
        known = self.registered.get(partner_id, {})
        return {code: known[code] for code in codes if code in known}


def opened(new: NewMerchantPayment, now: datetime) -> MerchantPayment:
    """The payment as the books show it once it stands; its merchant is named after the partner."""
    return MerchantPayment(
        payment_id=new.payment_id,
        partner_id=new.partner_id,
        lane=new.lane,
        mer_reg_id=f"{new.partner_id}_test",
        merchant_en=f"{new.partner_id} Ltd.",
        merchant_bn="দোকান",
        text=new.text,
        amount=new.amount,
        sums=Sums(new.amount, ZERO, ZERO, ZERO),
        fingerprint=new.fingerprint,
        state=State.CREATED,
        refusal=None,
        steps=0,
        checkout_reference=new.checkout_reference,
        ekpay_trnx_id=new.ekpay_trnx_id,
        token_expires_at=new.token_expires_at,
        created_at=now,
        updated_at=now,
        read_at=now,
        tries=(),
        shares=new.shares,
        refunded=ZERO,
        is_told=new.text.ipn_channel not in {"1", "3"} or not new.text.ipn_uri,
    )


@dataclass
class FakeMerchantPayments:
    """Payments as tests put them there or open them, at the instant `now`."""

    payments: dict[UUID, MerchantPayment] = field(default_factory=dict)
    now: datetime = datetime(2026, 3, 10, 6, tzinfo=UTC)

    async def open(self, new: NewMerchantPayment) -> MerchantOpened | TrnxIdTaken:
        standing = await self.by_order(new.partner_id, new.text.trnx_id)
        if standing is None:
            self.payments[new.payment_id] = payment = opened(new, self.now)
            return MerchantOpened(payment)
        if standing.fingerprint != new.fingerprint:
            return TrnxIdTaken()
        return MerchantOpened(standing, is_repeat=standing.payment_id != new.payment_id)

    async def by_id(self, payment_id: UUID) -> MerchantPayment | None:
        return self.payments.get(payment_id)

    async def by_order(self, partner_id: str, trnx_id: str) -> MerchantPayment | None:
        return next((one for one in await self.by_trnx_id(trnx_id) if one.partner_id == partner_id), None)

    async def by_checkout(self, checkout_reference: str) -> MerchantPayment | None:
        found = (one for one in self.payments.values() if one.checkout_reference == checkout_reference)
        return next(found, None)

    async def by_trnx_id(self, trnx_id: str, limit: int = 10) -> Sequence[MerchantPayment]:
        found = [one for one in self.payments.values() if one.text.trnx_id == trnx_id]
        return sorted(found, key=lambda one: one.created_at, reverse=True)[:limit]
