"""`ekpay agents`: operators that two persons add, drawers that the staff closes, and what agents earn."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from ekpay_switch.cli.session import keys_of
from ekpay_switch.domain.ledger.posting_rules import commission_earned_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.agents.counter import PostgresAgentCounter
from ekpay_switch.persistence.citizens.accounts import PostgresCitizenAccounts
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.ledger.adjustments import post_adjustments
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.ports.finance import Adjustment
from ekpay_switch.security.identifiers import uuid7
from ekpay_switch.security.one_time_codes import CodeDigests
from ekpay_switch.settings import Settings
from tests.cli.command_result import Ekpay
from tests.cli.two_persons import BOTH_FOUNDERS, FOUNDERS, with_both
from tests.database import database_of
from tests.persistence.books import SEALER
from tests.persistence.citizens.test_saved_bills import entered

BOOK = "INSERT INTO agent_commissions (id, partner_id, amount) VALUES ($1, $2, $3)"
NUMBER = "01712345678"
BY = ("--by", FOUNDERS[0])


async def _open_drawer(home: Path) -> str:
    """The operator of this number opens a drawer with 500 taka; its id."""
    async with ShortTransactions(database_of(EmbeddedPostgres(home).start()).connect_hot) as transactions:
        who = await entered(_accounts(transactions, home), NUMBER)
        counter = PostgresAgentCounter(transactions)
        operator = await counter.operator_of(who.citizen_id)
        assert operator is not None
        return str((await counter.open_drawer(uuid7(), operator, Money(50_000))).drawer_id)


async def _sign_in(home: Path) -> None:
    async with ShortTransactions(database_of(EmbeddedPostgres(home).start()).connect_hot) as transactions:
        await entered(_accounts(transactions, home), NUMBER)


def _accounts(transactions: ShortTransactions, home: Path) -> PostgresCitizenAccounts:
    digests = CodeDigests(keys_of(Settings(home=home)))
    return PostgresCitizenAccounts(transactions, digests, SEALER)


async def _earn(home: Path, paisa: int) -> UUID:
    """Commission of the agent, as the worker books it; its entry."""
    commission_id = uuid7()
    entry = commission_earned_entry("udc1", Money(paisa))

    async def _book(connection: Connection) -> None:
        await post_adjustments(connection, [Adjustment.of(commission_id, entry)])
        await connection.execute(BOOK, commission_id, "udc1", paisa)

    async with ShortTransactions(database_of(EmbeddedPostgres(home).start()).connect_hot) as transactions:
        await transactions.run(_book, [posting.account for posting in entry.postings])
    return commission_id


@pytest.fixture
def here(own_home: Path) -> Mapping[str, str]:
    return {"EKPAY_HOME": str(own_home)}


@pytest.fixture
def agent(ekpay: Ekpay, here: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EKPAY_HOME", here["EKPAY_HOME"])
    assert with_both(ekpay, "partners", "add", "udc1", "--name", "Union centre").code == 0
    return "udc1"


def added(ekpay: Ekpay, agent: str, number: str = NUMBER) -> dict[str, Any]:
    done = with_both(ekpay, "agents", "add-operator", agent, number, "Rahim", "--json")
    assert done.code == 0, done.err
    shown: dict[str, Any] = json.loads(done.out)
    return shown


def test_an_operator_is_added_by_two_persons_and_removed_by_one(
    ekpay: Ekpay, own_home: Path, agent: str
) -> None:
    asyncio.run(_sign_in(own_home))
    asked = ekpay("agents", "add-operator", agent, "+8801712345678", "Rahim", *BY, **BOTH_FOUNDERS)
    assert asked.code == 0, asked.err
    assert json.loads(ekpay("agents", "operators", "--json").out) == []
    (change,) = json.loads(ekpay("access", "list", "--json").out)
    assert NUMBER not in json.dumps(change)
    approved = ekpay("access", "approve", change["id"], "--by", FOUNDERS[1], **BOTH_FOUNDERS)
    assert (approved.code, "Shown once" in approved.out) == (0, False)
    (line,) = json.loads(ekpay("agents", "operators", "--json").out)
    assert (line["partner_id"], line["name"], line["removed_at"]) == (agent, "Rahim", None)
    assert "Rahim" in ekpay("agents", "operators").out
    removed = [
        ekpay("agents", "remove-operator", line["operator_id"], *BY, **BOTH_FOUNDERS) for _ in range(2)
    ]
    assert [done.out.split()[2:] for done in removed] == [["is", "removed."], ["was", "removed", "before."]]
    assert json.loads(ekpay("agents", "operators", "--json").out) == []
    (line,) = json.loads(ekpay("agents", "operators", "--all", "--json").out)
    assert line["removed_by"] == FOUNDERS[0]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("udc1", "12345"), 2, "a mobile number of Bangladesh"),
        (("udc1", "01812345678"), 1, "number: nobody has signed in with it"),
        (("nobody", NUMBER), 1, "partner: nobody is no active partner with a prefund"),
    ],
)
def test_whoever_cannot_be_an_operator_is_refused_with_the_field(
    ekpay: Ekpay, own_home: Path, agent: str, words: tuple[str, str], code: int, why: str
) -> None:
    assert agent == "udc1"
    asyncio.run(_sign_in(own_home))
    done = with_both(ekpay, "agents", "add-operator", *words, "Rahim")
    assert done.code == code
    assert why in done.err
    assert json.loads(ekpay("access", "list", "--json").out) == []


def test_a_drawer_of_an_operator_who_is_gone_is_closed_by_the_staff(
    ekpay: Ekpay, own_home: Path, agent: str
) -> None:
    asyncio.run(_sign_in(own_home))
    operator_id = added(ekpay, agent)["operator_id"]
    drawer_id = asyncio.run(_open_drawer(own_home))
    assert ekpay("agents", "remove-operator", operator_id, *BY, **BOTH_FOUNDERS).code == 0
    (line,) = json.loads(ekpay("agents", "drawers", "--json").out)
    assert (line["drawer_id"], line["opening_paisa"], line["counted_paisa"]) == (drawer_id, 50_000, None)
    assert "500.00" in ekpay("agents", "drawers").out
    closing = ("agents", "close-drawer", drawer_id, "--counted", "480.50", *BY)
    done = ekpay(*closing, **BOTH_FOUNDERS)
    assert (done.code, done.err) == (0, "")
    assert "expected 500.00, difference -19.50" in done.out
    again = ekpay(*closing, **BOTH_FOUNDERS)
    assert (again.code, "there is no open drawer" in again.err) == (1, True)
    assert json.loads(ekpay("agents", "drawers", "--json").out) == []
    (line,) = json.loads(ekpay("agents", "drawers", "--all", "--json").out)
    assert (line["expected_paisa"], line["counted_paisa"], line["closed_by"]) == (50_000, 48_050, FOUNDERS[0])
    assert "480.50" in ekpay("agents", "drawers", "--all").out


def test_what_is_no_drawer_is_not_closed(ekpay: Ekpay, agent: str) -> None:
    assert agent == "udc1"
    words = ("agents", "close-drawer", str(uuid4()), "--counted")
    assert ekpay(*words, "many", *BY, **BOTH_FOUNDERS).code == 2
    assert ekpay(*words, "5", "--by", "nobody", **BOTH_FOUNDERS).code == 1


def test_what_agents_have_earned_is_listed(ekpay: Ekpay, own_home: Path, agent: str) -> None:
    assert json.loads(ekpay("agents", "commissions", "--json").out) == []
    commission_id = asyncio.run(_earn(own_home, 12_345))
    (line,) = json.loads(ekpay("agents", "commissions", "--json").out)
    assert (line["entry_id"], line["partner_id"], line["amount_paisa"]) == (str(commission_id), agent, 12_345)
    assert line["order_count"] == 0
    shown = ekpay("agents", "commissions").out
    assert "123.45" in shown
    assert agent in shown
