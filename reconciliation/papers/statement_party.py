"""Whose statement: a partner, a merchant, a payee of one or an agent, with the accounts that are theirs."""

from dataclasses import dataclass

from ekpay_switch.domain.ledger.posting_rules import commission_account
from ekpay_switch.ports.finance import Connection
from reconciliation.errors import UnknownPartyError
from reconciliation.reports.wording import BilingualText

PARTY_ROLES = {
    "partner": BilingualText("Partner", "অংশীদার"),
    "merchant": BilingualText("Merchant", "মার্চেন্ট"),
    "payee": BilingualText("Payee", "প্রাপক"),
    "agent": BilingualText("Agent", "এজেন্ট"),
}
_PARTNER = "SELECT name FROM partners WHERE id = $1"
_PREFUNDS = "SELECT code FROM accounts WHERE starts_with(code, 'prefund:' || $1 || ':') ORDER BY code"
_MERCHANT = (
    "SELECT p.name FROM merchants AS m JOIN partners AS p ON p.id = m.partner_id WHERE m.partner_id = $1"
)
# An agent has a statement of its commission once it has earned some.
_AGENT = """
SELECT name FROM partners AS p WHERE id = $1
  AND EXISTS (SELECT FROM agent_commissions AS c WHERE c.partner_id = p.id)
"""
_PAYEE = "SELECT name FROM merchant_payees WHERE partner_id = $1 AND code = $2"


@dataclass(frozen=True, slots=True)
class StatementParty:
    """A party with its name, and the accounts of the ledger that are its own."""

    role: str
    id: str
    name: str
    accounts: tuple[str, ...]


async def find_party(connection: Connection, typed: str) -> StatementParty:
    """The party that is typed as `partner:bank1`, `merchant:shop`, `payee:shop:seller` or `agent:udc1`.

    Raises:
        UnknownPartyError: nobody is called so.
    """
    role, _, name = typed.partition(":")
    party = None
    if role == "partner":
        party = await _partner(connection, name)
    elif role == "merchant":
        party = await _merchant(connection, name)
    elif role == "payee":
        party = await _payee(connection, *name.partition(":")[::2])
    elif role == "agent":
        party = await _agent(connection, name)
    if party is None:
        raise UnknownPartyError(
            f"{typed} is no partner:ID, merchant:ID, payee:MERCHANT:CODE or agent:ID of ours"
        )
    return party


async def _partner(connection: Connection, partner_id: str) -> StatementParty | None:
    name = await connection.fetchval(_PARTNER, partner_id)
    accounts = tuple(row["code"] for row in await connection.fetch(_PREFUNDS, partner_id))
    return StatementParty("partner", partner_id, name, accounts) if name and accounts else None


async def _merchant(connection: Connection, partner_id: str) -> StatementParty | None:
    name = await connection.fetchval(_MERCHANT, partner_id)
    accounts = (f"payable:merchant:{partner_id}", f"receivable:merchant:{partner_id}")
    return StatementParty("merchant", partner_id, name, accounts) if name else None


async def _payee(connection: Connection, partner_id: str, code: str) -> StatementParty | None:
    name = await connection.fetchval(_PAYEE, partner_id, code)
    accounts = (f"commission_payable:merchant:{partner_id}:{code}", f"payable:merchant:{partner_id}:{code}")
    return StatementParty("payee", f"{partner_id}:{code}", name, accounts) if name else None


async def _agent(connection: Connection, partner_id: str) -> StatementParty | None:
    name = await connection.fetchval(_AGENT, partner_id)
    return StatementParty("agent", partner_id, name, (commission_account(partner_id),)) if name else None
