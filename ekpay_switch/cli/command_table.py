"""What `ekpay --help` lists: each command with its place, its group in the list and its summary.

Only the command that is typed is imported, and the list imports none: all of them take seconds. So the
summaries stand here; a test holds each against the command's own.
"""

from dataclasses import dataclass
from enum import StrEnum


class Heading(StrEnum):
    """The groups of the list, in its order."""

    START = "Start and try"
    PAYMENTS = "Payments"
    PEOPLE = "What waits on people"
    FINANCE = "Finance"
    PARTIES = "Parties and staff"
    INSTITUTIONS = "Billers, connectors, routing"
    OPERATION = "Database and proof"


@dataclass(frozen=True, slots=True)
class CoreCommand:
    """A command of the core: where it stands (`module:name`), and how it is listed."""

    place: str
    heading: Heading
    summary: str


COMMANDS = {
    "serve": CoreCommand(
        "ekpay_switch.cli.operations.serve:serve",
        Heading.START,
        "Serve the partner API until interrupted.",
    ),
    "worker": CoreCommand(
        "ekpay_switch.cli.operations.serve:worker",
        Heading.START,
        "Ask far sides about payments in doubt, and tidy up, until interrupted.",
    ),
    "status": CoreCommand(
        "ekpay_switch.cli.operations.status:status",
        Heading.START,
        "Print what runs, what is open, what waits for a person, and the last night; changes nothing.",
    ),
    "doctor": CoreCommand(
        "ekpay_switch.cli.operations.doctor:doctor",
        Heading.START,
        "Look at Python, settings, config, key and database; exits 1 if anything is wrong.",
    ),
    "command-server": CoreCommand(
        "ekpay_switch.cli.operations.command_server:command_server",
        Heading.OPERATION,
        "Carry out commands that a program sends, each within milliseconds; ends with its input.",
    ),
    "partner-crypto": CoreCommand(
        "ekpay_switch.cli.parties.partner_crypto:partner_crypto",
        Heading.PARTIES,
        "Encrypt and decrypt messages beside a partner's client, until interrupted.",
    ),
    "migrate": CoreCommand(
        "ekpay_switch.cli.operations.database:migrate",
        Heading.OPERATION,
        "Bring the database to the newest schema; does nothing when it is there.",
    ),
    "backup": CoreCommand(
        "ekpay_switch.cli.operations.backup:backup",
        Heading.OPERATION,
        "Copy the database server and verify the copy; it holds neither keys, passwords nor positions.",
    ),
    "audit": CoreCommand(
        "ekpay_switch.cli.operations.database:audit",
        Heading.OPERATION,
        "Prove the books from their rows alone; exits 1 and names the first broken row last.",
    ),
}
GROUPS = {
    "payments": CoreCommand(
        "ekpay_switch.cli.payments.commands:app",
        Heading.PAYMENTS,
        "Find payments and read their life.",
    ),
    "bills": CoreCommand("ekpay_switch.cli.payments.bills:app", Heading.PAYMENTS, "What payers owe."),
    "carts": CoreCommand(
        "ekpay_switch.cli.carts.commands:app",
        Heading.PAYMENTS,
        "Bills that citizens pay together.",
    ),
    "complaints": CoreCommand(
        "ekpay_switch.cli.complaints.commands:app",
        Heading.PEOPLE,
        "What payers complain about.",
    ),
    "text-messages": CoreCommand(
        "ekpay_switch.cli.citizens.text_messages:app",
        Heading.PEOPLE,
        "Text messages to citizens.",
    ),
    "receipts": CoreCommand(
        "ekpay_switch.cli.payments.receipts:app",
        Heading.PAYMENTS,
        "Show receipts and check them.",
    ),
    "refunds": CoreCommand(
        "ekpay_switch.cli.refunds.commands:app",
        Heading.PAYMENTS,
        "What goes back to payers.",
    ),
    "disputes": CoreCommand(
        "ekpay_switch.cli.disputes.commands:app",
        Heading.PAYMENTS,
        "What payers contest through their connectors.",
    ),
    "alarms": CoreCommand(
        "ekpay_switch.cli.alarms.commands:app",
        Heading.PEOPLE,
        "What waits on a person, who owns it and until when.",
    ),
    "decide": CoreCommand(
        "ekpay_switch.cli.decisions.commands:app",
        Heading.PEOPLE,
        "Two persons decide about money that waits.",
    ),
    "partners": CoreCommand(
        "ekpay_switch.cli.parties.partners:app",
        Heading.PARTIES,
        "Partners, their secrets, API keys and prefunds.",
    ),
    "merchants": CoreCommand(
        "ekpay_switch.cli.merchants.commands:app",
        Heading.PARTIES,
        "Merchants, their agreements, pass keys and payees.",
    ),
    "notifications": CoreCommand(
        "ekpay_switch.cli.notifications.commands:app",
        Heading.PARTIES,
        "What partners were told, and their endpoints.",
    ),
    "agents": CoreCommand(
        "ekpay_switch.cli.agents.commands:app",
        Heading.PARTIES,
        "Operators at the counters of agents, their cash drawers, and commission.",
    ),
    "staff": CoreCommand(
        "ekpay_switch.cli.parties.staff:app",
        Heading.PARTIES,
        "The people who may move money by hand.",
    ),
    "access": CoreCommand(
        "ekpay_switch.cli.parties.access:app",
        Heading.PARTIES,
        "Partners, merchants and keys: asked for by one person, approved by another.",
    ),
    "billers": CoreCommand(
        "ekpay_switch.cli.billers.commands:app",
        Heading.INSTITUTIONS,
        "The billers that can be paid.",
    ),
    "connectors": CoreCommand(
        "ekpay_switch.cli.connectors.commands:app",
        Heading.INSTITUTIONS,
        "The ways for money to come in.",
    ),
    "routing": CoreCommand(
        "ekpay_switch.cli.routing.commands:app",
        Heading.INSTITUTIONS,
        "Which connector collects a payer's money, and why.",
    ),
    "config": CoreCommand(
        "ekpay_switch.cli.operations.config_commands:app",
        Heading.OPERATION,
        "Which configuration is in use, and a copy of it to edit.",
    ),
    "db": CoreCommand("ekpay_switch.cli.operations.database:app", Heading.OPERATION, "The database itself."),
    "restore": CoreCommand(
        "ekpay_switch.cli.operations.restore:app",
        Heading.OPERATION,
        "A restored database: what it lost, and its release by two persons.",
    ),
}
CORE = COMMANDS | GROUPS
# What is typed most is imported without the rest of its group.
FREQUENT = {("payments", "list"): "ekpay_switch.cli.payments.payment_list:list_"}
# What a wing's command gets as its context's object.
FINANCE = "ekpay_switch.cli.ledger.finance:OpenedFinance"
