"""Debts of payees: listed, demanded, paid by lines of our bank, set off, written off, withdrawn."""

from pathlib import Path

import asyncpg
import pytest

from reconciliation.errors import ConfigurationError, SettlementError, UnknownPartyError
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.debts.demand_audit import first_unsound_demand
from reconciliation.settlement.debts.demands import (
    DemandDecision,
    approve_demand,
    demand_debt,
    reject_demand,
    withdraw_demand,
)
from reconciliation.settlement.instructions.account_registry import read_registry
from reconciliation.settlement.positions.demand_figures import reference_of
from reconciliation.unidentified.items import ItemAction
from tests.reconciliation.settlement.debts.demand_desk import (
    DESCO,
    OWED,
    audited,
    debts,
    demanded,
    figures,
    merchant,
    owing,
    withdrawn,
    written_off,
)
from tests.reconciliation.settlement.sample_lines import CONFIG, MON
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage
from tests.reconciliation.settlement.test_unidentified_lines import (
    checked,
    follow,
    linked,
    proposed,
    sound,
    stranger,
)

OPEN = "SELECT kind, subject, amount FROM alarms WHERE ended_at IS NULL ORDER BY kind"
OVERDUE = """
ALTER TABLE reconciliation.demands DISABLE TRIGGER USER;
UPDATE reconciliation.demands SET due_on = due_on - 20;
ALTER TABLE reconciliation.demands ENABLE TRIGGER USER
"""


async def alarms(stage: Stage) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await stage.books.rows(OPEN)]


async def test_a_debt_is_listed_demanded_and_paid_by_a_line(stage: Stage) -> None:
    await stage.hold({"receivable:bkash": 900})
    await owing(stage)
    (debt,) = await debts(stage)
    assert (str(debt.party), debt.amount, debt.age_days, debt.set_off, debt.demand) == (
        "biller:desco_postpaid", OWED, 0, 0, None,
    )  # fmt: skip
    assert await demanded(stage) == 1
    assert await alarms(stage) == []
    assert await figures(stage) == ("open", 0, 0, 0, OWED)
    await follow(stage, stranger(200_000, "", "SB7"), stranger(300_000, reference_of(1), "SB8"))
    await linked(stage, "demand:1", 1)
    assert await figures(stage) == ("open", 200_000, 0, 0, 300_000)
    await linked(stage, f"demand:{reference_of(1)}", 2)
    assert await figures(stage) == ("paid", OWED, 0, 0, 0)
    assert DESCO not in await stage.balances()
    assert await alarms(stage) == []
    await stage.run(MON)
    assert await debts(stage) == []
    assert await sound(stage)
    assert await audited(stage) is None


async def test_a_line_pays_no_more_than_is_left_and_is_split(stage: Stage) -> None:
    await stage.books.partner("bank1", prefund=0)
    await demanded(await owing(stage))
    await follow(stage, stranger(700_000, "", "SB7"))
    with pytest.raises(
        SettlementError, match=r"^amount: 5000.00 taka are left of D-0001, .*: split the line"
    ):
        await proposed(stage, ItemAction.LINK, ("demand:1", None))
    parts = (("demand:1", OWED), ("prefund:bank1:postpaid", 200_000))
    await proposed(stage, ItemAction.SPLIT, *parts)
    await checked(stage)
    assert await figures(stage) == ("paid", OWED, 0, 0, 0)
    assert (await stage.balances())["prefund:bank1:postpaid"] == 200_000
    assert await audited(stage) is None


async def test_what_a_merchant_owes_beyond_its_limit_is_paid_first(stage: Stage) -> None:
    await merchant(stage)
    await stage.hold({"receivable:merchant:shop": 30_000, "settlement_bank": -30_000})
    await owing(stage, 50_000, "payable:merchant:shop")
    await demanded(stage, "shop")
    await follow(stage, stranger(60_000, "", "SB7"), stranger(30_000, "", "SB8"))
    await linked(stage, "demand:1", 1)
    balances = await stage.balances()
    assert ("receivable:merchant:shop" in balances, balances["payable:merchant:shop"]) == (False, -20_000)
    await proposed(stage, ItemAction.SPLIT, ("demand:1", 20_000), ("payable:merchant:shop", 10_000), number=2)
    await checked(stage, number=2)
    assert (await stage.balances())["payable:merchant:shop"] == 10_000
    assert await figures(stage) == ("paid", 80_000, 0, 0, 0)
    assert await audited(stage) is None


