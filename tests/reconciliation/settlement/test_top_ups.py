"""Top-ups of our deposits at utilities, from the proposal to the statement: one on its way at a time."""

from decimal import Decimal

import pytest

from reconciliation.errors import SettlementError
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.instructions.account_registry import CoverSettings, DepositRow, PayoutSettings
from reconciliation.settlement.positions.trust_cover import cover_of
from reconciliation.settlement.store.contradictions import Verdict
from reconciliation.settlement.store.withdrawals import Cancellation
from reconciliation.settlement.sweeps import approve_sweep
from reconciliation.settlement.top_ups import NewTopUp, approve_top_up, ask_for_top_up
from reconciliation.settlement.withdrawals import approve_withdrawal, cancel_withdrawal, reject_withdrawal
from tests.reconciliation.settlement.deposit_desk import (
    DEPOSIT,
    DUE,
    FUNDS,
    IN_TRANSIT,
    NESCO,
    OPEN,
    PROPOSED,
    PUT_THERE,
    VENDED,
    audited,
    debited,
    deposit_accounts,
    figures,
    last_id,
    put_there,
    settled,
    standing,
    vended,
)
from tests.reconciliation.settlement.payout_desk import (
    BANK1,
    change,
    cool,
    date_books,
    finance_of,
    states,
    top_up,
    withdraw,
)
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage, report


@pytest.fixture
async def given(stage: Stage) -> Stage:
    """Our own money is at the bank and at NESCO, and Sunday has vended most of the latter."""
    return await vended(stage)


async def test_a_deposit_below_a_days_vends_is_filled_to_its_target_and_the_statement_says_so(
    given: Stage,
) -> None:
    before = await standing(given)
    assert (before.balance, before.vends_of_day, before.proposed_amount) == (
        PUT_THERE - VENDED,
        VENDED,
        PROPOSED,
    )
    number = await top_up(given, NESCO)
    assert await deposit_accounts(given) == (PUT_THERE - VENDED, PROPOSED, PROPOSED)
    assert (await standing(given)).proposed_amount == 0
    assert await states(given) == {number: "due"}
    assert figures(await settled(given, MON, TUE)) == [(PROPOSED, 0, "")]
    assert await states(given) == {number: "instructed"}
    assert await deposit_accounts(given) == (PUT_THERE - VENDED, PROPOSED, 0)
    await debited(given, PROPOSED, TUE)
    assert await states(given) == {number: "paid"}
    assert await deposit_accounts(given) == (3 * VENDED, 0, 0)
    assert (await given.balances())["settlement_bank"] == FUNDS + VENDED - PROPOSED
    # What has come is no vend.
    after = await standing(given)
    assert (after.vends_of_day, after.proposed_amount) == (VENDED, 0)
    assert await audited(given) is None


async def test_a_top_up_is_proposed_below_the_days_of_the_alarm(given: Stage) -> None:
    # A quarter of a day is left.
    for days, proposed in (("0.2", 0), ("0.3", PROPOSED)):
        given.office.alarm_days[NESCO] = Decimal(days)
        assert (await standing(given)).proposed_amount == proposed


async def test_a_rejected_top_up_is_due_again_and_paid_once(given: Stage) -> None:
    number = await top_up(given, NESCO)
    await settled(given, MON, TUE)
    await given.follow(report(await last_id(given), "RJCT"))
    assert await states(given) == {number: "due"}
    assert await deposit_accounts(given) == (PUT_THERE - VENDED, PROPOSED, PROPOSED)
    await settled(given, TUE, TUE.replace(day=8))
    await debited(given, PROPOSED, TUE.replace(day=8))
    assert await states(given) == {number: "paid"}
    assert await deposit_accounts(given) == (3 * VENDED, 0, 0)
    assert await audited(given) is None


async def test_a_returned_top_up_leaves_the_deposit_and_is_due_again(given: Stage) -> None:
    number = await top_up(given, NESCO)
    await settled(given, MON, TUE)
    await debited(given, PROPOSED, TUE)
    await debited(given, -PROPOSED, TUE.replace(day=8))
    assert await states(given) == {number: "due"}
    assert await deposit_accounts(given) == (PUT_THERE - VENDED, PROPOSED, PROPOSED)
    assert (await standing(given)).vends_of_day == VENDED
    assert await audited(given) is None


async def test_a_top_up_that_its_bank_rejects_and_executes_is_in_the_deposit(given: Stage) -> None:
    number = await top_up(given, NESCO)
    await settled(given, MON, TUE)
    await given.follow(report(await last_id(given), "RJCT"))
    await debited(given, PROPOSED, TUE)
    await given.decide(await last_id(given), Verdict.EXECUTED)
    assert await states(given) == {number: "paid"}
    assert await deposit_accounts(given) == (3 * VENDED, 0, 0)
    assert await audited(given) is None


