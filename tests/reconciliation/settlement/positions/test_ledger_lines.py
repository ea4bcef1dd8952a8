"""Merchants, payees and partners: their lines are our own books, agreed once their window is closed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.posting_rules import owed_by_merchant_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.finance import LineEvent, LineRole
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.instructions.account_registry import CreditorAccount, PayoutSettings
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.ledger_lines import (
    AccountMovement,
    BookedLine,
    accounts_of,
    lines_of_books,
    owed_on_account,
    owner_of,
)
from reconciliation.settlement.positions.lines import LineKind
from reconciliation.settlement.positions.net_positions import sheet_of, unexplained_rest
from reconciliation.settlement.settle_value_date import SettledValueDate
from reconciliation.settlement.store.payout_limits import LimitChange, write_limit
from tests.persistence.books import Books
from tests.persistence.collections.merchant_money_setup import (
    ACCOUNTS,
    AGENT,
    AMOUNT,
    COURIER,
    PAYEES,
    SELLER,
    SPLIT,
    Stall,
    open_stall,
)
from tests.persistence.ledger.window_closing_setup import Closing
from tests.reconciliation.settlement.sample_lines import CALENDAR, CYCLES, MON, REGISTRY, SUN
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage

SHOP = Party(PartyRole.MERCHANT, "shop")
OWNERS = dict(
    zip(
        ACCOUNTS,
        [
            Party(PartyRole.PAYEE, f"shop:{SELLER}"),
            SHOP,
            Party(PartyRole.PAYEE, f"shop:{COURIER}"),
            Party(PartyRole.PAYEE, f"shop:{AGENT}"),
        ],
        strict=True,
    )
)
PARTNER = BookedLine("lines-1:1", LineRole.PARTNER, "a_bank", "", LineEvent.PAYMENT, SUN, 6_000, 0, 0)


def a_booked(account: str, event: LineEvent, gross: int, source: str = "lines-1:1") -> BookedLine:
    return BookedLine(source, LineRole.MERCHANT, "shop", account, event, SUN, gross, 0, 0)


def test_an_account_says_whose_it_is() -> None:
    assert {account: owner_of(account) for account in ACCOUNTS} == OWNERS
    assert [
        owner_of(name) for name in ("payable:desco_postpaid", "receivable:merchant:shop", "in_flight")
    ] == [
        None,
        None,
        None,
    ]
    for account, owner in OWNERS.items():
        assert account in accounts_of(owner)
    a_bank = Party(PartyRole.PARTNER, "a_bank")
    assert accounts_of(a_bank) == ("withdrawal_due:a_bank",)
    assert owner_of("withdrawal_due:a_bank") == a_bank
    union_centre = Party(PartyRole.AGENT, "udc1")
    assert accounts_of(union_centre) == ("commission_payable:agent:udc1",)
    assert owner_of("commission_payable:agent:udc1") == union_centre
    treasury = Party(PartyRole.SWEEP, "treasury")
    assert accounts_of(treasury) == ("sweep_due:treasury",)
    assert owner_of("sweep_due:treasury") == treasury
    assert accounts_of(Party(PartyRole.OURS, "ours")) == ()
    assert (owed_on_account("receivable:bkash", 5), owed_on_account("payable:bkash", 5)) == (-5, 5)


def test_what_a_merchant_is_owed_and_gives_back() -> None:
    own, agent = ACCOUNTS[1], ACCOUNTS[3]
    booked = [
        a_booked(own, LineEvent.PAYMENT, 500, "lines-1:1"),
        a_booked(agent, LineEvent.PAYMENT, 70, "lines-1:2"),
        a_booked(own, LineEvent.REFUND, -200, "lines-1:3"),
        a_booked(own, LineEvent.REVERSAL, 200, "lines-1:4"),
        a_booked("", LineEvent.PAYMENT, 30, "lines-1:5"),
    ]
    moved = [
        AccountMovement("entry-x:1", own, SUN, 100),
        AccountMovement("entry-x:2", "receivable:merchant:shop", SUN, -40),
        AccountMovement("entry-y:1", "payable:desco_postpaid", SUN, -9),
        AccountMovement("entry-y:2", "in_flight", SUN, 9),
        AccountMovement("entry-z:2", "commission_payable:agent:udc1", SUN, -200),
    ]
    lines = list(lines_of_books(booked, moved, MON))
    assert [(str(one.cycle.party), one.kind, one.amount) for one in lines] == [
        ("merchant:shop", LineKind.PAYMENT, -500),
        ("payee:shop:UDC7", LineKind.COMMISSION, -70),
        ("merchant:shop", LineKind.REFUND, 200),
        ("merchant:shop", LineKind.REFUND, -200),
        ("merchant:shop", LineKind.PAYMENT, -30),
        ("merchant:shop", LineKind.ADJUSTMENT, 100),
        ("merchant:shop", LineKind.ADJUSTMENT, -40),
        ("biller:desco_postpaid", LineKind.ADJUSTMENT, -9),
        ("agent:udc1", LineKind.COMMISSION, -200),
    ]
    assert {one.agreed_on for one in lines} == {MON}


@given(
    st.lists(st.tuples(st.sampled_from(LineEvent), st.integers(-(10**10), 10**10).filter(bool)), max_size=8)
)
def test_a_prefund_has_paid_already(told: list[tuple[LineEvent, int]]) -> None:
    booked = [
        replace(PARTNER, source=f"lines-1:{place}", event=event, gross=gross, fee=gross // 7, vat=gross // 50)
        for place, (event, gross) in enumerate(told, start=1)
    ]
    sheet = sheet_of(MON, lines_of_books(booked, [], SUN), CYCLES)
    assert [(one.net, unexplained_rest(sheet)) for one in sheet.positions] == [(0, 0)] * bool(told)
    assert sum(one.gross_in for one in sheet.positions) == sum(
        gross for event, gross in told if event is LineEvent.PAYMENT
    )


def test_nothing_is_seen_before_it_happened() -> None:
    assert [one.seen_on for one in lines_of_books([replace(PARTNER, day=MON)], [], SUN)] == [MON, MON]


# ---- over real books


@pytest.fixture
async def stall(books: Books) -> AsyncIterator[Stall]:
    async with open_stall(books) as stall:
        await stall.shop.merchant(payees=PAYEES)
        yield stall


async def settle_today(stage: Stage, stall: Stall) -> SettledValueDate:
    """Close today, run its night and settle the value date behind it, for the shop and its courier.

    No money has come from its connector, so all of it is at our risk.
    """
    accounts = [
        a_registered("merchant", "shop", "1"),
        a_registered("payee", f"shop:{COURIER}", "2"),
    ]
    payouts = PayoutSettings(default="on_risk")
    stage.with_registry(REGISTRY.model_copy(update={"accounts": tuple(accounts), "payouts": payouts}))
    today = await Closing(stall.books).today()
    await Closing(stall.books).close()
    await stage.run(today, last_line=await stall.books.value("SELECT coalesce(max(id), 0) FROM ledger_lines"))
    async with open_work(stage.desk) as work:
        for account in accounts:
            await write_limit(work.connection, LimitChange(account.creditor, 10**9, MAKER, CHECKER))
    return await stage.settle(CALENDAR.business_day_after(today))


def a_registered(role: str, party: str, account: str) -> CreditorAccount:
    told = {"role": role, "party": party, "name": party, "bic": "DDDDBDDHXXX", "routing_number": "994260048"}
    return CreditorAccount.model_validate(told | {"account": account, "holds": "current", "rail": "beftn"})


def nets(issued: SettledValueDate) -> dict[str, tuple[int, int, int]]:
    return {
        str(one.position.party): (one.position.net, one.instructed, one.carried_out)
        for one in issued.rows
        if one.position.party.role is not PartyRole.OURS
    }


async def test_what_accounts_hold_is_what_is_settled(stage: Stage, stall: Stall) -> None:
    held = await stall.sold(SPLIT)
    await stall.settled(1_999)
    await stall.office.done((await stall.office.take(held, 10_500, partner_id="shop")).refund_id)
    before = {account: -await stall.balance(account) for account in ACCOUNTS}
    issued = await settle_today(stage, stall)
    told = nets(issued)
    assert {account: -told[str(owner)][0] for account, owner in OWNERS.items()} == before
    own, courier, agent = ACCOUNTS[1], ACCOUNTS[2], ACCOUNTS[3]
    assert told["merchant:shop"] == (-before[own], before[own], 0)
    assert told[f"payee:shop:{COURIER}"] == (-before[courier], before[courier], 0)
    assert told[f"payee:shop:{AGENT}"] == (-before[agent], 0, before[agent]), "it has no account: carried"
    assert (await stall.balance(own), await stall.balance(courier)) == (0, 0)
    assert await stall.owed() == before[agent] + before[ACCOUNTS[0]]
    assert await stall.books.audit() is None


async def test_what_a_merchant_owes_beyond_its_limit_is_set_off(stage: Stage, stall: Stall) -> None:
    first = await stall.sold()
    await stall.settled(AMOUNT)
    await stall.office.done((await stall.office.take(first, 100_000, partner_id="shop")).refund_id)
    await stage.post(owed_by_merchant_entry("merchant:shop", Money(5_000)))
    await stall.sold()
    await stall.sold()
    issued = await settle_today(stage, stall)
    assert nets(issued)["merchant:shop"] == (-110_000, 110_000, 0)
    assert await stall.balance("receivable:merchant:shop") == 0
    assert (await stall.balance("payable:merchant:shop"), await stall.owed()) == (0, 0)
    assert await stall.books.audit() is None


async def test_a_window_that_is_open_settles_nothing(stage: Stage, stall: Stall) -> None:
    await stall.sold()
    today: date = await Closing(stall.books).today()
    await stage.run(today)
    assert nets(await stage.settle(CALENDAR.business_day_after(today))) == {}