async def test_later_claims_set_a_demand_off(stage: Stage) -> None:
    await demanded(await owing(stage))
    await stage.hold({DESCO: 150_000, "settlement_bank": 150_000})
    assert await figures(stage) == ("open", 0, 0, 0, OWED), "the window is open"
    await stage.run(MON)
    assert await figures(stage) == ("open", 0, 150_000, 0, 350_000)
    await follow(stage, stranger(100_000, "", "SB7"))
    await linked(stage, "demand:1")
    await stage.hold({DESCO: -70_000, "settlement_bank": -70_000})
    await stage.run(MON)
    await stage.hold({DESCO: 600_000, "settlement_bank": 600_000})
    await stage.run(MON)
    await stage.follow()
    assert await figures(stage) == ("set_off", 100_000, 400_000, 0, 0)
    assert await audited(stage) is None


async def test_a_debt_is_written_off_by_two_persons(stage: Stage) -> None:
    await demanded(await owing(stage))
    await follow(stage, stranger(200_000, "", "SB7"))
    await linked(stage, "demand:1")
    await written_off(stage)
    assert await figures(stage) == ("written_off", 200_000, 0, 300_000, 0)
    assert (await stage.balances())["write_off"] == 300_000
    assert DESCO not in await stage.balances()
    with pytest.raises(SettlementError, match=r"^demand: D-0001 is written off"):
        await written_off(stage)
    assert await audited(stage) is None


async def test_a_withdrawn_demand_leaves_the_debt(stage: Stage) -> None:
    await demanded(await owing(stage))
    await withdrawn(stage)
    assert await figures(stage) == ("withdrawn", 0, 0, 0, OWED)
    assert [debt.demand for debt in await debts(stage)] == [None]
    assert await demanded(stage) == 2
    assert await audited(stage) is None


async def test_a_demand_past_its_due_date_is_an_alarm_until_it_ends(stage: Stage) -> None:
    await demanded(await owing(stage))
    await stage.follow()
    assert await alarms(stage) == []
    await stage.books.tell(OVERDUE)
    await stage.follow()
    assert await figures(stage) == ("overdue", 0, 0, 0, OWED)
    assert await alarms(stage) == [("demand_overdue", "demand 1", OWED)]
    await withdrawn(stage)
    assert await alarms(stage) == []


async def test_a_reversed_payment_is_owed_again(stage: Stage) -> None:
    await demanded(await owing(stage))
    await follow(stage, stranger(200_000, "", "SB7"))
    await linked(stage, "demand:1")
    await proposed(stage, ItemAction.REVERSE)
    await checked(stage)
    assert await figures(stage) == ("open", 0, 0, 0, OWED)
    await stage.run(MON)
    assert await figures(stage) == ("open", 0, 0, 0, OWED)
    assert await audited(stage) is None


async def test_steps_are_refused_with_their_field(stage: Stage) -> None:
    await owing(stage)
    async with open_work(stage.desk) as work:
        with pytest.raises(SettlementError, match=r"^party: dhaka_wasa owes us nothing"):
            await demand_debt(work, "dhaka_wasa", MAKER)
        assert await demand_debt(work, "desco_postpaid", MAKER) == (1, OWED)
        with pytest.raises(SettlementError, match=r"^party: demand D-0001 of biller:desco_postpaid is not"):
            await demand_debt(work, "desco_postpaid", MAKER)
        with pytest.raises(SettlementError, match=r"^by: Rahima has asked for D-0001"):
            await approve_demand(work, 1, MAKER)
        with pytest.raises(SettlementError, match=r"^demand: there is no demand 9"):
            await approve_demand(work, 9, CHECKER)
        with pytest.raises(SettlementError, match=r"^demand: D-0001 waits for a second person"):
            await withdraw_demand(work, DemandDecision(1, "why", MAKER, CHECKER))
        assert await alarms(stage) == [("payout_waits", "demand 1", OWED)]
        await reject_demand(work, 1, "wrong", MAKER)
        with pytest.raises(SettlementError, match=r"^demand: D-0001 is rejected already, by Rahima"):
            await approve_demand(work, 1, CHECKER)
        with pytest.raises(SettlementError, match=r"^by: Nobody may not do this"):
            await demand_debt(work, "desco_postpaid", "Nobody")
        for decision, why in (
            (DemandDecision(1, " ", MAKER, CHECKER), "^reason"),
            (DemandDecision(1, "why", MAKER, MAKER), "^approved_by"),
        ):
            with pytest.raises(SettlementError, match=why):
                await withdraw_demand(work, decision)
    assert await alarms(stage) == []
    assert await figures(stage) == ("rejected", 0, 0, 0, OWED)