async def test_a_top_up_is_never_proposed_or_taken_while_another_is_on_its_way(given: Stage) -> None:
    async with open_work(given.desk) as work:
        number, paisa = await ask_for_top_up(work, NewTopUp(NESCO, None, "first"), MAKER)
        assert (number, paisa) == (1, PROPOSED)
        assert (await standing(given)).waiting_number == number
        with pytest.raises(SettlementError, match=f"biller: top-up 1 of {NESCO} waits already"):
            await ask_for_top_up(work, NewTopUp(NESCO, 100, "second"), CHECKER)
        await approve_top_up(work, number, CHECKER)
        for amount in (None, 100):
            with pytest.raises(
                SettlementError, match=rf"biller: 1100000\.00 taka are on their way to {NESCO}"
            ):
                await ask_for_top_up(work, NewTopUp(NESCO, amount, "second"), CHECKER)
    await settled(given, MON, TUE)
    with pytest.raises(SettlementError, match="on their way"):
        await top_up(given, NESCO, 100, "second")
    await debited(given, PROPOSED, TUE)
    second = await top_up(given, NESCO, 100, "second")
    assert await states(given) == {number: "paid", second: "due"}
    assert await audited(given) is None


async def test_a_cancelled_top_up_is_not_on_its_way(given: Stage) -> None:
    number = await top_up(given, NESCO)
    await cancel_withdrawal(finance_of(given), Cancellation(number, "vended less", MAKER, CHECKER))
    assert await states(given) == {number: "cancelled"}
    assert await deposit_accounts(given) == (PUT_THERE - VENDED, 0, 0)
    assert (await standing(given)).proposed_amount == PROPOSED
    again = await top_up(given, NESCO, reference="again")
    await settled(given, MON, TUE)
    with pytest.raises(SettlementError, match="the bank has it"):
        await cancel_withdrawal(finance_of(given), Cancellation(again, "too late", MAKER, CHECKER))
    assert await audited(given) is None


async def test_a_rejected_request_lets_another_be_asked_for(given: Stage) -> None:
    async with open_work(given.desk) as work:
        number, _ = await ask_for_top_up(work, NewTopUp(NESCO, None, "first"), MAKER)
        assert [tuple(row) for row in await given.books.rows(OPEN)] == [
            ("payout_waits", f"withdrawal {number}", PROPOSED)
        ]
        await reject_withdrawal(finance_of(given), number, "too much", CHECKER)
        assert await given.books.rows(OPEN) == []
        again, _ = await ask_for_top_up(work, NewTopUp(NESCO, 100, "first"), MAKER)
    assert await states(given) == {number: "rejected", again: "waits"}


async def test_a_top_up_takes_two_persons_and_its_own_command(given: Stage) -> None:
    async with open_work(given.desk) as work:
        number, _ = await ask_for_top_up(work, NewTopUp(NESCO, None, "R"), MAKER)
        with pytest.raises(SettlementError, match="another person"):
            await approve_top_up(work, number, MAKER)
        with pytest.raises(SettlementError, match=f"is a top-up: ekpay settle topup approve {number}"):
            await approve_withdrawal(finance_of(given), number, CHECKER)
        with pytest.raises(SettlementError, match=f"is no sweep: ekpay settle topup approve {number}"):
            await approve_sweep(work, number, CHECKER)
        assert await deposit_accounts(given) == (PUT_THERE - VENDED, 0, 0)
        await approve_top_up(work, number, CHECKER)
        with pytest.raises(SettlementError, match=f"approved already, by {CHECKER}"):
            await approve_top_up(work, number, CHECKER)
        await given.books.partner("bank1", prefund=50_000)
        await withdraw(given, 10_000)
        asked = await given.books.value(
            "INSERT INTO reconciliation.withdrawals (id, partner, bucket, amount, reference, asked_by) "
            "VALUES (gen_random_uuid(), 'bank1', 'postpaid', 1, 'letter 2', 'Rahima') RETURNING number"
        )
        with pytest.raises(SettlementError, match=f"is no top-up: ekpay settle withdrawals approve {asked}"):
            await approve_top_up(work, asked, CHECKER)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (NewTopUp("desco_postpaid", None, "R"), "biller: we keep no deposit at desco_postpaid; known: bpdb"),
        (NewTopUp(NESCO, 0, "R"), "amount: it is above zero"),
        (NewTopUp(NESCO, -1, "R"), "amount: it is above zero"),
        (
            NewTopUp("breb_prepaid", None, "R"),
            "amount: nothing is proposed for breb_prepaid, so",
        ),
        (NewTopUp(NESCO, 99, "R"), r"amount: a top-up of nesco_prepaid is at least 1\.00"),
        (NewTopUp(NESCO, 200_000_001, "R"), r"amount: a top-up of nesco_prepaid is at most 2000000\.00"),
    ],
)
async def test_a_top_up_that_cannot_be_is_refused_with_its_field(
    given: Stage, new: NewTopUp, words: str
) -> None:
    row = DepositRow(biller=NESCO, minimum="1.00", maximum="2000000.00")  # type: ignore[arg-type]
    rows = (row, DepositRow(biller="bpdb_prepaid"), DepositRow(biller="breb_prepaid"))
    payouts = PayoutSettings(deposits=rows)
    given.with_registry(given.desk.registry.model_copy(update={"payouts": payouts}))
    async with open_work(given.desk) as work:
        with pytest.raises(SettlementError, match=words):
            await ask_for_top_up(work, new, MAKER)
    assert await given.books.count("reconciliation.withdrawals") == 0


