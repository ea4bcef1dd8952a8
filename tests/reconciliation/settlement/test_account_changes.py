"""Bank accounts of payees: two persons, a cooling time, and a stop that takes one person."""

from dataclasses import replace

import asyncpg
import pytest

from reconciliation.errors import SettlementError
from reconciliation.settlement.account_changes import NewAccount, approve_change, ask_for_change, stop_change
from reconciliation.settlement.store.account_changes import registry_in_force
from tests.reconciliation.settlement.payout_desk import change, cool, finance_of
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage, pair

RTGS = 12_000_000
DESCO = NewAccount(
    "biller",
    "desco_postpaid",
    "Dhaka Electric",
    "BBBBBDDHXXX",
    "992260024",
    "9920000000055",
    "current",
    "rtgs",
)
ACCOUNTS = "SELECT account FROM reconciliation.settlement_instructions ORDER BY value_date"
OPEN = "SELECT kind, subject FROM alarms WHERE ended_at IS NULL"


@pytest.fixture
async def given(stage: Stage) -> Stage:
    """DESCO is owed for one bill; its account stands in config/settlement.toml."""
    stage.rows = pair("desco_postpaid", "D1", RTGS)
    await stage.hold({"payable:desco_postpaid": RTGS, "settlement_bank": 3 * RTGS})
    return stage


async def owe_more(stage: Stage) -> None:
    stage.rows += pair("desco_postpaid", "D2", RTGS, ordinal=2)
    await stage.hold({"payable:desco_postpaid": RTGS})


async def test_the_account_of_before_is_paid_until_the_cooling_time_is_over(given: Stage) -> None:
    await change(given, DESCO)
    await given.run(SUN)
    await given.settle(MON)
    await owe_more(given)
    await cool(given)
    await given.run(MON)
    await given.settle(TUE)
    assert [row["account"] for row in await given.books.rows(ACCOUNTS)] == ["9910000000001", DESCO.account]
    assert await given.books.audit() is None


async def test_one_person_stops_a_change_that_is_cooling_and_nobody_a_valid_one(given: Stage) -> None:
    number = await change(given, DESCO)
    await stop_change(finance_of(given), number, "the payee knows nothing of it", MAKER)
    await cool(given)
    await given.run(SUN)
    await given.settle(MON)
    assert [row["account"] for row in await given.books.rows(ACCOUNTS)] == ["9910000000001"]
    with pytest.raises(SettlementError, match="was stopped by Rahima: the payee knows nothing of it"):
        await approve_change(finance_of(given), number, CHECKER)
    valid = await change(given, DESCO)
    await cool(given)
    with pytest.raises(SettlementError, match="is valid already"):
        await stop_change(finance_of(given), valid, "too late", MAKER)


async def test_a_change_waits_for_another_person_and_is_an_alarm_meanwhile(given: Stage) -> None:
    number = await ask_for_change(finance_of(given), given.desk.registry, DESCO, "letter", MAKER)
    assert [tuple(row) for row in await given.books.rows(OPEN)] == [
        ("payout_waits", f"account change {number}")
    ]
    with pytest.raises(SettlementError, match="it takes another person"):
        await approve_change(finance_of(given), number, MAKER)
    with pytest.raises(SettlementError, match="waits already"):
        await ask_for_change(finance_of(given), given.desk.registry, DESCO, "again", CHECKER)
    await approve_change(finance_of(given), number, CHECKER)
    assert await given.books.rows(OPEN) == []
    with pytest.raises(SettlementError, match="approved already, by Karim"):
        await approve_change(finance_of(given), number, CHECKER)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"role": "nobody"}, "role: "),
        ({"routing_number": "991260013"}, "routing_number: .*no routing number"),
        ({"account": "99 1"}, "account: "),
        ({"bic": "x"}, "bic: "),
        ({"holds": "gold"}, "holds: "),
        ({"rail": "hawala"}, "rail: "),
        ({"name": "  "}, "name: "),
        ({"party": "desco"}, "party: our books know no biller:desco"),
    ],
)
async def test_a_field_that_is_wrong_is_named(given: Stage, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(SettlementError, match=field):
        await ask_for_change(finance_of(given), given.desk.registry, replace(DESCO, **wrong), "letter", MAKER)
    assert await given.books.count("reconciliation.account_changes") == 0


async def test_the_account_that_is_valid_is_no_change(given: Stage) -> None:
    registered = given.desk.registry.accounts[0]
    same = NewAccount(**registered.model_dump())
    with pytest.raises(SettlementError, match="is paid into this account already"):
        await ask_for_change(finance_of(given), given.desk.registry, same, "letter", MAKER)


async def test_a_changed_account_on_a_rail_that_is_gone_is_left_out(given: Stage) -> None:
    await change(given, DESCO)
    await cool(given)
    others = [account for account in given.desk.registry.accounts if account.rail == "beftn"]
    rails = {"beftn": given.desk.registry.rails["beftn"]}
    narrow = given.desk.registry.model_copy(update={"rails": rails, "accounts": tuple(others)})
    connection = await given.office.connect()
    try:
        registry = await registry_in_force(connection, narrow)
    finally:
        await connection.close()
    assert {account.creditor for account in registry.accounts} == {account.creditor for account in others}


async def test_the_database_instructs_no_other_account_than_the_approved(given: Stage) -> None:
    await given.run(SUN)
    await given.settle(MON)
    await change(given, DESCO)
    await cool(given)
    again = """
    INSERT INTO reconciliation.settlement_instructions
    SELECT 'EAAAAAAAAAAAAAA', value_date, role, party, amount, set_off, rail, statement, ledger_account, name,
      bic, routing_number, account, holds, gen_random_uuid() FROM reconciliation.settlement_instructions
    """
    with pytest.raises(asyncpg.CheckViolationError, match="names the account that two persons have approved"):
        await given.books.tell(again)


async def test_a_person_who_has_left_approves_nothing(given: Stage) -> None:
    number = await ask_for_change(finance_of(given), given.desk.registry, DESCO, "letter", MAKER)
    await given.books.tell(
        "UPDATE staff SET disabled_at = now(), disabled_by = 'Karim' WHERE name = 'Rahima'"
    )
    with pytest.raises(SettlementError, match="may decide nothing any more"):
        await approve_change(finance_of(given), number, CHECKER)