async def test_a_debt_that_shrinks_before_its_approval_is_demanded_anew(stage: Stage) -> None:
    await owing(stage)
    async with open_work(stage.desk) as work:
        await demand_debt(work, "desco_postpaid", MAKER)
    await stage.hold({DESCO: 100, "settlement_bank": 100})
    await stage.run(MON)
    async with open_work(stage.desk) as work:
        with pytest.raises(SettlementError, match=r"^amount: biller:desco_postpaid owes 4999.00 taka by now"):
            await approve_demand(work, 1, CHECKER)


async def test_a_name_that_two_debtors_have_needs_its_role(stage: Stage) -> None:
    await merchant(stage)
    await stage.hold({"payable:merchant:shop": -500, "settlement_bank": 500}, owed=[("shop", -500)])
    await owing(stage, 700, "payable:shop")
    with pytest.raises(UnknownPartyError, match="biller:shop and merchant:shop owe us"):
        await demanded(stage, "shop")


async def test_what_is_owed_less_by_now_is_refused_at_the_approval(stage: Stage) -> None:
    await demanded(await owing(stage))
    await follow(stage, stranger(OWED, "", "SB7"))
    await proposed(stage, ItemAction.LINK, ("demand:1", None))
    await stage.hold({DESCO: 100, "settlement_bank": 100})
    with pytest.raises(SettlementError, match=r"^amount: biller:desco_postpaid owes 4999.00 taka now"):
        await checked(stage)
    with pytest.raises(SettlementError, match=r"^amount: biller:desco_postpaid owes 4999.00 taka now"):
        await written_off(stage)


async def test_parts_that_moved_to_another_account_are_proposed_anew(stage: Stage) -> None:
    await merchant(stage)
    await owing(stage, 50_000, "payable:merchant:shop")
    await demanded(stage, "shop")
    await follow(stage, stranger(50_000, "", "SB7"))
    await proposed(stage, ItemAction.LINK, ("demand:1", None))
    moved = {"payable:merchant:shop": 10_000, "receivable:merchant:shop": 10_000}
    await stage.hold(moved, owed=[("shop", 10_000)])
    with pytest.raises(SettlementError, match=r"^demand: 1 is owed on other accounts by now"):
        await checked(stage)


def test_days_to_pay_have_bounds(tmp_path: Path) -> None:
    text = (CONFIG / "settlement.toml").read_text(encoding="utf-8")
    path = tmp_path / "settlement.toml"
    for days in ("0", "181", '"14"'):
        path.write_text(text.replace("due_days = 14", f"due_days = {days}"), encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"demands\.due_days"):
            read_registry(path)


UNBOUND = """
ALTER TABLE reconciliation.demands DROP CONSTRAINT ck_demands_two_persons,
  DROP CONSTRAINT ck_demands_figures, DROP CONSTRAINT ck_demands_end_entry
"""
TAMPERINGS = [
    ("UPDATE reconciliation.demands SET approved_by = asked_by", "one person"),
    ("UPDATE reconciliation.demands SET amount = 100000", "200000 paisa were paid of it"),
    ("UPDATE reconciliation.demands SET party = 'dhaka_wasa'", "no account of an approved demand"),
    ("UPDATE reconciliation.demands SET remainder = 5", "its entry does not write off 5 paisa"),
    ("UPDATE reconciliation.demands SET amount = amount + 1", "its paper does not say 500001 paisa"),
    ("DELETE FROM reconciliation.demands", "no account of an approved demand"),
    (
        "UPDATE reconciliation.demands SET ending = 'withdrawn', end_entry_id = NULL",
        "no demand has made it",
    ),
    (
        "UPDATE reconciliation.demands SET amount = 900000, content = content || '{\"amount\": 900000}'",
        "500000 paisa have come to its accounts, and 900000",
    ),
]