async def test_a_top_up_is_never_paid_with_money_of_others(given: Stage) -> None:
    """What partners have paid in stands at the bank; our own money is what vends have freed, and no more."""
    cover = CoverSettings.model_construct(reserve=10_000)
    given.with_registry(given.desk.registry.model_copy(update={"cover": cover}))
    await given.hold({"own_funds": -FUNDS, "payable:merchant:shop": FUNDS})
    with pytest.raises(SettlementError, match=r"the cover after it would be .* below the reserve"):
        await top_up(given, NESCO, VENDED)
    assert await deposit_accounts(given) == (PUT_THERE - VENDED, 0, 0)
    async with open_work(given.desk) as work:
        await reject_withdrawal(finance_of(given), 1, "too much", CHECKER)
        number, _ = await ask_for_top_up(work, NewTopUp(NESCO, VENDED - 10_000, "R"), MAKER)
        await approve_top_up(work, number, CHECKER)
    kept = "SELECT cover_after FROM reconciliation.withdrawals WHERE number = 2"
    assert await given.books.value(kept) == 10_000
    assert cover_of(await given.balances()).strict == 10_000


async def test_what_is_on_its_way_pays_for_what_was_vended_beyond_the_deposit() -> None:
    balances = {"settlement_bank": 100, DEPOSIT: -30, IN_TRANSIT: 50, DUE: 50}
    cover = cover_of(balances)
    assert (cover.strict, cover.deposits) == (50, {NESCO: 20})
    assert cover_of({"settlement_bank": 100, DEPOSIT: -30}).owed_by_account == {DEPOSIT: 30}


async def test_a_top_up_without_an_account_raises_an_alarm_until_it_has_one(stage: Stage) -> None:
    registry = stage.desk.registry
    accounts = tuple(account for account in registry.accounts if account.role != "deposit")
    stage.with_registry(registry.model_copy(update={"accounts": accounts}))
    await put_there(stage)
    await stage.run(SUN)
    await date_books(stage, SUN)
    number = await top_up(stage, NESCO, 20_000_000)
    assert figures(await settled(stage, SUN, MON)) == [(0, 20_000_000, "no_account")]
    assert [row["subject"] for row in await stage.books.rows(OPEN)] == [f"withdrawals {NESCO}"]
    account = {"role": "deposit", "party": NESCO, "name": "NESCO", "account": "9910000000080"}
    await change(stage, type(BANK1)(**{name: getattr(BANK1, name) for name in BANK1.__slots__} | account))
    await cool(stage)
    assert figures(await settled(stage, MON, TUE)) == [(20_000_000, 0, "")]
    assert await states(stage) == {number: "instructed"}
    assert await stage.books.rows(OPEN) == []


@pytest.mark.parametrize("party", [NESCO, "old_prepaid"])
async def test_a_utility_of_our_books_or_of_the_settings_has_an_account(stage: Stage, party: str) -> None:
    await stage.office.books.open_accounts(["biller_deposit:old_prepaid"])
    values = {name: getattr(BANK1, name) for name in BANK1.__slots__}
    number = await change(stage, type(BANK1)(**values | {"role": "deposit", "party": party}))
    assert number == 1
    with pytest.raises(SettlementError, match="party: our books know no deposit:somebody"):
        await change(stage, type(BANK1)(**values | {"role": "deposit", "party": "somebody"}))
