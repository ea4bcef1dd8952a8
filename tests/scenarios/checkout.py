"""A merchant's payment in a small world, and the payer who stands before its checkout."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import CreateOutcome
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.merchant import ChargesOnRefund, Share, payee_of
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.flows.merchants.checkout import Choice, ChoiceRefusal, ChosenPage, choose_instrument
from ekpay_switch.ports.collections import ReturnPage
from ekpay_switch.ports.connectors import ConnectorProfile
from ekpay_switch.ports.merchants import Funding, Merchant, MerchantPayment, OrderText, TryLine
from ekpay_switch.ports.world import World
from tests.factories import a_world
from tests.fakes.collections.store import FakeCollections
from tests.fakes.collections.tables import CollectTables, StoredTry, stored_payment
from tests.fakes.connectors import BKASH, FakeConnector, Page
from tests.fakes.merchants import FakeMerchantPayments
from tests.fakes.world import SmallWorld
from tests.scenarios.job_rounds import collect_due

Fields = dict[str, Any]
PRICE = 100_000  # 1,000.00 taka
CHECKOUT = "C" * 26
PAYMENT_ID = UUID(int=7_001)
SHOP = "shop1"
LIFE_SECONDS = 30_000.0
NAGAD = replace(
    BKASH,
    id="nagad",
    name_en="Nagad",
    name_bn="নগদ",
    executes=False,
    page_life_seconds=900.0,
    url="https://nagad.example",
)
EBL = replace(
    NAGAD,
    id="ebl",
    name_en="Eastern Bank",
    name_bn="ইস্টার্ন ব্যাংক",
    instrument="card",
    url="https://ebl.example",
)
CITY = replace(EBL, id="city_bank", name_en="City Bank", name_bn="সিটি ব্যাংক")
GATEWAY = replace(EBL, id="gateway", name_en="Gateway", name_bn="গেটওয়ে", payer_charge_basis_points=250)
NEXUS = replace(EBL, id="nexus", name_en="Nexus", name_bn="নেক্সাস")
AGRANI = replace(
    BKASH,
    id="agrani",
    name_en="Agrani Bank",
    name_bn="অগ্রণী ব্যাংক",
    instrument="account",
    payer_charge_basis_points=50,
)
PROFILES = (BKASH, NAGAD, EBL, CITY, GATEWAY, NEXUS, AGRANI)
CARDS = ("ebl", "city_bank", "gateway")


def a_merchant(**changes: object) -> Merchant:
    """ekShop, which takes everything."""
    merchant = Merchant(
        partner_id=SHOP,
        mer_reg_id="ekshop_test",
        name_en="ekShop",
        name_bn="একশপ",
        lane=0,
        is_active=True,
        pass_key_hashes=(b"hash",),
        fee_plan="ekshop_plan",
        charges_on_refund=ChargesOnRefund.RETAINED,
        instruments=None,
        return_hosts=frozenset({"shop.example"}),
        networks=(),
        refund_limit=Money(1_000_000),
        debt_limit=ZERO,
    )
    return replace(merchant, **cast("Fields", changes))


def an_order_text(**changes: object) -> OrderText:
    text = OrderText(
        trnx_id="ORDER-0001",
        order={"ord_id": "1001", "ord_det": "Two saris and a clay pot", "trnx_amt": "1000.00"},
        s_uri="https://shop.example/done?order=1001",
        f_uri="https://shop.example/failed#/order",
        c_uri="https://shop.example/left",
        ipn_channel="3",
        ipn_email="",
        ipn_uri="https://shop.example/ipn",
    )
    return replace(text, **cast("Fields", changes))


@dataclass
class ShopCollections(FakeCollections):
    """Collections whose payers come back to a checkout of ours."""

    async def return_page(self, reference: str) -> ReturnPage | None:
        found = await super().return_page(reference)
        return None if found is None else replace(found, checkout_reference=CHECKOUT)


@dataclass
class ShopPayments(FakeMerchantPayments):
    """Merchant payments read from the tables in memory, as the books would show them.

    `put` is what a test says of the payment whatever the tables hold.
    """

    tables: CollectTables | None = None
    text: OrderText | None = None
    merchant: Merchant | None = None
    put: "Fields" = field(default_factory=dict)
    fails_with: Exception | None = None

    async def by_id(self, payment_id: UUID) -> MerchantPayment | None:
        if self.fails_with is not None:
            raise self.fails_with
        tables = self.tables
        if tables is None or payment_id not in tables.collections:
            return None
        return self._shown(tables, payment_id)

    async def by_checkout(self, checkout_reference: str) -> MerchantPayment | None:
        found = await self.by_id(PAYMENT_ID)
        return found if found is not None and found.checkout_reference == checkout_reference else None

    def _shown(self, tables: CollectTables, payment_id: UUID) -> MerchantPayment:
        new, stored, merchant = (
            tables.collections[payment_id],
            tables.books.payments[payment_id],
            self.merchant,
        )
        assert merchant is not None
        assert self.text is not None
        funded = tables.funding_try(payment_id)
        shown = MerchantPayment(
            payment_id=payment_id,
            partner_id=new.partner_id,
            lane=new.lane,
            mer_reg_id=merchant.mer_reg_id,
            merchant_en=merchant.name_en,
            merchant_bn=merchant.name_bn,
            text=self.text,
            amount=new.sums.amount,
            sums=new.sums,
            fingerprint=new.fingerprint,
            state=stored.state,
            refusal=stored.standing.refusal,
            steps=len(stored.history),
            checkout_reference=CHECKOUT,
            ekpay_trnx_id="260301120000abcde",
            token_expires_at=new.pay_until,
            created_at=tables.created_at[payment_id],
            updated_at=stored.standing.paid_at or tables.created_at[payment_id],
            read_at=tables.clock.now(),
            tries=tuple(_line(one, tables) for one in tables.tries_of(payment_id)),
            shares=(),
            refunded=ZERO if funded is None else funded.refunded,
            funding=None if funded is None else _funding(funded),
        )
        return replace(shown, **self.put)


def _line(one: StoredTry, tables: CollectTables) -> TryLine:
    findings = [facts for payment_id, facts in _whys(tables) if payment_id == one.new.attempt_id]
    return TryLine(
        attempt_id=one.new.attempt_id,
        reference=one.new.reference,
        connector_id=one.new.connector_id,
        state=one.state,
        end=one.end,
        why=findings[-1] if findings else "",
        page_url=one.page_url,
        page_until=one.page_until,
        opened_at=one.opened_at,
        executes_begun=one.executes_begun,
        next_look_at=one.next_action_at,
        total=tables.sums_of(one).total,
        is_held=one.held_at is not None,
    )


def _whys(tables: CollectTables) -> list[tuple[UUID, str]]:
    """Why tries came to nothing, by what the payment keeps of the last one."""
    newest = tables.tries[-1] if tables.tries else None
    if newest is None or newest.end in {None, TryEnd.APPROVED}:
        return []
    facts = tables.books.payments[newest.payment_id].standing.facts
    return [(newest.new.attempt_id, facts.get("why", ""))]


def _funding(one: StoredTry) -> Funding:
    assert one.collected_at is not None
    return Funding(one.new.connector_id, one.provider_transaction, one.collected_at, {})


class Shopper:
    """One merchant payment of a small world, seen by its payer."""

    def __init__(
        self, profiles: tuple[ConnectorProfile, ...] = PROFILES, public_url: str = "https://pay.example"
    ) -> None:
        self.small: SmallWorld = a_world(prefund=1)
        small = self.small
        self.far = {one.id: FakeConnector(small.clock, small.steps, one) for one in profiles}
        small.connectors.known = list(self.far.values())
        small.routing.rules = replace(small.routing.rules, instruments={"card": CARDS})
        self.merchant = a_merchant()
        small.merchants.merchants[SHOP] = self.merchant
        self.payments = ShopPayments(tables=small.tables, text=an_order_text(), merchant=self.merchant)
        collections = ShopCollections(small.tables)
        self.world: World = replace(
            small.world, merchant_payments=self.payments, collections=collections, public_url=public_url
        )
        self._open()

    def _open(self) -> None:
        """The payment as the merchant API opens it: nothing charged, no try."""
        small, now = self.small, self.small.clock.now()
        amount = Money(PRICE)
        first = NewTry(UUID(int=1), "R" * 26, "", 0.0, 0.0)
        new = NewCollection(
            payment_id=PAYMENT_ID,
            partner_id=SHOP,
            lane=0,
            reference="ekpg:ORDER-0001",
            fingerprint=b"order",
            biller_id=payee_of(SHOP),
            bill_key="ORDER-0001",
            bucket="postpaid",
            sums=Sums(amount, ZERO, ZERO, ZERO),
            biller_quote={},
            bill={},
            pay_until=now + timedelta(seconds=LIFE_SECONDS),
            return_url="",
            first=first,
        )
        small.tables.collections[PAYMENT_ID] = new
        small.tables.created_at[PAYMENT_ID] = now
        small.books.payments[PAYMENT_ID] = stored_payment(new)
        small.tables.shares.open(PAYMENT_ID, SHOP, [Share("", None, amount)])

    # ---- what the payer does ------------------------------------------------------------

    async def now(self) -> MerchantPayment:
        found = await self.payments.by_id(PAYMENT_ID)
        assert found is not None
        return found

    async def choose(
        self, instrument: str, nth: int = 1, total: int | None = None
    ) -> ChosenPage | ChoiceRefusal:
        wanted = Choice(instrument, nth, None if total is None else Money(total))
        return await choose_instrument(await self.now(), wanted, self.world)

    def page(self, connector_id: str = "bkash", number: int = -1) -> Page:
        return list(self.far[connector_id].pages.values())[number]

    def refuses(self, connector_id: str, outcome: CreateOutcome) -> None:
        self.far[connector_id].creates.append(outcome)

    def tries(self) -> list[StoredTry]:
        return self.small.tables.tries_of(PAYMENT_ID)

    async def wait(self, seconds: float) -> None:
        """Time passes, then the collector looks."""
        self.small.clock.pass_by(seconds)
        await collect_due(self.world)

    def adds(self, name: str, kind: str) -> None:
        """One more instrument of this kind."""
        profile = replace(
            NAGAD, id=name.lower().replace(" ", "_"), name_en=name, name_bn=name, instrument=kind
        )
        self.far[profile.id] = FakeConnector(self.small.clock, self.small.steps, profile)
        self.small.connectors.known = list(self.far.values())

    def takes(self, *instruments: str) -> Merchant:
        """The merchant takes these alone from now on."""
        self.merchant = a_merchant(instruments=frozenset(instruments))
        self.small.merchants.merchants[SHOP] = self.merchant
        return self.merchant