async def test_the_audit_proves_demands(stage: Stage) -> None:
    await demanded(await owing(stage))
    await follow(stage, stranger(200_000, "", "SB7"))
    await linked(stage, "demand:1")
    await written_off(stage)
    connection = await stage.books.superuser()
    assert await first_unsound_demand(connection) is None
    for tampering, why in TAMPERINGS:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"SET LOCAL session_replication_role = replica; {UNBOUND}; {tampering}")
        found = await first_unsound_demand(connection)
        await transaction.rollback()
        assert found is not None, tampering
        assert why in found.why, found
    await connection.close()


FORGED = """
INSERT INTO reconciliation.demands (id, role, party, amount, due_days, asked_by, asked_at, approved_by,
  approved_at, due_on, content)
SELECT gen_random_uuid(), 'biller', party, paisa, 14, 'Rahima', clock_timestamp(), 'Karim',
  clock_timestamp(), current_date + 14, jsonb_build_object('amount', paisa)
FROM (VALUES ('{party}', {paisa}::bigint)) AS f (party, paisa)
"""


@pytest.mark.parametrize(
    ("party", "owed", "paisa"), [("dhaka_wasa", 0, 500), ("desco_postpaid", OWED, OWED + 1)]
)
async def test_the_audit_finds_an_open_demand_beyond_what_was_owed(
    stage: Stage, party: str, owed: int, paisa: int
) -> None:
    await owing(stage)
    connection = await stage.books.superuser()
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(FORGED.format(party=party, paisa=paisa))
    found = await first_unsound_demand(connection)
    assert found is not None
    assert found.why == f"{owed} paisa were owed, and {paisa} are demanded"
    await connection.close()


APPROVED = """
UPDATE reconciliation.demands SET approved_by = 'Karim', approved_at = now(), due_on = current_date + 14,
  content = jsonb_build_object('amount', amount)
"""


async def test_the_database_keeps_a_demand_within_what_is_owed(stage: Stage) -> None:
    await owing(stage)
    new = "INSERT INTO reconciliation.demands (id, role, party, amount, due_days, asked_by) VALUES "
    for party, paisa in (("dhaka_wasa", 1), ("desco_postpaid", OWED + 1)):
        row = f"(gen_random_uuid(), 'biller', '{party}', {paisa}, 14, 'Rahima')"
        with pytest.raises(asyncpg.CheckViolationError, match="asked for more than it owes"):
            await stage.books.tell(new + row)
    async with open_work(stage.desk) as work:
        await demand_debt(work, "desco_postpaid", MAKER)
    await stage.hold({DESCO: 100, "settlement_bank": 100})
    await stage.run(MON)
    with pytest.raises(asyncpg.CheckViolationError, match="asked for more than it owes"):
        await stage.books.tell(APPROVED)


REFUSED = [
    ("UPDATE reconciliation.demands SET amount = 1", "never changes"),
    (
        "UPDATE reconciliation.demands SET ending = 'settled', ended_at = now(), paid = 1, remainder = 0",
        "ends with what was paid",
    ),
    (
        """
UPDATE reconciliation.demands SET ending = 'withdrawn', ended_at = now(), paid = 0, remainder = 1,
  ended_by = 'Rahima', end_approved_by = 'Nobody', end_reason = 'why'
""",
        "two persons who are of finance now end",
    ),
    (
        """
INSERT INTO reconciliation.demands (id, role, party, amount, due_days, asked_by)
VALUES (gen_random_uuid(), 'biller', 'x', 1, 1, 'Nobody')
""",
        "asked for by a person of finance",
    ),
]


async def test_the_database_refuses_what_nobody_may_do(stage: Stage) -> None:
    await demanded(await owing(stage))
    for statement, why in REFUSED:
        with pytest.raises(asyncpg.CheckViolationError, match=why):
            await stage.books.tell(statement)
